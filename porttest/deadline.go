package porttest

import (
	"context"
	"errors"
	"math"
	"net"
	"os"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var deadlineCases = []testCase{
	pastDeadlineTouchesNothing,
	pastDeadlineOfAccept,
	pastDeadlineOfConnect,
	readDeadline,
	fullReadDeadlineHalfWay,
	lateReadDeadline,
	deadlineWhileWaitingForBuffer,
	acceptDeadline,
	writeDeadlineHalfWay,
	deadlineOfQueuedWrite,
	deadlineErrorIsTimeout,
	deadlineNeverEarly,
	deadlineOfAwait,
	deadlineMovedLater,
	deadlineMovedEarlier,
	deadlineCleared,
	deadlineGivenInFlight,
	deadlineSetInThePast,
	setDeadlineToLeastValue,
	setDeadlineLeavesFieldAlone,
	setDeadlineAfterCompletion,
	setDeadlineOnOperationNeverSubmitted,
	cancelBeforeDeadlineWins,
	deadlineBeforeCancelWins,
	deadlineBeforeCloseWins,
	manyDeadlinesOnce,
	deadlinesInOrder,
	readWithDeadlineUsedAgain,
	farthestDeadlineDoesNotSpin,
	negativeDeadlineHasPassed,
	submitWakesParkedLeaderForDeadline,
	setDeadlineWakesParkedLeader,
	deadlineOfWaitBesideParkedLeader,
	arrivedBeforeTheDeadline,
	timeoutOfEachUse,
	timeoutOrDeadline,
	negativeTimeoutHasPassed,
	timeoutMovedInFlight,
	afterEdges,
	atEdges,
	timerFires,
	timerAtOnce,
	timersInOrder,
	timersNeverEarly,
	timerDeadlineFirst,
	timerBeforeDeadline,
	timerEndedBySetDeadline,
	timerForEver,
	timersAwaited,
	movedDeadlineRacesCompletion,
	passingDeadlineRacesCompletion,
	deadlineRacesCancel,
}

// now is this moment as a deadline.
func now() completion.Deadline { return completion.After(0) }

func pastDeadlineTouchesNothing(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	peer.send("data")
	w, r := &ops.Write{To: s, Buf: text("not sent")}, &ops.Read{From: s, Buf: own(4), Full: true}
	empty, fin := &ops.Write{To: s, Buf: own(0)}, &ops.CloseWrite{On: s}
	timer := &ops.Timer{}
	for _, d := range []completion.Deadline{long, now(), completion.After(-time.Hour)} {
		w.Deadline, r.Deadline, empty.Deadline, fin.Deadline, timer.Deadline = d, d, d, d, d
		e.submit(p, w, r, empty, fin, timer)
		e.expectAll(p, os.ErrDeadlineExceeded, w, r, empty, fin, timer)
		equal(e, "N", w.N()+r.N(), 0)
	}
	w.Deadline, r.Deadline = 0, 0
	w.Buf.Set([]byte("sent"))
	e.submit(p, w, r)
	e.expectAll(p, nil, w, r)
	equal(e, "peer got", peer.receive(4), "sent")
	equal(e, "text", string(r.Buf.Bytes()), "data")
}

func pastDeadlineOfAccept(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	peer := e.dial(l.Addr())
	a := &ops.Accept{On: l}
	a.Deadline = long
	e.submit(p, a)
	e.expect(p, a, os.ErrDeadlineExceeded)
	a.Deadline = 0
	e.submit(p, a)
	e.expect(p, a, nil)
	e.talks(p, a.Conn, peer)
}

func pastDeadlineOfConnect(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	c := &ops.Connect{On: e.socket(p, "tcp4"), To: l.Addr()}
	c.Deadline = long
	e.submit(p, c)
	e.expect(p, c, os.ErrDeadlineExceeded)
	if c.On.RemoteAddr() != nil {
		e.Fatal("connected all the same")
	}
	a := &ops.Accept{On: l}
	e.submit(p, a)
	e.idle(p)
	equal(e, "Cancel", p.Cancel(a), true)
	e.expect(p, a, completion.ErrCanceled)
}

func readDeadline(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(8)}
	r.Deadline = soon()
	e.submit(p, r)
	e.expect(p, r, os.ErrDeadlineExceeded)
	equal(e, "N", r.N(), 0)
	peer.send("late")
	r.Deadline = never()
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "text", string(r.Buf.Bytes()), "late")
}

func fullReadDeadlineHalfWay(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	peer.send("abc")
	first := &ops.Read{From: s, Buf: own(1)} // when it is done, the rest is there
	e.submit(p, first)
	e.expect(p, first, nil)
	r := &ops.Read{From: s, Buf: own(8), Full: true}
	e.submit(p, r)
	e.idle(p)
	equal(e, "SetDeadline", p.SetDeadline(r, soon()), true)
	e.expect(p, r, os.ErrDeadlineExceeded)
	equal(e, "text", string(r.Buf.Bytes()), "bc")
}

