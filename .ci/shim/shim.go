// Package shim has the functions of package net that the tests of other libraries call. The
// variable NET selects what they do: net (package net), system (ionet on the default port)
// or memory (ionet on a completion.Memory). See docs/foreign.md.
package shim

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
)

var (
	onNet = os.Getenv("NET") == "net"
	port  *completion.Port // nil for the default port
)

func init() {
	switch os.Getenv("NET") {
	case "memory":
		network := new(completion.Memory)
		network.SetHost("localhost", netip.MustParseAddr("127.0.0.1"))
		var err error
		if port, err = completion.Open(&completion.Config{Memory: network}); err != nil {
			panic(err)
		}
	case "net", "system":
	default:
		panic("NET is not net, system or memory")
	}
	http.DefaultTransport.(*http.Transport).DialContext = DialContext
}

// Listen is net.Listen.
func Listen(network, address string) (net.Listener, error) {
	if onNet {
		return net.Listen(network, address)
	}
	if port != nil { // a Memory has names for Dial only
		address = strings.Replace(address, "localhost:", "127.0.0.1:", 1)
	}
	return ionet.ListenConfig{Port: port}.Listen(context.Background(), network, address)
}

// Dialer is net.Dialer.
type Dialer struct {
	Timeout  time.Duration
	Deadline time.Time
}

// DialContext is net.Dialer.DialContext.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if onNet {
		return (&net.Dialer{Timeout: d.Timeout, Deadline: d.Deadline}).DialContext(ctx, network, address)
	}
	return (&ionet.Dialer{Port: port, Timeout: d.Timeout, Deadline: d.Deadline}).DialContext(ctx, network, address)
}

// Dial is net.Dialer.Dial.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialContext is that of a Dialer without settings.
func DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return new(Dialer).DialContext(ctx, network, address)
}

// Dial is net.Dial.
func Dial(network, address string) (net.Conn, error) { return new(Dialer).Dial(network, address) }

// DialTimeout is net.DialTimeout.
func DialTimeout(network, address string, d time.Duration) (net.Conn, error) {
	return (&Dialer{Timeout: d}).Dial(network, address)
}

// Pipe returns both ends of a connection, in place of those of net.Pipe.
func Pipe() (net.Conn, net.Conn) {
	l, err := Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	a, err := Dial("tcp", l.Addr().String())
	if err != nil {
		panic(err)
	}
	b, err := l.Accept()
	if err != nil {
		panic(err)
	}
	return a, b
}

// NewUnstartedServer is httptest.NewUnstartedServer.
func NewUnstartedServer(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	var err error
	if s.Listener, err = Listen("tcp", "127.0.0.1:0"); err != nil {
		panic(err)
	}
	return s
}

// NewServer is httptest.NewServer.
func NewServer(h http.Handler) *httptest.Server {
	s := NewUnstartedServer(h)
	s.Start()
	return Fix(s)
}

// NewTLSServer is httptest.NewTLSServer.
func NewTLSServer(h http.Handler) *httptest.Server {
	s := NewUnstartedServer(h)
	s.StartTLS()
	return Fix(s)
}

// Fix makes the client of a server connect with Dial.
func Fix(s *httptest.Server) *httptest.Server {
	s.Client().Transport.(*http.Transport).DialContext = DialContext
	return s
}
