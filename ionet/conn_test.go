package ionet_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/nettest"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a port and where its connections are.
type world struct {
	name    string
	network string
	open    func(t testing.TB) *completion.Port
	address func(t testing.TB) string
}

func onSystem(t testing.TB) *completion.Port {
	t.Helper()
	p, err := completion.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func onMemory(t testing.TB) *completion.Port {
	t.Helper()
	p, err := completion.Open(&completion.Config{Memory: new(completion.Memory)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func anyTCP(testing.TB) string { return "127.0.0.1:0" }

func anyFile(t testing.TB) string { return filepath.Join(t.TempDir(), "s") }

var worlds = []world{
	{"tcp", "tcp", onSystem, anyTCP},
	{"unix", "unix", onSystem, anyFile},
	{"memory", "tcp", onMemory, anyTCP},
	{"memory unix", "unix", onMemory, func(testing.TB) string { return "any text" }},
}

// each runs a test in every world.
func each(t *testing.T, f func(t *testing.T, w world)) {
	t.Helper()
	for _, w := range worlds {
		if w.name == "unix" && !hasUnix() {
			continue
		}
		t.Run(w.name, func(t *testing.T) { f(t, w) })
	}
}

// hasUnix asks the system.
var hasUnix = sync.OnceValue(func() bool {
	dir, err := os.MkdirTemp("", "ionet")
	if err != nil {
		return false
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err == nil {
		l.Close()
	}
	return err == nil
})

// pair returns both ends of a connection on one port.
func (w world) pair(t testing.TB) (a, b *ionet.Conn) {
	t.Helper()
	a, b, stop, err := w.pipe(t, w.open(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return a, b
}

func (w world) pipe(t testing.TB, p *completion.Port) (a, b *ionet.Conn, stop func(), err error) {
	l, err := ionet.ListenConfig{Port: p}.Listen(context.Background(), w.network, w.address(t))
	if err != nil {
		return nil, nil, nil, err
	}
	defer l.Close()
	dialer := ionet.Dialer{Port: p}
	c, err := dialer.Dial(w.network, l.Addr().String())
	if err != nil {
		return nil, nil, nil, err
	}
	d, err := l.Accept()
	if err != nil {
		c.Close()
		return nil, nil, nil, err
	}
	a, b = c.(*ionet.Conn), d.(*ionet.Conn)
	return a, b, func() { a.Close(); b.Close() }, nil
}

// The suite of package net for its own connections.
func TestConn(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		nettest.TestConn(t, func() (a, b net.Conn, stop func(), err error) {
			return w.pipe(t, w.open(t))
		})
	})
}
