package ionet_test

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
	"github.com/completionport/completion/porttest"
)

// packetPorts runs f on each backend, and in a bubble on a Memory.
func packetPorts(t *testing.T, f func(t *testing.T, p *completion.Port)) {
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) {
		p, err := open(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		f(t, p)
	})
	t.Run("bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, err := completion.Open(&completion.Config{Memory: new(completion.Memory)})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			f(t, p)
		})
	})
}

func listenPacket(t *testing.T, p *completion.Port) *ionet.PacketConn {
	t.Helper()
	c, err := ionet.ListenConfig{Port: p}.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return c.(*ionet.PacketConn)
}

func TestPacketConn(t *testing.T) {
	packetPorts(t, func(t *testing.T, p *completion.Port) {
		a, b := listenPacket(t, p), listenPacket(t, p)
		defer a.Close()
		var served sync.WaitGroup
		served.Go(func() { // echoes until b is closed
			buf := make([]byte, 100)
			for {
				n, from, err := b.ReadFrom(buf)
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if _, err := b.WriteTo(buf[:n], from); err != nil {
					t.Errorf("echo: %v", err)
				}
			}
		})
		buf := make([]byte, 4)
		for _, c := range []struct{ sent, got string }{{"hi", "hi"}, {"", ""}, {"longer", "long"}} {
			if n, err := a.WriteTo([]byte(c.sent), b.LocalAddr()); n != len(c.sent) || err != nil {
				t.Fatalf("sent %d: %v", n, err)
			}
			n, from, err := a.ReadFromUDPAddrPort(buf)
			if err != nil || string(buf[:n]) != c.got || from.String() != b.LocalAddr().String() {
				t.Fatalf("received %q from %v: %v", buf[:n], from, err)
			}
		}
		b.Close()
		served.Wait()
		if err := b.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed twice: %v", err)
		}
	})
}

func TestPacketConnDeadline(t *testing.T) {
	packetPorts(t, func(t *testing.T, p *completion.Port) {
		c := listenPacket(t, p)
		c.SetDeadline(time.Now().Add(time.Millisecond))
		_, addr, err := c.ReadFrom(make([]byte, 1))
		var failure net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &failure) || !failure.Timeout() || addr != nil {
			t.Errorf("%v, %v", addr, err)
		}
		c.SetDeadline(time.Time{})
		if n, err := c.WriteTo([]byte("x"), c.LocalAddr()); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := c.Read(make([]byte, 9)); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		c.Close()
		if err := c.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestPacketConnConnected(t *testing.T) {
	packetPorts(t, func(t *testing.T, p *completion.Port) {
		b := listenPacket(t, p)
		s, err := p.DialPacket("udp", b.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		var a net.Conn = ionet.NewPacketConn(p, s)
		if a.RemoteAddr().String() != b.LocalAddr().String() {
			t.Errorf("peer %v", a.RemoteAddr())
		}
		if _, err := a.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		n, err := b.Read(nil) // takes the datagram, as package net does
		if n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if _, err := a.(net.PacketConn).WriteTo([]byte("x"), b.LocalAddr()); !errors.Is(err, net.ErrWriteToConnected) {
			t.Errorf("WriteTo of a connected socket: %v", err)
		}
		for _, bad := range []net.Addr{nil, (*net.UDPAddr)(nil), &net.TCPAddr{}} {
			if _, err := b.WriteTo([]byte("x"), bad); !errors.Is(err, syscall.EINVAL) {
				t.Errorf("to %#v: %v", bad, err)
			}
		}
		a.Close()
	})
}

// An address without an IP is this machine, and a port that is none is no other port.
func TestPacketConnPeculiarAddresses(t *testing.T) {
	packetPorts(t, func(t *testing.T, p *completion.Port) {
		for _, network := range []string{"udp4", "udp"} {
			l, err := ionet.ListenConfig{Port: p}.ListenPacket(t.Context(), network, ":0")
			if err != nil {
				t.Fatal(err)
			}
			port := l.LocalAddr().(*net.UDPAddr).Port
			for _, bad := range []int{port + 1<<16, port - 1<<16} {
				if n, err := l.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: bad}); n != 0 || !errors.Is(err, syscall.EINVAL) {
					t.Errorf("%s: port %d: %d, %v", network, bad, n, err)
				}
			}
			if n, err := l.WriteTo([]byte("hi"), &net.UDPAddr{Port: port}); n != 2 || err != nil {
				t.Fatalf("%s: no IP: %d, %v", network, n, err)
			}
			b := make([]byte, 9)
			if n, from, err := l.ReadFrom(b); string(b[:n]) != "hi" || !from.(*net.UDPAddr).IP.IsLoopback() {
				t.Errorf("%s: received %q from %v: %v", network, b[:n], from, err)
			}
			l.Close()
		}
	})
}

// A program that reads until the socket is closed must not go on for ever because a deadline
// has passed before.
func TestClosedBehindDeadline(t *testing.T) {
	packetPorts(t, func(t *testing.T, p *completion.Port) {
		past := time.Now().Add(-time.Second)
		c := listenPacket(t, p)
		c.SetDeadline(past)
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read behind its deadline: %v", err)
		}
		c.Close()
		_, err := c.Read(make([]byte, 1))
		_, writeErr := c.WriteTo([]byte("x"), c.LocalAddr())
		l, listenErr := ionet.ListenConfig{Port: p}.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if listenErr != nil {
			t.Fatal(listenErr)
		}
		l.(*ionet.Listener).SetDeadline(past)
		l.Close()
		_, acceptErr := l.Accept()
		for _, err := range []error{err, writeErr, acceptErr} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("behind Close: %v", err)
			}
		}
	})
}
