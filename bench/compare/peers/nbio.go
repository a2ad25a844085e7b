package peers

import (
	"net"

	"github.com/completionport/completion/bench/internal/echo"
	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
)

// serveNbio is the echo server of nbio's README, without its copy of the data: Write sends at
// once, and copies what the socket does not take. Level-triggered polling, in which the
// poller's goroutine also reads, is the default and best for handlers that do not wait.
func serveNbio(s echo.Spec, buffer, workers int) (string, error) {
	logging.SetLevel(logging.LevelError)
	var l net.Listener
	engine := nbio.NewEngine(nbio.Config{
		Network:        "tcp",
		Addrs:          []string{anyPort},
		NPoller:        workers,
		ReadBufferSize: buffer,
		Listen: func(network, addr string) (_ net.Listener, err error) {
			l, err = net.Listen(network, addr) // what it accepts has TCP_NODELAY
			return l, err
		},
	})
	store := s.NewStore()
	engine.OnData(func(c *nbio.Conn, data []byte) {
		d, _ := c.Session().(*dialogue)
		if d == nil && store != nil {
			d = newDialogue(store)
			c.SetSession(d)
		}
		out, err := d.answer(data)
		if err == nil && len(out) > 0 {
			_, err = c.Write(out)
		}
		if err != nil {
			c.Close()
		}
	})
	if err := engine.Start(); err != nil {
		return "", err
	}
	return l.Addr().String(), nil
}
