package porttest

import (
	"bytes"
	"io"
	"net"
	"os"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// A write that ended half-way breaks its direction until the program was told.
var orderBrokenCases = []testCase{
	brokenUntilDequeued,
	brokenUntilWaitedFor,
	brokenSparesReadsAndOthers,
	brokenAbortsConnect,
	brokenAboveTheLimit,
	brokenThenClosed,
	deliveryRacesSubmit,
}

// endedInQueue returns when n finished operations lie in the queue. Whoever waits
// for a timer does the port's work and dequeues nothing.
func endedInQueue(e *env, p *completion.Port, n int) {
	e.Helper()
	for p.Stats().Queued < n {
		is(e, p.Await(e.ctx, &ops.Timer{After: time.Millisecond}), nil)
	}
}

// aborted submits operations one by one and checks that each is aborted.
func aborted(e *env, p *completion.Port, operations ...completion.Operation) {
	e.Helper()
	for _, op := range operations {
		e.start(p, op)
		is(e, p.Wait(e.ctx, op), completion.ErrWriteAborted)
		equal(e, "written", op.N(), 0)
	}
}

func brokenUntilDequeued(e *env) {
	p := e.port(nil)
	big, c := e.stuckWrite(p)
	s := big.To
	read := -c.ahead
	for range 3 { // one broken write after the other
		equal(e, "cancelled", p.Cancel(big), true)
		endedInQueue(e, p, 1)
		later, half := &ops.Write{To: s, Buf: text("later")}, &ops.CloseWrite{On: s}
		aborted(e, p, later, half, &ops.Write{To: s, Buf: own(0)})
		queued := &ops.Write{To: s, Buf: text("queued")}
		overdue := &ops.Write{To: s, Buf: text("overdue")}
		overdue.Deadline = long
		e.submit(p, queued, overdue)
		e.expect(p, big, completion.ErrCanceled)
		// The program knows: what it submits now goes behind the half.
		received := e.behindCut(c, big.N()-read, len("later"))
		is(e, p.Await(e.ctx, later), nil)
		equal(e, "received", <-received, "later")
		dequeueThese(e, p, queued, overdue)
		is(e, queued.Err(), completion.ErrWriteAborted)
		is(e, overdue.Err(), os.ErrDeadlineExceeded)

		big = &ops.Write{To: s, Buf: own(stuckBytes)}
		e.submit(p, big)
		e.idle(p)
		c.receive(1)
		read = 1
	}
	e.cancels(p, big)
}

func brokenUntilWaitedFor(e *env) {
	p := e.port(nil)
	filler, c := e.stuckWrite(p)
	e.cancels(p, filler)
	c.receive(c.ahead + filler.N())
	s := filler.To
	big := &ops.Write{To: s, Buf: own(stuckBytes)}
	e.start(p, big)
	e.idle(p)
	c.receive(1)
	equal(e, "cancelled", p.Cancel(big), true)
	e.untilEnded(p)
	later := &ops.Write{To: s, Buf: text("later")}
	aborted(e, p, later, &ops.CloseWrite{On: s}, later)
	for range 2 { // waiting again changes nothing
		is(e, p.Wait(e.ctx, big), completion.ErrCanceled)
		e.sentHalf(big, c)
	}
	received := e.behindCut(c, big.N()-1, len("later"))
	is(e, p.Await(e.ctx, later), nil)
	equal(e, "received", <-received, "later")
	is(e, p.Await(e.ctx, &ops.CloseWrite{On: s}), nil)
	e.atEnd(c)
}

// brokenAbortsConnect: a Connect stands in the same queue, and has nothing to do there but
// to fail.
func brokenAbortsConnect(e *env) {
	p := e.port(nil)
	big, c := e.stuckWrite(p)
	connect := &ops.Connect{On: big.To, To: c.LocalAddr()}
	equal(e, "cancelled", p.Cancel(big), true)
	endedInQueue(e, p, 1)
	aborted(e, p, connect)
	e.expect(p, big, completion.ErrCanceled)
	is(e, p.Await(e.ctx, connect), errnoIsConnected)
}

// brokenAboveTheLimit: a write that is one too many has that for its reason.
func brokenAboveTheLimit(e *env) {
	p := e.port(&completion.Config{MaxInFlight: 2})
	big, _ := e.stuckWrite(p)
	equal(e, "cancelled", p.Cancel(big), true)
	endedInQueue(e, p, 1)
	for range 2 {
		e.start(p, &ops.Read{From: big.To, Buf: own(1)})
	}
	later := &ops.Write{To: big.To, Buf: text("later")}
	is(e, p.Await(e.ctx, later), completion.ErrLimit)
	e.expect(p, big, completion.ErrCanceled)
}

// brokenSparesReadsAndOthers: a read of the same socket goes on, and so does a write of
// another.
func brokenSparesReadsAndOthers(e *env) {
	p := e.port(nil)
	big, c := e.stuckWrite(p)
	equal(e, "cancelled", p.Cancel(big), true)
	endedInQueue(e, p, 1)
	read := &ops.Read{From: big.To, Buf: own(4), Full: true}
	e.start(p, read)
	c.send("read")
	is(e, p.Wait(e.ctx, read), nil)
	s, other := e.pair(p)
	is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("other")}), nil)
	equal(e, "received", other.receive(5), "other")
	e.expect(p, big, completion.ErrCanceled)
}

// brokenThenClosed: whoever closes the socket before the broken write was dequeued
// gets ErrClosed for what comes later, before and after.
func brokenThenClosed(e *env) {
	p := e.port(nil)
	big, _ := e.stuckWrite(p)
	equal(e, "cancelled", p.Cancel(big), true)
	endedInQueue(e, p, 1)
	later := &ops.Write{To: big.To, Buf: text("later")}
	aborted(e, p, later)
	is(e, big.To.Close(), nil)
	is(e, p.Await(e.ctx, later), net.ErrClosed)
	e.expect(p, big, completion.ErrCanceled)
	is(e, p.Await(e.ctx, later), net.ErrClosed)
}

// deliveryRacesSubmit: operations that are submitted together while the broken write is
// dequeued are sent, or aborted, all alike.
func deliveryRacesSubmit(e *env) {
	p := e.port(nil)
	for round := range 40 {
		big, c := e.stuckWrite(p)
		s := big.To
		equal(e, "cancelled", p.Cancel(big), true)
		endedInQueue(e, p, 1)
		batch := []completion.Operation{
			&ops.Write{To: s, Buf: text("a")}, &ops.Write{To: s, Buf: text("b")}, &ops.Write{To: s, Buf: text("c")},
		}
		got := make([]completion.Operation, 0, 4)
		allOf(func() {
			dawdle(round)
			if err := p.Submit(batch...); err != nil {
				e.Error(err)
			}
		}, func() {
			op, err := p.Next(e.ctx)
			if err != nil {
				e.Error(err)
			}
			got = append(got, op)
		})
		received := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(c)
			received <- all
		}()
		for len(got) < 4 {
			got = append(got, e.next(p))
		}
		is(e, s.Close(), nil)
		first, want := batch[0].Err(), "abc"
		for _, op := range batch {
			is(e, op.Err(), first)
		}
		if first != nil {
			is(e, first, completion.ErrWriteAborted)
			want = ""
		}
		all := <-received
		behind := bytes.TrimLeft(all, "\x00")
		equal(e, "behind the broken write", string(behind), want)
		if n, least := len(all)-len(behind), c.ahead+big.N(); n < least || n > least && e.countsCut() {
			e.Fatalf("the peer gets %d bytes of the broken write, want %d", n, least)
		}
	}
}