func lateReadDeadline(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	pool := e.pool(p, 8, 1)
	r := &ops.Read{From: s, Pool: pool}
	r.Deadline = soon()
	e.submit(p, r)
	e.expect(p, r, os.ErrDeadlineExceeded)
	if r.Buf != nil || pool.Lent() != 0 {
		e.Fatalf("buffer %v, %d lent", r.Buf, pool.Lent())
	}
}

func deadlineWhileWaitingForBuffer(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 8, 1)
	taken := pool.Take()
	one, peer1 := e.pair(p)
	two, peer2 := e.pair(p)
	peer1.send("one")
	peer2.send("two")
	overdue, waits := &ops.Read{From: one, Pool: pool}, &ops.Read{From: two, Pool: pool}
	e.submit(p, overdue)
	e.idle(p)
	e.submit(p, waits)
	e.idle(p)
	equal(e, "SetDeadline", p.SetDeadline(overdue, soon()), true)
	e.expect(p, overdue, os.ErrDeadlineExceeded)
	taken.Release()
	e.expect(p, waits, nil)
	equal(e, "text", string(waits.Buf.Bytes()), "two")
	waits.Buf.Release()
}

func acceptDeadline(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	a, other := &ops.Accept{On: l}, &ops.Accept{On: l}
	a.Deadline, other.Deadline = soon(), never()
	e.submit(p, a, other)
	e.expect(p, a, os.ErrDeadlineExceeded)
	if a.Conn != nil {
		e.Fatal("an accept that failed has a connection")
	}
	peer := e.dial(l.Addr())
	e.expect(p, other, nil)
	e.talks(p, other.Conn, peer)
}

func writeDeadlineHalfWay(e *env) {
	p := e.port(nil)
	w, peer := e.stuckWrite(p)
	equal(e, "SetDeadline", p.SetDeadline(w, soon()), true)
	e.expect(p, w, os.ErrDeadlineExceeded)
	e.halfWay(w, peer)
}

func deadlineOfQueuedWrite(e *env) {
	p := e.port(nil)
	w, peer := e.stuckWrite(p)
	queued := &ops.Write{To: w.To, Buf: text("not sent")}
	queued.Deadline = soon()
	e.submit(p, queued)
	e.expect(p, queued, os.ErrDeadlineExceeded)
	equal(e, "N", queued.N(), 0)
	var wg sync.WaitGroup
	wg.Go(func() { peer.receive(peer.ahead + stuckBytes) })
	e.expect(p, w, nil)
	wg.Wait()
	w.To.Close()
	e.atEnd(peer)
}

func deadlineErrorIsTimeout(e *env) {
	p := e.port(nil)
	r := &ops.Timer{After: time.Hour}
	r.Deadline = soon()
	e.submit(p, r)
	e.expect(p, r, os.ErrDeadlineExceeded)
	var t interface{ Timeout() bool }
	if !errors.As(r.Err(), &t) || !t.Timeout() {
		e.Fatalf("%v is no time-out", r.Err())
	}
	if errors.Is(r.Err(), completion.ErrCanceled) || errors.Is(r.Err(), context.DeadlineExceeded) {
		e.Fatalf("%v matches too much", r.Err())
	}
}

func deadlineNeverEarly(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	for i := range 200 {
		r.Deadline = completion.After(time.Duration(i) * time.Microsecond)
		e.submit(p, r)
		e.expect(p, r, os.ErrDeadlineExceeded)
		if now() < r.Deadline {
			e.Fatalf("ended %v early", time.Duration(r.Deadline-now()))
		}
	}
}

func deadlineOfAwait(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	for range 5 {
		r.Deadline = completion.After(time.Millisecond)
		is(e, p.Await(e.ctx, r), os.ErrDeadlineExceeded)
		r.Buf.Memory()[0] = 1
	}
}

func deadlineMovedLater(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	r.Deadline = never()
	e.submit(p, r)
	first := soon()
	equal(e, "SetDeadline", p.SetDeadline(r, first), true)
	equal(e, "SetDeadline", p.SetDeadline(r, never()), true)
	timer := &ops.Timer{After: 10 * time.Millisecond} // it fires after first has passed
	e.submit(p, timer)
	e.expect(p, timer, nil)
	if now() < first {
		e.Fatal("the timer came early")
	}
	e.idle(p)
	peer.send("x")
	e.expect(p, r, nil)
}

func deadlineMovedEarlier(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	r.Deadline = never()
	e.submit(p, r)
	e.idle(p)
	for range 3 {
		equal(e, "SetDeadline", p.SetDeadline(r, never()), true)
	}
	equal(e, "SetDeadline", p.SetDeadline(r, soon()), true)
	e.expect(p, r, os.ErrDeadlineExceeded)
}

