package completion_test

import (
	"net"
	"testing"

	"github.com/completionport/completion"
)

// Linux connects a socket to itself if its local address is the one that it is to reach.
// Dial takes that for no connection, unless the program has asked for it.
func TestDialSelfConnect(t *testing.T) {
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	l, err := net.Listen("tcp4", "127.93.71.5:0") // nobody else's connection takes the port meanwhile
	must(t, err)
	free := l.Addr().(*net.TCPAddr)
	must(t, l.Close())
	s, err := completion.Dialer{LocalAddr: free}.Dial(t.Context(), p, "tcp", free.String())
	must(t, err)
	defer s.Close()
	if !completion.IsSelfConnected(s, nil) || completion.IsSelfConnected(s, free) {
		t.Errorf("%v and %v are not found to be one socket, or though the program wanted it", s.LocalAddr(), s.RemoteAddr())
	}
	other, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer other.Close()
	c, err := p.Dial(t.Context(), "tcp", other.Addr().String())
	must(t, err)
	defer c.Close()
	if completion.IsSelfConnected(c, nil) {
		t.Error("a connection to a listener is taken for one to itself")
	}
}
