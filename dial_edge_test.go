package completion_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
)

// A context may end at any moment of the lookups and connects.
func TestDialContextEndsAnytime(t *testing.T) {
	var network completion.Memory
	p, err := completion.Open(&completion.Config{Memory: &network})
	must(t, err)
	defer p.Close()
	network.SetHost("a.test", netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1"))
	l, err := network.Listen("tcp", "10.0.0.1:80")
	must(t, err)
	defer l.Close()
	for i := range 2000 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for range i % 300 {
				runtime.Gosched()
			}
			cancel()
		}()
		s, err := p.Dial(ctx, "tcp", "a.test:80")
		switch {
		case err == nil:
			c, err := l.Accept()
			must(t, err)
			c.Close()
			s.Close()
		case !errors.Is(err, context.Canceled):
			t.Fatalf("Dial %d: %v", i, err)
		}
		cancel()
	}
	if s := p.Stats(); s.InFlight != 0 || s.Handles != 0 {
		t.Errorf("left over: %+v", s)
	}
}

// An address of which a part is missing leaves that to the system, and one that can't be
// is refused.
func TestDialKindsOfLocalAddr(t *testing.T) {
	for name, c := range map[string]struct {
		local net.Addr
		want  error
		port  int
	}{
		"nil pointer":       {(*net.TCPAddr)(nil), nil, 0},
		"nil unix pointer":  {(*net.UnixAddr)(nil), nil, 0},
		"empty":             {&net.TCPAddr{}, nil, 0},
		"port only":         {&net.TCPAddr{Port: 4000}, nil, 4000},
		"unspecified":       {&net.TCPAddr{IP: net.IPv4zero, Port: 4000}, nil, 4000},
		"port too high":     {&net.TCPAddr{Port: 1<<16 + 4000}, syscall.EINVAL, 0},
		"port below zero":   {&net.TCPAddr{IP: net.IPv4(10, 0, 0, 9), Port: -1}, syscall.EINVAL, 0},
		"of another family": {&net.UnixAddr{Name: "x"}, syscall.EAFNOSUPPORT, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inDialWorld(t, func(w *dialWorld) {
				for _, address := range []string{"10.0.0.1:80", "[fd00::1]:80"} {
					w.listen(address)
					w.dialFrom(c.local, address, c.want, c.port)
				}
			})
		})
	}
}

// dialFrom dials from a local address and checks the error, and the local port unless
// that is 0.
func (w *dialWorld) dialFrom(local net.Addr, address string, want error, port int) {
	w.Helper()
	s, err := completion.Dialer{LocalAddr: local}.Dial(w.Context(), w.port, "tcp", address)
	if a, ok := local.(*net.TCPAddr); ok && a != nil && a.IP != nil && address[0] == '[' {
		dialFails(w.T, err, new(net.AddrError)) // LocalAddr excludes this family
		return
	}
	if !errors.Is(err, want) {
		w.Fatalf("%s: %v, want %v", address, err, want)
	}
	if err != nil {
		return
	}
	if got := s.LocalAddr().(*net.TCPAddr).Port; port != 0 && got != port {
		w.Errorf("%s: the local port is %d", address, got)
	}
	must(w.T, s.Close())
}

// If the context ends during a lookup, the error matches that of the context.
func TestDialContextEndsInLookup(t *testing.T) {
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	silent := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	_, err = completion.Dialer{Timeout: 50 * time.Millisecond, Resolver: silent}.Dial(t.Context(), p, "tcp", "a.invalid:1")
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) || !err.(net.Error).Timeout() {
		t.Errorf("the error is %v", err)
	}
}

// An error of a bind names where the Dial was to lead.
func TestDialErrorOfBind(t *testing.T) {
	inDialWorld(t, func(w *dialWorld) {
		w.listen("10.0.0.1:80")
		local := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 80}
		_, err := completion.Dialer{LocalAddr: local}.Dial(w.Context(), w.port, "tcp", "10.0.0.1:80")
		if e, ok := err.(*net.OpError); !ok || e.Addr.String() != "10.0.0.1:80" || e.Source.String() != local.String() || !errors.Is(err, syscall.EADDRINUSE) {
			w.Errorf("the error is %v", err)
		}
	})
}

// halfServer is a connection to a name server that answers the question for an IPv4
// address with 127.0.0.1, and no other.
type halfServer struct {
	net.Conn
	answers chan []byte
	rest    []byte // of an answer that was not read whole
	closed  chan struct{}
}

func (h *halfServer) Write(question []byte) (int, error) {
	body := question[2:] // over a stream, the length is ahead
	end := 12 + strings.IndexByte(string(body[12:]), 0) + 5
	if kind := body[end-3]; kind == 1 {
		answer := append([]byte{}, body[:end]...)
		answer[2], answer[3] = 0x81, 0x80                        // a response without an error
		copy(answer[6:12], []byte{0, 1, 0, 0, 0, 0})             // one answer and nothing more
		answer = append(answer, 0xc0, 12, 0, 1, 0, 1)            // of the name in the question
		answer = append(answer, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1) // for 60 s
		h.answers <- append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...)
	}
	return len(question), nil
}

func (h *halfServer) Read(p []byte) (int, error) {
	if len(h.rest) == 0 {
		select {
		case h.rest = <-h.answers:
		case <-h.closed:
			return 0, net.ErrClosed
		}
	}
	n := copy(p, h.rest)
	h.rest = h.rest[n:]
	return n, nil
}

func (h *halfServer) Close() error { return nil }

func (h *halfServer) SetDeadline(time.Time) error { return nil }

// One address has refused, and the context ends while the lookup of the others goes on:
// the error matches both.
func TestDialContextEndsAfterRefusal(t *testing.T) {
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	w := &world{T: t}
	_, port, _ := net.SplitHostPort(w.refusingAddress().String())
	defer func() {
		for _, f := range w.closers {
			must(t, f())
		}
	}()
	over := make(chan struct{}) // ends what package net goes on with
	half := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		select {
		case <-over:
			return nil, net.ErrClosed
		default:
			return &halfServer{answers: make(chan []byte, 1), closed: over}, nil
		}
	}}
	_, err = completion.Dialer{Timeout: time.Second, Resolver: half}.Dial(t.Context(), p, "tcp", "a.example.:"+port)
	close(over)
	if !errors.Is(err, syscall.ECONNREFUSED) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
}

// A Dial that gets no socket names the address, as one whose connect fails does.
func TestDialWithoutSocketNamesAddress(t *testing.T) {
	m, p, _ := memoryPort(t)
	for network, address := range map[string]string{"tcp": "10.0.0.1:80", "unix": "name"} {
		m.Fail("socket", syscall.EMFILE, 1)
		_, err := p.Dial(t.Context(), network, address)
		e := new(net.OpError)
		if !errors.As(err, &e) || e.Op != "dial" || e.Addr == nil || e.Addr.String() != address || !e.Temporary() || !errors.Is(err, syscall.EMFILE) {
			t.Errorf("%s: %v", network, err)
		}
	}
	m.SetHost("two.test", netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"))
	m.Fail("socket", syscall.EMFILE, 2)
	_, err := p.Dial(t.Context(), "tcp", "two.test:80")
	if text := err.Error(); !strings.Contains(text, "10.0.0.1:80") || !strings.Contains(text, "10.0.0.2:80") {
		t.Error(text)
	}
}
