package porttest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var errorCases = append([]testCase{
	resetIsNotEOF,
	resetEndsQueuedReads,
	resetOfFullRead,
	resetOfLateRead,
	resetSeenByWriteThenRead,
	resetSeenByReadThenWrite,
	resetWhileWriting,
	dataBeforeReset,
	resetRaces,
	writeAfterCloseWrite,
	resetAfterCloseWrite,
	bareEOFIsRepeated,
	errorText,
	closedHandleIsAnOutcome,
	canceledMatchesContext,
	deadlineIsTimeout,
	errorBelongsToOneUse,
}, append(errorFieldCases, systemErrorCases...)...)

// isReset checks that an error is the system's reset, all the way down.
func isReset(e *env, err error, op string) {
	e.Helper()
	is(e, err, connectionReset)
	var outer *net.OpError
	var call *os.SyscallError
	var errno syscall.Errno
	if !errors.As(err, &outer) || !errors.As(err, &call) || !errors.As(err, &errno) {
		e.Fatalf("%v is %T, not an OpError around a SyscallError around an Errno", err, err)
	}
	equal(e, "Op", outer.Op, op)
	equal(e, "Errno", errno, connectionReset)
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		e.Fatalf("%v matches another error", err)
	}
}

func resetIsNotEOF(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	read := &ops.Read{From: s, Buf: own(8)}
	e.submit(p, read)
	e.idle(p)
	other.reset()
	e.expect(p, read, connectionReset)
	isReset(e, read.Err(), "read")
	equal(e, "count", read.N(), 0)
	for range 3 { // the system tells it once, the handle each time
		isReset(e, p.Await(e.ctx, read), "read")
	}
}

func resetEndsQueuedReads(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	var reads []completion.Operation
	for range 4 {
		reads = append(reads, &ops.Read{From: s, Buf: own(8)})
	}
	e.submit(p, reads...)
	e.idle(p)
	other.reset()
	for _, r := range reads {
		e.expect(p, r, connectionReset)
		isReset(e, r.Err(), "read")
	}
}

func resetOfFullRead(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	read := &ops.Read{From: s, Buf: own(8), Full: true}
	e.submit(p, read)
	other.send("abc")
	e.idle(p)
	other.reset()
	e.expect(p, read, connectionReset)
	isReset(e, read.Err(), "read")
	equal(e, "count", read.N(), 3)
	equal(e, "bytes", string(read.Buf.Bytes()), "abc")
}

func resetOfLateRead(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	pool := e.pool(p, 8, 1)
	reads := []completion.Operation{&ops.Read{From: s, Pool: pool}, &ops.Read{From: s, Pool: pool}}
	e.submit(p, reads...)
	e.idle(p)
	other.reset()
	for _, r := range reads {
		e.expect(p, r, connectionReset)
		equal(e, "buffer", r.(*ops.Read).Buf, nil)
	}
	equal(e, "lent", pool.Lent(), 0)
}

// writeUntilBroken writes until the system has noticed that the peer is gone,
// and returns how it said so.
func writeUntilBroken(e *env, p *completion.Port, s *completion.Socket) error {
	e.Helper()
	defer e.wait()()
	for {
		if err := p.Await(e.ctx, &ops.Write{To: s, Buf: text("abc")}); err != nil {
			return err
		}
	}
}

// resetSeenByWriteThenRead: the write takes the error away from the system,
// which would then report the end of the stream.
func resetSeenByWriteThenRead(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	other.reset()
	isReset(e, writeUntilBroken(e, p, s), "write")
	for range 2 {
		isReset(e, p.Await(e.ctx, &ops.Read{From: s, Buf: own(8)}), "read")
		isReset(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("abc")}), "write")
	}
	pool := e.pool(p, 8, 1)
	isReset(e, p.Await(e.ctx, &ops.Read{From: s, Pool: pool}), "read")
}

func resetSeenByReadThenWrite(e *env) {
	e.needsReset(resetOf{})
	p := e.port(nil)
	s, other := e.pair(p)
	other.reset()
	isReset(e, p.Await(e.ctx, &ops.Read{From: s, Buf: own(8)}), "read")
	for range 3 {
		isReset(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("abc")}), "write")
	}
}

