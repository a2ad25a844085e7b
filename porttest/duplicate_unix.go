//go:build unix

package porttest

import (
	"syscall"

	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

var duplicateCases = []testCase{
	duplicateBringsNoStaleEvent,
}

// duplicateBringsNoStaleEvent: while a duplicate keeps a closed socket's
// connection alive, what arrives on it concerns nobody.
func duplicateBringsNoStaleEvent(e *env) {
	e.needsSystem("descriptors are duplicated behind the port's back")
	p := e.port(nil)
	pool := e.pool(p, 8, 1)
	for range 20 {
		s, other := e.pair(p)
		fd := duplicateOf(e, s)
		e.submit(p, &ops.Read{From: s, Buf: own(8)})
		is(e, s.Close(), nil)
		e.next(p)
		fresh, freshPeer := e.pair(p)
		read := &ops.Read{From: fresh, Pool: pool}
		e.submit(p, read)
		stale := p.Stats().Stale
		other.send("stale")
		other.closeWrite()
		e.idle(p)
		equal(e, "stale events", p.Stats().Stale, stale)
		freshPeer.send("fresh")
		e.expect(p, read, nil)
		equal(e, "read", string(read.Buf.Bytes()), "fresh")
		read.Buf.Release()
		unix.Close(fd)
		is(e, fresh.Close(), nil)
		other.Close()
		freshPeer.Close()
	}
}

// duplicateOf returns another descriptor of what a handle stands for.
func duplicateOf(e *env, h syscall.Conn) int {
	e.Helper()
	raw, err := h.SyscallConn()
	if err != nil {
		e.Fatal(err)
	}
	dup := -1
	var inner error
	err = raw.Control(func(fd uintptr) { dup, inner = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	is(e, err, nil)
	is(e, inner, nil)
	return dup
}

// descriptorOf returns the number of a handle's descriptor.
func descriptorOf(e *env, h syscall.Conn) int {
	e.Helper()
	raw, err := h.SyscallConn()
	is(e, err, nil)
	number := -1
	is(e, raw.Control(func(fd uintptr) { number = int(fd) }), nil)
	return number
}
