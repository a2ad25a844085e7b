//go:build unix

package porttest

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

var streamEndCases = []testCase{
	streamEnds,
	streamIsBroken,
	streamWaitsForRoom,
	streamIsCutShort,
	streamOfOneDirection,
	streamReadsAreEnded,
	streamIsNoSocket,
}

// pipes returns the tubes that have an end of the stream.
func (e *env) pipes() (all []tube) {
	for _, flags := range []int{0, unix.O_NONBLOCK} {
		all = append(all, e.pipe(flags), e.fifo(flags))
	}
	return all
}

// streamEnds: when the last writer has left, before the adoption or after it, with bytes
// before the end or without.
func streamEnds(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, early := range []bool{false, true} {
		for _, last := range []string{"", "last"} {
			for _, t := range e.pipes() {
				if early {
					t.send(e, last)
					t.w.Close()
				}
				s := e.stream(p, t.r)
				read := &ops.Read{From: s, Buf: own(4), Full: true}
				end := &ops.Read{From: s, Buf: own(4)}
				if last != "" {
					e.submit(p, read)
				}
				e.submit(p, end)
				if !early {
					e.idle(p)
					t.send(e, last)
					t.w.Close()
				}
				if last != "" {
					e.expect(p, read, nil)
				}
				e.expect(p, end, io.EOF)
				is(e, p.Await(e.ctx, end), io.EOF)
				is(e, s.Close(), nil)
			}
		}
	}
}

// streamIsBroken: a write that nobody reads ends with EPIPE, also one that waits for room,
// and the process goes on.
func streamIsBroken(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, t := range e.pipes() {
		s := e.stream(p, t.w)
		write := &ops.Write{To: s, Buf: own(tooMuch)}
		e.submit(p, write)
		e.idle(p)
		t.r.Close()
		e.expect(p, write, syscall.EPIPE)
		var failure *net.OpError
		equal(e, "OpError", errors.As(write.Err(), &failure) && failure.Source != nil && failure.Addr != nil, true)
		for range 3 {
			is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("x")}), syscall.EPIPE)
		}
		is(e, s.Close(), nil)
	}
}

// streamWaitsForRoom: a write goes on when there is room, and no byte is lost or doubled.
func streamWaitsForRoom(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, t := range e.tubes() {
		want := t.much()
		s := e.stream(p, t.w)
		write := &ops.Write{To: s, Buf: text(want)}
		last := &ops.Write{To: s, Buf: text("last")}
		e.submit(p, write, last)
		got := make(chan string, 1)
		go func() {
			b := make([]byte, len(want)+4)
			_, err := io.ReadFull(t.r, b)
			if err != nil {
				b = []byte(err.Error())
			}
			got <- string(b)
		}()
		e.expect(p, write, nil)
		e.expect(p, last, nil)
		equal(e, "N", write.N(), len(want))
		equal(e, t.name+" is the same", <-got == want+"last", true)
		is(e, s.Close(), nil)
	}
}

// streamIsCutShort: a write that is cancelled in the middle knows how much it has written,
// and breaks its direction until it is delivered.
func streamIsCutShort(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, t := range e.pipes() {
		s := e.stream(p, t.w)
		write := &ops.Write{To: s, Buf: own(tooMuch)}
		behind := &ops.Write{To: s, Buf: text("behind")}
		e.submit(p, write, behind)
		e.idle(p)
		equal(e, "cancelled", p.Cancel(write), true)
		e.expectBoth(p, write, completion.ErrCanceled, behind, completion.ErrWriteAborted)
		if n := write.N(); n == 0 || n == tooMuch {
			e.Fatalf("%d bytes were written", n)
		}
		after := &ops.Write{To: s, Buf: text("after")}
		e.submit(p, after)
		t.receive(e, write.N())
		e.expect(p, after, nil)
		equal(e, t.name, t.receive(e, 5), "after")
		is(e, s.Close(), nil)
	}
}

// expectBoth dequeues two operations in any order, each with its error.
func (e *env) expectBoth(p *completion.Port, a completion.Operation, errA error, b completion.Operation, errB error) {
	e.Helper()
	left := map[completion.Operation]error{a: errA, b: errB}
	for range 2 {
		op := e.next(p)
		want, there := left[op]
		equal(e, "expected", there, true)
		delete(left, op)
		e.outcome(op, want)
	}
}

// streamOfOneDirection: the other one fails at once.
func streamOfOneDirection(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, t := range e.pipes() {
		r, w := e.stream(p, t.r), e.stream(p, t.w)
		for range 2 {
			is(e, p.Await(e.ctx, &ops.Read{From: w, Buf: own(1)}), syscall.EBADF)
			is(e, p.Await(e.ctx, &ops.ReadV{From: w, Bufs: []*completion.Buffer{own(1)}}), syscall.EBADF)
			is(e, p.Await(e.ctx, &ops.Write{To: r, Buf: own(1)}), syscall.EBADF)
			is(e, p.Await(e.ctx, &ops.WriteV{To: r, Bufs: []*completion.Buffer{own(1)}}), syscall.EBADF)
		}
		is(e, r.Close(), nil)
		is(e, w.Close(), nil)
	}
}

// streamReadsAreEnded by a cancel, a deadline and a close, and take no bytes.
func streamReadsAreEnded(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, t := range e.tubes() {
		s := e.stream(p, t.r)
		read := &ops.Read{From: s, Buf: own(8)}
		e.submit(p, read)
		e.idle(p)
		equal(e, "cancelled", p.Cancel(read), true)
		e.expect(p, read, completion.ErrCanceled)
		read.Timeout = time.Millisecond
		is(e, p.Await(e.ctx, read), os.ErrDeadlineExceeded)
		read.Timeout = 0
		t.send(e, "here")
		is(e, p.Await(e.ctx, read), nil)
		equal(e, t.name, string(read.Buf.Bytes()), "here")
		e.submit(p, read)
		is(e, s.Close(), nil)
		e.expect(p, read, net.ErrClosed)
	}
}

// streamIsNoSocket: what only sockets have is unsupported, and the stream goes on.
func streamIsNoSocket(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, t := range e.tubes() {
		s := e.stream(p, t.w)
		is(e, p.Await(e.ctx, &ops.CloseWrite{On: s}), errors.ErrUnsupported)
		is(e, s.SetNoDelay(true), errors.ErrUnsupported)
		is(e, s.SetKeepAlive(time.Minute), errors.ErrUnsupported)
		is(e, s.SetWriteBuffer(1000), errors.ErrUnsupported)
		is(e, s.SetResetOnClose(true), errors.ErrUnsupported)
		_, err := s.Detach()
		is(e, err, errors.ErrUnsupported)
		equal(e, "local", s.LocalAddr().Network(), "stream")
		equal(e, "remote", s.RemoteAddr().String(), "")
		is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("hello")}), nil)
		equal(e, t.name, t.receive(e, 5), "hello")
		is(e, s.Close(), nil)
		equal(e, "remote", s.RemoteAddr().String(), "")
	}
}