func resetWhileWriting(e *env) {
	p := e.port(nil)
	s, other := e.narrow(p)
	first := &ops.Write{To: s, Buf: own(tooMuch)}
	behind := []completion.Operation{&ops.Write{To: s, Buf: own(8)}, &ops.CloseWrite{On: s}}
	read := &ops.Read{From: s, Buf: own(8)}
	e.submit(p, read)
	e.fill(p, first, other, false)
	e.submit(p, behind...)
	e.idle(p)
	other.reset()
	e.expectInAnyOrder(p, read, first, behind[0], behind[1])
	isReset(e, read.Err(), "read")
	isReset(e, first.Err(), "write")
	e.sentHalf(first, other)
	for _, op := range behind {
		e.outcome(op, completion.ErrWriteAborted)
		equal(e, "count", op.N(), 0)
	}
	isReset(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("abc")}), "write")
	isReset(e, p.Await(e.ctx, &ops.Read{From: s, Buf: own(8)}), "read")
}

// expectInAnyOrder is expectAll for operations that end in different ways.
func (e *env) expectInAnyOrder(p *completion.Port, want ...completion.Operation) {
	e.Helper()
	l := newLedger(e)
	for _, op := range want {
		l.left[op] = true
	}
	for range want {
		l.take(e.next(p))
	}
	l.settled()
}

// dataBeforeReset: whether bytes before a reset can still be read is the
// system's choice. Then comes the reset, and it stays.
func dataBeforeReset(e *env) {
	e.needsReset(resetOf{behindData: true})
	p := e.port(nil)
	s, other := e.pair(p)
	other.send("abc")
	other.reset()
	got := ""
	read := &ops.Read{From: s, Buf: own(2)}
	for p.Await(e.ctx, read) == nil {
		got += string(read.Buf.Bytes())
	}
	if got != "" && got != "abc" {
		e.Fatalf("read %q", got)
	}
	for range 3 {
		isReset(e, read.Err(), "read")
		equal(e, "count", read.N(), 0)
		p.Await(e.ctx, read)
	}
}

// resetRaces: reads and writes meet the reset in any order, from several
// goroutines, and none takes it for the end of the stream.
func resetRaces(e *env) {
	e.needsReset(resetOf{})
	e.needsReset(resetOf{race: true})
	p := e.port(nil)
	for range 200 {
		s, other := e.pair(p)
		steps := []func(){
			func() { other.reset() },
			func() {
				for range 3 {
					checkReset(e, p.Await(e.ctx, &ops.Read{From: s, Buf: own(8)}))
				}
			},
			func() {
				var err error
				for err == nil {
					err = p.Await(e.ctx, &ops.Write{To: s, Buf: text("abc")})
				}
				checkReset(e, err)
			},
		}
		allOf(steps...)
		is(e, s.Close(), nil)
	}
}

func checkReset(e *env, err error) {
	e.Helper()
	if !errors.Is(err, connectionReset) {
		e.Errorf("error is %v, want a reset", err)
	}
}

// writeAfterCloseWrite: our own end of the stream breaks the pipe, and concerns
// neither reads nor their end.
func writeAfterCloseWrite(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	is(e, p.Await(e.ctx, &ops.CloseWrite{On: s}), nil)
	for range 2 {
		write := &ops.Write{To: s, Buf: text("abc")}
		is(e, p.Await(e.ctx, write), brokenPipe)
		equal(e, "count", write.N(), 0)
	}
	n, err := other.Read(make([]byte, 8))
	equal(e, "bytes", n, 0)
	equal(e, "the peer's end", err, io.EOF)
	other.send("abc")
	read := &ops.Read{From: s, Buf: own(8)}
	is(e, p.Await(e.ctx, read), nil)
	equal(e, "read", string(read.Buf.Bytes()), "abc")
	is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("abc")}), brokenPipe)
	other.closeWrite()
	for range 2 {
		equal(e, "end", p.Await(e.ctx, read), io.EOF)
	}
	is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("abc")}), brokenPipe)
	equal(e, "end", p.Await(e.ctx, read), io.EOF)
}

