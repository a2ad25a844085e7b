package peers

import (
	"log"

	"github.com/completionport/completion/bench/internal/echo"
	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// gnetServer is the echo server of gnet's README: OnTraffic takes all that has come, and
// writes it.
//
// Level-triggered polling is the default, and best here: edge-triggered, gnet reads until
// there is nothing more, one call more for each message. The build tags poll_opt and gc_opt
// select another poller and another table of connections: build this program with
// -tags poll_opt,gc_opt, and name it with the setting exe.
type gnetServer struct {
	gnet.BuiltinEventEngine
	store *echo.Store
	addr  chan string
	ended chan error
}

func serveGnet(s echo.Spec, buffer, workers int) (string, error) {
	g := &gnetServer{store: s.NewStore(), addr: make(chan string, 1), ended: make(chan error, 1)}
	go func() {
		g.ended <- gnet.Run(g, "tcp4://"+anyPort, gnet.WithNumEventLoop(workers), gnet.WithReadBufferCap(buffer),
			gnet.WithTCPNoDelay(gnet.TCPNoDelay), gnet.WithLogger(gnetLog{}))
	}()
	return await(g.addr, g.ended)
}

// OnBoot reports the address, which only the socket knows.
func (g *gnetServer) OnBoot(e gnet.Engine) gnet.Action {
	fd, err := e.Dup()
	if err != nil {
		g.ended <- err
		return gnet.Shutdown
	}
	defer unix.Close(fd)
	addr, err := addressOf(fd)
	if err != nil {
		g.ended <- err
		return gnet.Shutdown
	}
	g.addr <- addr
	return gnet.None
}

func (g *gnetServer) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	if g.store != nil {
		c.SetContext(newDialogue(g.store))
	}
	return nil, gnet.None
}

func (g *gnetServer) OnTraffic(c gnet.Conn) gnet.Action {
	in, err := c.Next(-1)
	if err != nil {
		return gnet.Close
	}
	d, _ := c.Context().(*dialogue)
	out, err := d.answer(in)
	if err != nil {
		return gnet.Close
	}
	if len(out) > 0 {
		c.Write(out) // closes the connection if it fails
	}
	return gnet.None
}

// gnetLog logs what is wrong to the standard error. gnet's own logger uses the standard
// output, where the answers to the commands go.
type gnetLog struct{}

func (gnetLog) Debugf(string, ...any)             {}
func (gnetLog) Infof(string, ...any)              {}
func (gnetLog) Warnf(format string, args ...any)  { log.Printf("gnet: "+format, args...) }
func (gnetLog) Errorf(format string, args ...any) { log.Printf("gnet: "+format, args...) }
func (gnetLog) Fatalf(format string, args ...any) { log.Fatalf("gnet: "+format, args...) }
