package peers

import (
	"github.com/completionport/completion/bench/internal/echo"
	"github.com/tidwall/evio"
	"golang.org/x/sys/unix"
)

// serveEvio is evio's example echo-server, with ReuseInputBuffer, so that the data is copied
// once and not twice. evio reads into 64 KiB, whatever the others have.
func serveEvio(s echo.Spec, _, workers int) (string, error) {
	addr, ended := make(chan string, 1), make(chan error, 1)
	store := s.NewStore()
	events := evio.Events{NumLoops: workers, LoadBalance: evio.RoundRobin}
	events.Serving = func(server evio.Server) evio.Action {
		if err := noDelayListeners(); err != nil {
			ended <- err
			return evio.Shutdown
		}
		addr <- server.Addrs[0].String()
		return evio.None
	}
	events.Opened = func(c evio.Conn) ([]byte, evio.Options, evio.Action) {
		c.SetContext(newDialogue(store))
		return nil, evio.Options{ReuseInputBuffer: true}, evio.None
	}
	events.Data = func(c evio.Conn, in []byte) ([]byte, evio.Action) {
		out, err := c.Context().(*dialogue).answer(in)
		if err != nil {
			return nil, evio.Close
		}
		return out, evio.None
	}
	go func() { ended <- evio.Serve(events, "tcp4://"+anyPort) }()
	return await(addr, ended)
}

// noDelayListeners sets TCP_NODELAY of the listeners of this process, which accepted sockets
// inherit. evio has no option for it, and shows no descriptor.
func noDelayListeners() error {
	for fd := range 1000 {
		if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 0 {
			continue
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return err
		}
	}
	return nil
}
