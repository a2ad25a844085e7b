package porttest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var cancelCases = []testCase{
	cancelRead,
	cancelFullReadHalfWay,
	cancelLateRead,
	cancelReadThatWaitsForBuffer,
	cancelWriteHalfWay,
	cancelQueuedWrite,
	cancelCloseWriteBehindWrite,
	cancelTimer,
	cancelAcceptAlreadyDone,
	cancelReadAlreadyDone,
	cancelBeforeSubmit,
	cancelByAnotherPort,
	cancelTwice,
	cancelMiddleOfQueue,
	cancelHeadLetsNextGoOn,
	cancelByManyGoroutines,
	cancelByTicket,
	ticketOfIdleOperation,
	lateCancelMissesNextUse,
	lateCancelMissesNextUseOfSlot,
	cancelRacesSubmit,
	cancelEndedNeverHitsStranger,
	awaitEndsWithContext,
	waitEndsWithContext,
	waitErrorMatchesContextWithCause,
	waitErrorOfTimeout,
	waitErrorStaysTheSame,
	laterContextIsNotToBlame,
	contextOfConnectIsNotToBlame,
	halfWrittenByContext,
	contextDoneAlready,
	waitWithContextDoneAlready,
	contextEndsAfterResult,
	oneContextUsedAgain,
	bufferIsBackAfterAwait,
	readRacesCancel,
	lateReadRacesCancel,
	fullReadRacesCancel,
	writeRacesCancel,
	cancelInsideSystemCall,
	acceptRacesCancel,
	timerRacesCancel,
	connectRacesCancel,
	awaitedReadRacesCancel,
}

// cancels cancels an operation in flight and checks all that a cancel says.
func (e *env) cancels(p *completion.Port, op completion.Operation) {
	e.Helper()
	equal(e, "Cancel", p.Cancel(op), true)
	equal(e, "second Cancel", p.Cancel(op), false)
	e.expect(p, op, completion.ErrCanceled)
	e.outcome(op, context.Canceled)
	equal(e, "Cancel when done", p.Cancel(op), false)
	e.idle(p)
}

func cancelRead(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(8)}
	e.submit(p, r)
	e.idle(p)
	e.cancels(p, r)
	equal(e, "N", r.N(), 0)
	equal(e, "Len", r.Buf.Len(), 0)
	peer.send("later")
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "text", string(r.Buf.Bytes()), "later")
}

func cancelFullReadHalfWay(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(8), Full: true}
	peer.send("abc")
	peek := &ops.Read{From: s, Buf: own(1)} // when it is done, the rest is there
	e.submit(p, peek)
	e.expect(p, peek, nil)
	e.submit(p, r)
	e.idle(p)
	e.cancels(p, r)
	equal(e, "N", r.N(), 2)
	equal(e, "text", string(r.Buf.Bytes()), "bc")
	peer.send("d")
	e.submit(p, peek)
	e.expect(p, peek, nil)
	equal(e, "text", string(peek.Buf.Bytes()), "d")
}

func cancelLateRead(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	pool := e.pool(p, 8, 1)
	r := &ops.Read{From: s, Pool: pool}
	e.submit(p, r)
	e.idle(p)
	e.cancels(p, r)
	if r.Buf != nil || pool.Lent() != 0 {
		e.Fatalf("buffer %v, %d lent", r.Buf, pool.Lent())
	}
}

func cancelReadThatWaitsForBuffer(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 8, 1)
	taken := pool.Take()
	var reads [3]*ops.Read
	for i := range reads {
		s, peer := e.pair(p)
		peer.send("data")
		reads[i] = &ops.Read{From: s, Pool: pool}
		e.submit(p, reads[i])
		e.idle(p)
	}
	e.cancels(p, reads[1])
	e.cancels(p, reads[0])
	taken.Release()
	e.expect(p, reads[2], nil)
	equal(e, "text", string(reads[2].Buf.Bytes()), "data")
	reads[2].Buf.Release()
	again := &ops.Read{From: reads[0].From, Pool: pool}
	e.submit(p, again)
	e.expect(p, again, nil)
	equal(e, "text of the cancelled", string(again.Buf.Bytes()), "data")
	again.Buf.Release()
}