func deadlineCleared(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	e.submit(p, r)
	equal(e, "SetDeadline", p.SetDeadline(r, long), true)
	equal(e, "SetDeadline", p.SetDeadline(r, 0), true) // nobody has looked at the clock
	e.idle(p)
	peer.send("x")
	e.expect(p, r, nil)
}

func deadlineGivenInFlight(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	e.submit(p, r)
	e.idle(p)
	equal(e, "SetDeadline", p.SetDeadline(r, soon()), true)
	e.expect(p, r, os.ErrDeadlineExceeded)
}

func deadlineSetInThePast(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	for _, d := range []completion.Deadline{long, now(), -1, completion.After(-time.Second)} {
		for _, op := range []completion.Operation{&ops.Read{From: s, Buf: own(1)}, &ops.Timer{After: time.Hour}} {
			e.submit(p, op)
			equal(e, "SetDeadline", p.SetDeadline(op, d), true)
			e.expect(p, op, os.ErrDeadlineExceeded)
		}
	}
}

func setDeadlineToLeastValue(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	e.submit(p, r)
	e.idle(p) // so that only the deadline can end the next wait
	equal(e, "SetDeadline", p.SetDeadline(r, math.MinInt64), true)
	e.expect(p, r, os.ErrDeadlineExceeded)
}

func setDeadlineLeavesFieldAlone(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	deadline := never()
	r.Deadline = deadline
	e.submit(p, r)
	equal(e, "SetDeadline", p.SetDeadline(r, long), true)
	e.expect(p, r, os.ErrDeadlineExceeded)
	equal(e, "Deadline", r.Deadline, deadline)
	e.submit(p, r) // it has its own again
	e.idle(p)
	peer.send("x")
	e.expect(p, r, nil)
}

func setDeadlineAfterCompletion(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	peer.send("x")
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "SetDeadline", p.SetDeadline(r, long), false)
	is(e, r.Err(), nil)
	e.submit(p, r) // the next use does not inherit it
	e.idle(p)
	peer.send("y")
	e.expect(p, r, nil)
	post := newPost(nil)
	e.submit(p, post)
	equal(e, "SetDeadline of a finished post", p.SetDeadline(post, long), false)
	e.expect(p, post, nil)
}

func setDeadlineOnOperationNeverSubmitted(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	equal(e, "SetDeadline", p.SetDeadline(r, long), false)
	peer.send("x")
	e.submit(p, r)
	e.expect(p, r, nil)
}

func cancelBeforeDeadlineWins(e *env) {
	p := e.port(nil)
	w, _ := e.stuckWrite(p)
	equal(e, "Cancel", p.Cancel(w), true)
	p.SetDeadline(w, long) // true if the kernel has not let go of it: that changes nothing
	e.expect(p, w, completion.ErrCanceled)
	timer := &ops.Timer{After: time.Hour}
	e.start(p, timer)
	equal(e, "Cancel", p.Cancel(timer), true)
	equal(e, "SetDeadline", p.SetDeadline(timer, long), false)
	e.poll(p)
	is(e, p.Wait(e.ctx, timer), completion.ErrCanceled)
}

func deadlineBeforeCancelWins(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	for _, op := range []completion.Operation{&ops.Read{From: s, Buf: own(1)}, &ops.Timer{After: time.Hour}} {
		e.start(p, op)
		equal(e, "SetDeadline", p.SetDeadline(op, long), true)
		e.poll(p)
		equal(e, "Cancel", p.Cancel(op), false)
		is(e, p.Wait(e.ctx, op), os.ErrDeadlineExceeded)
	}
}

func deadlineBeforeCloseWins(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	other := &ops.Read{From: s, Buf: own(1)}
	e.start(p, r)
	e.start(p, other)
	equal(e, "SetDeadline", p.SetDeadline(r, long), true)
	e.poll(p)
	is(e, s.Close(), nil)
	is(e, p.Wait(e.ctx, r), os.ErrDeadlineExceeded)
	is(e, p.Wait(e.ctx, other), net.ErrClosed)
}

func readWithDeadlineUsedAgain(e *env) {
	p := e.port(nil)
	s, peer := e.pairOn(p, e.quick())
	r := &ops.Read{From: s, Buf: own(1)}
	for i := range 10000 {
		peer.Write([]byte{sequence(i)})
		r.Deadline = never()
		e.submit(p, r)
		e.expect(p, r, nil)
		e.follows(r.Buf.Bytes(), i)
	}
	r.Deadline = soon()
	e.submit(p, r)
	e.expect(p, r, os.ErrDeadlineExceeded)
	e.restful(p)
}
