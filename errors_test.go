package completion_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// A lack of descriptors or memory is told apart from what stays, on every system.
func TestAcceptTemporary(t *testing.T) {
	for errno, temporary := range map[syscall.Errno]bool{
		syscall.EMFILE:     true,
		syscall.ENFILE:     true,
		syscall.ENOBUFS:    true,
		syscall.ENOMEM:     true,
		syscall.EINVAL:     false,
		syscall.EOPNOTSUPP: false,
	} {
		m, p, l := memoryPort(t)
		m.Fail("accept", errno, 1)
		dialMemory(t, m)
		a := &ops.Accept{On: l}
		awaits(t, p, a, errno)
		e := systemError(t, a.Err())
		if e.Temporary() != temporary || e.Timeout() {
			t.Errorf("%v: temporary %v, timeout %v", e, e.Temporary(), e.Timeout())
		}
		if e.Op != "accept" || e.Net != "tcp" || e.Source != nil || e.Addr.String() != l.Addr().String() {
			t.Errorf("%v: fields %+v", e, *e)
		}
		awaits(t, p, a, nil)
	}
}

// systemError checks that an error leads to an errno, and returns it.
func systemError(t *testing.T, err error) *net.OpError {
	t.Helper()
	var op *net.OpError
	var call *os.SyscallError
	var errno syscall.Errno
	if !errors.As(err, &op) || !errors.As(err, &call) || !errors.As(err, &errno) || errno == 0 {
		t.Fatalf("%v is %T, not an OpError around a SyscallError around an Errno", err, err)
	}
	if text := op.Op + " tcp "; len(op.Error()) < len(text) || op.Error()[:len(text)] != text {
		t.Errorf("text %q", op)
	}
	return op
}

// Timeout is right with the numbers of every system, and so are the names of
// POSIX.
func TestErrorsOfConnections(t *testing.T) {
	for errno, timeout := range map[syscall.Errno]bool{
		syscall.ETIMEDOUT:    true,
		syscall.ECONNRESET:   false,
		syscall.ECONNABORTED: false,
		syscall.EHOSTUNREACH: false,
		syscall.ENETUNREACH:  false,
	} {
		m, p, l := memoryPort(t)
		c := dialMemory(t, m)
		a := &ops.Accept{On: l}
		awaits(t, p, a, nil)
		io.WriteString(c, "abc")
		m.Fail("read", errno, 1)
		r := &ops.Read{From: a.Conn, Buf: completion.Own(make([]byte, 3))}
		awaits(t, p, r, errno)
		e := systemError(t, r.Err())
		if e.Timeout() != timeout || e.Temporary() != timeout {
			t.Errorf("%v: timeout %v, temporary %v", e, e.Timeout(), e.Temporary())
		}
		if e.Source.String() != l.Addr().String() || e.Addr.String() != c.LocalAddr().String() {
			t.Errorf("%v: from %v to %v", e, e.Source, e.Addr)
		}
		// The handle remembers it, and each operation has its own word.
		w := &ops.Write{To: a.Conn, Buf: completion.Own([]byte("abc"))}

		m.Fail("write", syscall.EPIPE, 1)
		awaits(t, p, w, errno)
		if e := systemError(t, w.Err()); e.Op != "write" || e.Timeout() != timeout {
			t.Errorf("%v: timeout %v", e, e.Timeout())
		}
	}
}

// What opens no socket says so in the same form.
func TestErrorsWithoutHandle(t *testing.T) {
	m, p, _ := memoryPort(t)
	m.Fail("socket", syscall.EMFILE, 1)
	_, err := p.Socket("tcp")
	if e := new(net.OpError); !errors.As(err, &e) || e.Op != "socket" || e.Net != "tcp" || !e.Temporary() {
		t.Errorf("%+v", err)
	}
	m.Fail("listen", syscall.ENOBUFS, 1)
	_, err = p.Listen("tcp4", "10.0.0.1:80")
	if e := new(net.OpError); !errors.As(err, &e) || e.Op != "listen" || e.Net != "tcp4" || e.Addr.String() != "10.0.0.1:80" || !e.Temporary() {
		t.Errorf("%+v", err)
	}
	_, err = p.Socket("udp")
	if e := new(net.OpError); !errors.As(err, &e) || e.Error() != "socket udp: unknown network udp" || e.Temporary() {
		t.Errorf("%+v", err)
	}
}

// The error of a Copy has the addresses of the socket that failed.
func TestCopyErrorNamesTheSocket(t *testing.T) {
	for _, fails := range []string{"read", "write"} {
		m, p, ln := memoryPort(t)
		from, sends := accepted(t, m, p, ln)
		to, gets := accepted(t, m, p, ln)
		failed := to
		if fails == "read" {
			failed = from
			must(t, m.Reset(sends))
		} else {
			must(t, m.Reset(gets))
			_, err := sends.Write([]byte("hello"))
			must(t, err)
		}
		want := failed.RemoteAddr().String()
		o := &ops.Copy{From: from, To: to}
		err := p.Await(t.Context(), o)
		if e := systemError(t, err); e.Addr.String() != want || e.Op != "copy" {
			t.Errorf("%s: %v, want %s in it", fails, err, want)
		}
		if lost := o.Lost(); (lost > 0) != (fails == "write") {
			t.Errorf("%s: %d bytes are lost", fails, lost)
		}
	}
}

// accepted returns a connection of the port and the end of the test.
func accepted(t *testing.T, m *completion.Memory, p *completion.Port, ln *completion.Listener) (*completion.Socket, net.Conn) {
	t.Helper()
	c, err := m.Dial("tcp", ln.Addr().String())
	must(t, err)
	accept := &ops.Accept{On: ln}
	must(t, p.Await(t.Context(), accept))
	return accept.Conn, c
}