func cancelWriteHalfWay(e *env) {
	p := e.port(nil)
	w, peer := e.stuckWrite(p)
	e.cancels(p, w)
	e.halfWay(w, peer)
}

func cancelQueuedWrite(e *env) {
	p := e.port(nil)
	w, peer := e.stuckWrite(p)
	gone := &ops.Write{To: w.To, Buf: text("gone")}
	last := &ops.Write{To: w.To, Buf: text("last")}
	e.submit(p, gone, last)
	e.cancels(p, gone)
	equal(e, "N", gone.N(), 0)
	var got string
	var wg sync.WaitGroup
	wg.Go(func() {
		peer.receive(peer.ahead + stuckBytes)
		got = peer.receive(4)
	})
	e.expect(p, w, nil)
	e.expect(p, last, nil)
	wg.Wait()
	equal(e, "behind the write", got, "last")
}

func cancelCloseWriteBehindWrite(e *env) {
	p := e.port(nil)
	w, peer := e.stuckWrite(p)
	fin := &ops.CloseWrite{On: w.To}
	e.submit(p, fin)
	e.cancels(p, fin)
	var wg sync.WaitGroup
	wg.Go(func() { peer.receive(peer.ahead + stuckBytes) })
	e.expect(p, w, nil)
	equal(e, "N", w.N(), stuckBytes)
	wg.Wait()
	more := &ops.Write{To: w.To, Buf: text("more")}
	e.submit(p, more)
	e.expect(p, more, nil)
	equal(e, "after it", peer.receive(4), "more")
}

func cancelTimer(e *env) {
	p := e.port(nil)
	timer := &ops.Timer{After: time.Hour}
	e.submit(p, timer)
	e.idle(p)
	e.cancels(p, timer)
	equal(e, "N", timer.N(), 0)
	timer.After = 0
	e.submit(p, timer)
	e.expect(p, timer, nil)
}

func cancelAcceptAlreadyDone(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	peer := e.dial(l.Addr())
	a := &ops.Accept{On: l}
	e.submit(p, a)
	e.expect(p, a, nil)
	equal(e, "Cancel", p.Cancel(a), false)
	is(e, a.Err(), nil)
	e.talks(p, a.Conn, peer)
}

func cancelReadAlreadyDone(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	peer.send("x")
	r := &ops.Read{From: s, Buf: own(1)}
	e.start(p, r)
	e.untilEnded(p)
	equal(e, "Cancel", p.Cancel(r), false) // done, though not delivered
	equal(e, "SetDeadline", p.SetDeadline(r, long), false)
	is(e, p.Wait(e.ctx, r), nil)
	post := newPost(nil)
	e.submit(p, post)
	equal(e, "Cancel of a finished post", p.Cancel(post), false)
	e.expect(p, post, nil)
}

func cancelBeforeSubmit(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	equal(e, "Cancel", p.Cancel(r), false)
	peer.send("x")
	e.submit(p, r)
	e.expect(p, r, nil)
}

func cancelByAnotherPort(e *env) {
	p, other := e.port(nil), e.port(nil)
	s, _ := e.pair(p)
	for _, op := range []completion.Operation{&ops.Read{From: s, Buf: own(1)}, &ops.Timer{After: time.Hour}} {
		e.submit(p, op)
		equal(e, "Cancel by another port", other.Cancel(op), false)
		equal(e, "CancelTicket by another port", other.CancelTicket(op.(interface{ Ticket() completion.Ticket }).Ticket()), false)
		equal(e, "SetDeadline by another port", other.SetDeadline(op, long), false)
		e.idle(p)
		e.cancels(p, op)
	}
}

func cancelTwice(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	for range 100 {
		e.submit(p, r)
		equal(e, "Cancel", p.Cancel(r), true)
		equal(e, "second Cancel", p.Cancel(r), false)
		e.expect(p, r, completion.ErrCanceled)
	}
	e.onceEach(p, 100)
}

