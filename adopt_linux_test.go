package completion_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/fault"
	"github.com/completionport/completion/internal/sys"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

// lingering returns a listener and both ends of a connection of package net. The
// listener and the one end linger, and have Nagle's algorithm on.
func lingering(t *testing.T) (l *net.TCPListener, c, other *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dialled, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	l, c, other = listener.(*net.TCPListener), dialled.(*net.TCPConn), accepted.(*net.TCPConn)
	c.SetNoDelay(false)
	c.SetLinger(3600)
	control(t, l, func(fd int) error {
		return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 3600})
	})
	t.Cleanup(func() {
		c.SetLinger(-1)
		for _, f := range []func() error{c.Close, other.Close, l.Close} {
			f()
		}
	})
	return l, c, other
}

func control(t *testing.T, c syscall.Conn, f func(fd int) error) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil || inner != nil {
		t.Fatal(err, inner)
	}
}

// options are the seconds of SO_LINGER, and TCP_NODELAY.
func options(t *testing.T, c syscall.Conn) (seconds, noDelay int) {
	t.Helper()
	control(t, c, func(fd int) error {
		l, err := unix.GetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER)
		if err == nil && l.Onoff != 0 {
			seconds = int(l.Linger)
		}
		on, err2 := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
		if on != 0 {
			noDelay = 1
		}
		return errors.Join(err, err2)
	})
	return seconds, noDelay
}

// What epoll refuses to watch is as it was, with its options.
func TestRefusedAdoptionChangesNothing(t *testing.T) {
	p := faultyPort(t, func(call fault.Call, _ int) *fault.Fault {
		if call == fault.Arm {
			return &fault.Fault{Call: call, Errno: syscall.ENOMEM}
		}
		return nil
	})
	l, c, other := lingering(t)
	before := countOpen()
	if _, err := p.AdoptConn(c); !errors.Is(err, syscall.ENOMEM) {
		t.Errorf("adopted: %v", err)
	}
	if _, err := p.AdoptListener(l); !errors.Is(err, syscall.ENOMEM) {
		t.Errorf("adopted: %v", err)
	}
	for _, kept := range []syscall.Conn{c, l} {
		if seconds, noDelay := options(t, kept); seconds != 3600 || noDelay != 0 {
			t.Errorf("%T: lingers %d s, NoDelay %d", kept, seconds, noDelay)
		}
	}
	if after := countOpen(); after != before || p.Stats().Handles != 0 {
		t.Errorf("%d descriptors before, %d after; %d handles", before, after, p.Stats().Handles)
	}
	if _, err := other.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
}

// oldMultipath is a kernel whose listeners of Multipath TCP refuse TCP_NODELAY, as
// Linux does from 5.6 to 5.16. What is accepted is of plain TCP.
type oldMultipath struct {
	directCalls
	errno syscall.Errno
}

func (k oldMultipath) SetNoDelay(int, bool) error { return k.errno }

// A listener that can't have TCP_NODELAY is adopted, and what it accepts has it. The kernel is one of
// readiness, so that it can be wrapped.
func TestAdoptListenerWithoutNoDelay(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EOPNOTSUPP, syscall.ENOPROTOOPT} {
		undo := sys.InjectFaults(func(p backend.Poller, k backend.Calls) (backend.Poller, backend.Calls) {
			return p, oldMultipath{k.(directCalls), errno}
		})
		p, err := completion.Open(&completion.Config{Backend: "epoll"})
		undo()
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		original, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer original.Close()
		l, err := p.AdoptListener(original)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		accept := &ops.Accept{On: l}
		if err := p.Await(context.Background(), accept); err != nil {
			t.Fatal(err)
		}
		if _, noDelay := options(t, l); noDelay != 0 {
			t.Error("the listener has the option, which is to be inherited then")
		}
		if _, noDelay := options(t, accept.Conn); noDelay != 1 {
			t.Errorf("NoDelay is %d for what was accepted", noDelay)
		}
	}
}
