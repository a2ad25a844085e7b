//go:build unix

package porttest

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

// watchCases are about descriptors of others.
var watchCases = []testCase{
	watchUnsupported,
	watchASocket,
	watchAPipe,
	watchLeavesAllAsItWas,
	watchWhatIsNotThere,
}

// watch is Watch of a connection of package net, which its owner keeps.
func (e *env) watch(p *completion.Port, c syscall.Conn) *completion.Socket {
	e.Helper()
	raw, err := c.SyscallConn()
	is(e, err, nil)
	var s *completion.Socket
	var inner error
	is(e, raw.Control(func(fd uintptr) { s, inner = p.Watch(fd) }), nil)
	is(e, inner, nil)
	return s
}

// watchASocket: its owner makes the calls when Polls have ended, again and again.
func watchASocket(e *env) {
	e.needsSystem("a descriptor of another owner")
	p := e.port(nil)
	for _, network := range e.networks("tcp4", "unix") {
		c, other := e.twoEnds(network)
		s := e.watch(p, c.(syscall.Conn))
		in, out := &ops.Poll{On: s}, &ops.Poll{On: s, Write: true}
		b := make([]byte, 16)
		for range 3 {
			e.submit(p, in)
			e.idle(p)
			other.send("hello")
			e.expect(p, in, nil)
			n, err := c.Read(b)
			is(e, err, nil)
			equal(e, "read", string(b[:n]), "hello")
			is(e, p.Await(e.ctx, out), nil)
			talk(e, c, other)
		}
		e.submit(p, in)
		is(e, s.Close(), nil)
		e.expect(p, in, net.ErrClosed)
		talk(e, c, other)
	}
}

// watchAPipe: it is full, and then it has room; it is empty, and then it has bytes.
func watchAPipe(e *env) {
	e.needsSystem("a descriptor of another owner")
	p := e.port(nil)
	for _, t := range []tube{e.pipe(unix.O_NONBLOCK), e.fifo(unix.O_NONBLOCK)} {
		r, w := e.watch(p, t.r), e.watch(p, t.w)
		in, out := &ops.Poll{On: r}, &ops.Poll{On: w, Write: true}
		e.submit(p, in)
		e.idle(p)
		is(e, p.Await(e.ctx, out), nil)
		sent := 0
		for fd := e.duplicateOfFile(t.w); ; {
			n, err := unix.Write(fd, make([]byte, 1000))
			if err != nil {
				is(e, err, syscall.EAGAIN)
				unix.Close(fd)
				break
			}
			sent += n
		}
		e.expect(p, in, nil)
		e.submit(p, out)
		e.idle(p)
		t.receive(e, sent)
		e.expect(p, out, nil)
		is(e, r.Close(), nil)
		is(e, w.Close(), nil)
	}
}

// watchLeavesAllAsItWas: flags and options, also after Close, and the number of
// descriptors.
func watchLeavesAllAsItWas(e *env) {
	e.needsSystem("a descriptor of another owner")
	p := e.port(nil)
	c, other := e.twoEnds("tcp4")
	fd := descriptorOf(e, c.(syscall.Conn))
	for _, nonblocking := range []bool{false, true} {
		is(e, unix.SetNonblock(fd, nonblocking), nil)
		is(e, setLinger(uintptr(fd), 5), nil)
		before := countDescriptors()
		s := e.watch(p, c.(syscall.Conn))
		is(e, p.Await(e.ctx, &ops.Poll{On: s, Write: true}), nil)
		_, err := s.Detach()
		is(e, err, errors.ErrUnsupported)
		is(e, s.Close(), nil)
		equal(e, "descriptors", countDescriptors(), before)
		equal(e, "is non-blocking", isNonblocking(e, fd), nonblocking)
		seconds, err := getLinger(uintptr(fd))
		is(e, err, nil)
		equal(e, "SO_LINGER", seconds, 5)
	}
	is(e, setLinger(uintptr(fd), 0), nil)
	talk(e, c, other)
}

// watchWhatIsNotThere, or is always ready.
func watchWhatIsNotThere(e *env) {
	e.needsSystem("a descriptor of another owner")
	p := e.port(nil)
	t := e.pipe(0)
	fd := e.duplicateOfFile(t.r)
	unix.Close(fd)
	_, err := p.Watch(uintptr(fd))
	is(e, err, syscall.EBADF)
	if strconv.IntSize == 64 {
		larger := uint64(1) << 40 // than a descriptor: its low bits are one that is there
		_, err = p.Watch(uintptr(larger))
		is(e, err, syscall.EBADF)
	}
	f, err := os.Create(filepath.Join(e.folder(), "file"))
	is(e, err, nil)
	defer f.Close()
	fd = e.duplicateOfFile(f)
	defer unix.Close(fd)
	_, err = p.Watch(uintptr(fd))
	is(e, err, errors.ErrUnsupported)
	equal(e, "handles", p.Stats().Handles, 0)
}