func cancelMiddleOfQueue(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	var all [5]*ops.Read
	for i := range all {
		all[i] = &ops.Read{From: s, Buf: own(1)}
		e.submit(p, all[i])
	}
	e.cancels(p, all[2])
	e.cancels(p, all[4])
	e.cancels(p, all[1])
	peer.send("ab")
	e.expect(p, all[0], nil)
	e.expect(p, all[3], nil)
	equal(e, "text", string(all[0].Buf.Bytes())+string(all[3].Buf.Bytes()), "ab")
}

// cancelHeadLetsNextGoOn cancels a full read that has drained the socket, over and over
// with data on its way: the read behind it must not sleep on that data.
func cancelHeadLetsNextGoOn(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	for range 500 {
		head := &ops.Read{From: s, Buf: own(2), Full: true}
		next := &ops.Read{From: s, Buf: own(1)}
		e.submit(p, head, next)
		var wg sync.WaitGroup
		wg.Go(func() { peer.Write([]byte("x")) })
		wg.Go(func() { p.Cancel(head) })
		first := e.next(p) // the canceller and the leader may hand in either first
		wg.Wait()
		if first == completion.Operation(head) && head.N() == 1 {
			p.Cancel(next)
			e.expect(p, next, completion.ErrCanceled)
			continue
		}
		if second := e.next(p); first == second || head.N() != 0 {
			e.Fatalf("%d bytes went to a cancelled read, and some to the next", head.N())
		}
		e.outcome(head, completion.ErrCanceled)
		e.outcome(next, nil)
		equal(e, "text", string(next.Buf.Bytes()), "x")
	}
}

func cancelByManyGoroutines(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	for range 1000 {
		e.submit(p, r)
		var recorded atomic.Int32
		cancel := func() {
			if p.Cancel(r) {
				recorded.Add(1)
			}
		}
		allOf(cancel, cancel, cancel, cancel)
		equal(e, "cancels recorded", recorded.Load(), 1)
		e.expect(p, r, completion.ErrCanceled)
	}
	e.onceEach(p, 1000)
}

func cancelByTicket(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	e.submit(p, r)
	t := r.Ticket()
	if t != r.Ticket() || t == (completion.Ticket{}) {
		e.Fatal("one use has two tickets, or none")
	}
	equal(e, "CancelTicket", p.CancelTicket(t), true)
	equal(e, "second CancelTicket", p.CancelTicket(t), false)
	e.expect(p, r, completion.ErrCanceled)
	equal(e, "CancelTicket when done", p.CancelTicket(t), false)
}

func ticketOfIdleOperation(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	if r.Ticket() != (completion.Ticket{}) {
		e.Fatal("an operation never submitted has a ticket")
	}
	equal(e, "CancelTicket", p.CancelTicket(r.Ticket()), false)
	peer.send("x")
	is(e, p.Await(e.ctx, r), nil)
	if r.Ticket() != (completion.Ticket{}) {
		e.Fatal("a delivered operation has a ticket")
	}
}

func lateCancelMissesNextUse(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	for range 100 {
		e.submit(p, r)
		t := r.Ticket()
		peer.send("x")
		e.expect(p, r, nil)
		e.submit(p, r)
		if r.Ticket() == t {
			e.Fatal("two uses have one ticket")
		}
		equal(e, "late cancel", p.CancelTicket(t), false)
		peer.send("y")
		e.expect(p, r, nil)
		equal(e, "text", string(r.Buf.Bytes()), "y")
	}
}

func lateCancelMissesNextUseOfSlot(e *env) {
	p := e.port(nil)
	var tickets []completion.Ticket
	for range 200 { // whatever slot the stranger gets, it was used before
		timer := &ops.Timer{After: time.Hour}
		e.submit(p, timer)
		tickets = append(tickets, timer.Ticket())
		p.Cancel(timer)
		e.expect(p, timer, completion.ErrCanceled)
	}
	s, _ := e.pair(p)
	stranger := &ops.Read{From: s, Buf: own(1)}
	e.submit(p, stranger)
	for _, t := range tickets {
		equal(e, "late cancel", p.CancelTicket(t), false)
	}
	e.idle(p)
	e.cancels(p, stranger)
}