func resetAfterCloseWrite(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	is(e, p.Await(e.ctx, &ops.CloseWrite{On: s}), nil)
	read := &ops.Read{From: s, Buf: own(8)}
	e.submit(p, read)
	e.idle(p)
	other.reset()
	e.expect(p, read, connectionReset)
	isReset(e, p.Await(e.ctx, read), "read")
}

func bareEOFIsRepeated(e *env) {
	p := e.port(nil)
	for _, network := range e.networks("tcp4", "unix") {
		s, other := e.pairOn(p, network)
		other.send("abc")
		other.closeWrite()
		read := &ops.Read{From: s, Buf: own(8)}
		is(e, p.Await(e.ctx, read), nil)
		equal(e, "read", string(read.Buf.Bytes()), "abc")
		pool := e.pool(p, 8, 1)
		for range 3 {
			equal(e, "end", p.Await(e.ctx, read), io.EOF)
			equal(e, "count", read.N(), 0)
			equal(e, "length", read.Buf.Len(), 0)
			late := &ops.Read{From: s, Pool: pool}
			equal(e, "end", p.Await(e.ctx, late), io.EOF)
			equal(e, "buffer", late.Buf, nil)
			equal(e, "end", p.Await(e.ctx, &ops.Read{From: s, Buf: own(8), Full: true}), io.EOF)
		}
		is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("reply")}), nil)
		equal(e, "received", other.receive(5), "reply")
	}
}

func errorText(e *env) {
	for _, err := range []error{completion.ErrCanceled, completion.ErrWriteAborted, completion.ErrLimit} {
		if !strings.HasPrefix(err.Error(), "completion: ") {
			e.Fatalf("text %q does not say whose it is", err)
		}
	}
}

func closedHandleIsAnOutcome(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	is(e, s.Close(), nil)
	read, write := &ops.Read{From: s, Buf: own(8)}, &ops.Write{To: s, Buf: text("abc")}
	is(e, p.Submit(read, write), nil)
	e.expectAll(p, net.ErrClosed, read, write)
	equal(e, "error", read.Err(), net.ErrClosed)
	is(e, p.Start(read), nil)
	equal(e, "error", p.Wait(e.ctx, read), net.ErrClosed)
	equal(e, "error", p.Await(e.ctx, write), net.ErrClosed)
}

func canceledMatchesContext(e *env) {
	is(e, completion.ErrCanceled, context.Canceled)
	if errors.Is(completion.ErrCanceled, context.DeadlineExceeded) || errors.Is(completion.ErrCanceled, net.ErrClosed) {
		e.Fatal("ErrCanceled matches what it is not")
	}
	p := e.port(nil)
	timer := &ops.Timer{After: time.Hour}
	e.submit(p, timer)
	equal(e, "recorded", p.Cancel(timer), true)
	e.expect(p, timer, context.Canceled)
	equal(e, "error", timer.Err(), completion.ErrCanceled)
}

func deadlineIsTimeout(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	read := &ops.Read{Op: completion.Op{Deadline: completion.After(5 * time.Millisecond)}, From: s, Buf: own(8)}
	err := p.Await(e.ctx, read)
	is(e, err, os.ErrDeadlineExceeded)
	var t interface{ Timeout() bool }
	equal(e, "Timeout", errors.As(err, &t) && t.Timeout(), true)
	if errors.Is(err, context.Canceled) {
		e.Fatal("a deadline matches a cancel")
	}
}

// errorBelongsToOneUse: an operation used again does not keep its last error.
func errorBelongsToOneUse(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	read := &ops.Read{From: s, Buf: own(8)}
	equal(e, "error before the first use", read.Err(), nil)
	e.submit(p, read)
	p.Cancel(read)
	e.expect(p, read, completion.ErrCanceled)
	is(e, read.Err(), completion.ErrCanceled) // asking takes nothing away
	other.send("abc")
	e.submit(p, read)
	e.expect(p, read, nil)
	equal(e, "count", read.N(), 3)
	e.submit(p, read)
	p.Cancel(read)
	e.expect(p, read, completion.ErrCanceled)
	equal(e, "count", read.N(), 0)
}
