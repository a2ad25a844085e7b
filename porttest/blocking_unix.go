//go:build unix

package porttest

import (
	"net"
	"os"
	"runtime"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

// Whoever shares a socket can make it blocking for all: a child process that
// inherits it, for instance. No call of the port waits then.
var blockingCases = []testCase{
	acceptOnBlockingListener,
	transfersOnBlockingSocket,
	connectOnBlockingSocket,
}

// makeBlocking clears O_NONBLOCK of what fd stands for, as os.File.Fd does.
func makeBlocking(e *env, fd int) {
	e.Helper()
	is(e, unix.SetNonblock(fd, false), nil)
}

// isNonblocking reads it.
func isNonblocking(e *env, fd int) bool {
	e.Helper()
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	is(e, err, nil)
	return flags&unix.O_NONBLOCK != 0
}

// acceptOnBlockingListener: nothing waits for a connection, neither the port nor any
// other goroutine, and it is accepted when it comes.
func acceptOnBlockingListener(e *env) {
	e.needsSystem("descriptors are duplicated behind the port's back")
	for _, network := range e.networks("tcp4", "unix") {
		p := e.port(nil)
		original, err := e.network.Listen(network, e.address(network))
		is(e, err, nil)
		kept, err := original.(interface{ File() (*os.File, error) }).File()
		is(e, err, nil)
		e.closers = append(e.closers, kept.Close)
		adopted := e.adopt(p, original)
		kept.Fd() // what os/exec does with its ExtraFiles
		acceptsOnBlocking(e, p, adopted)

		own := e.listen(p, network)
		fd := duplicateOf(e, own)
		e.closers = append(e.closers, func() error { return unix.Close(fd) })
		makeBlocking(e, fd)
		acceptsOnBlocking(e, p, own)
	}
}

func acceptsOnBlocking(e *env, p *completion.Port, l *completion.Listener) {
	e.Helper()
	equal(e, "non-blocking", isNonblocking(e, descriptorOf(e, l)), false)
	first, second := &ops.Accept{On: l}, &ops.Accept{On: l}
	e.submit(p, first, second)
	e.idle(p)
	other := e.dial(l.Addr())
	e.expect(p, first, nil)
	equal(e, "accepted non-blocking", isNonblocking(e, descriptorOf(e, first.Conn)), true)
	talksTo(e, p, first.Conn, other)
	e.idle(p)
	is(e, l.Close(), nil)
	e.expect(p, second, net.ErrClosed)
}

// transfersOnBlockingSocket: a read waits for data and a write for room, and the port
// for neither.
func transfersOnBlockingSocket(e *env) {
	e.needsSystem("descriptors are duplicated behind the port's back")
	for _, network := range e.networks("tcp4", "unix") {
		p := e.port(nil)
		pool := e.pool(p, 128<<10, 1)
		s, other := e.pairOn(p, network)
		fd := duplicateOf(e, s)
		e.closers = append(e.closers, func() error { return unix.Close(fd) })
		makeBlocking(e, fd)

		read := &ops.Read{From: s, Buf: own(8)}
		late := &ops.Read{From: s, Pool: pool} // a large one, whose call is another
		e.submit(p, read, late)
		e.idle(p)
		other.send("data")
		e.expect(p, read, nil)
		equal(e, "read", string(read.Buf.Bytes()), "data")
		e.idle(p)
		other.send("more")
		e.expect(p, late, nil)
		equal(e, "read", string(late.Buf.Bytes()), "more")
		late.Buf.Release()
		equal(e, "non-blocking", isNonblocking(e, fd), false)

		if runtime.GOOS == "darwin" {
			continue // send(2) ignores MSG_DONTWAIT there
		}
		e.setWriteBuffer(s, 64<<10)
		for _, size := range []int{stuckBytes, 1 << 10} { // two calls, as above
			e.cancelWhenFull(p, s, size)
		}
	}
}

// cancelWhenFull writes and cancels until a cancel comes first. A write that the system performs
// may still find room, which the peer, who receives nothing, has only so much of.
func (e *env) cancelWhenFull(p *completion.Port, s *completion.Socket, size int) {
	e.Helper()
	for {
		write := e.writeUntilFull(p, s, size)
		recorded := p.Cancel(write)
		equal(e, "dequeued", e.next(p), completion.Operation(write))
		if write.Err() != nil {
			is(e, write.Err(), completion.ErrCanceled)
			equal(e, "recorded", recorded, true)
			return
		}
		equal(e, "written", write.N(), size)
	}
}

// writeUntilFull writes until a write finds no room, and returns that one.
func (e *env) writeUntilFull(p *completion.Port, s *completion.Socket, size int) *ops.Write {
	e.Helper()
	for {
		w, marker := &ops.Write{To: s, Buf: own(size)}, newPost(0)
		e.submit(p, w)
		e.submit(p, marker)
		first := e.next(p)
		if first != completion.Operation(marker) {
			e.outcome(w, nil)
			e.expect(p, marker, nil)
			continue
		}
		e.poll0(p)
		if w.Ticket() != (completion.Ticket{}) {
			return w
		}
		e.expect(p, w, nil) // the system performs it, and took a moment
	}
}

func connectOnBlockingSocket(e *env) {
	e.needsSystem("descriptors are duplicated behind the port's back")
	to := e.silentAddress()
	p := e.port(nil)
	s := e.socket(p, networkOf(to))
	fd := duplicateOf(e, s)
	e.closers = append(e.closers, func() error { return unix.Close(fd) })
	makeBlocking(e, fd)
	connect := &ops.Connect{On: s, To: to}
	e.submit(p, connect)
	e.idle(p)
	equal(e, "Cancel", p.Cancel(connect), true)
	e.expect(p, connect, completion.ErrCanceled)
}
