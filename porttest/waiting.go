package porttest

import (
	"context"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var waitingCases = append([]testCase{
	leadPassedOnWhenLeaderLeaves,
	leadPassedOnByContext,
	leadPassedBetweenNextAndAwait,
	panickingBodyStopsNobody,
	goexitInBodyStopsNobody,
	blockedBodyStrandsNothing,
	postingBodyStarvesNothing,
	awaitInsideBody,
	breakAndGoOn,
	postWakesLeader,
	postWakesAllWhoSleep,
	earlierTimerWakesLeader,
	nextWithContextDoneTakesNothing,
	nextBatchTakesManyAtOnce,
	nextBatchOfNothing,
	completionsEndWithContext,
	statsAtRest,
	statsOfCalls,
	statsOfWaiters,
}, append(awaitCases, waitingStressCases...)...)

// leadPassedOnWhenLeaderLeaves: one of two leads. It ends first or last, and
// in both cases the other goes on.
func leadPassedOnWhenLeaderLeaves(e *env) {
	p := e.port(nil)
	var sockets [2]*completion.Socket
	var peers [2]*peer
	for i := range sockets {
		sockets[i], peers[i] = e.pair(p)
	}
	for turn := range 200 {
		var done [2]chan error
		for i := range done {
			done[i] = make(chan error, 1)
			go func() { done[i] <- p.Await(e.ctx, &ops.Read{From: sockets[i], Buf: own(1)}) }()
		}
		if turn%2 == 0 {
			asleep(p, 2)
		}
		first := turn / 2 % 2
		peers[first].send("x")
		is(e, <-done[first], nil)
		peers[1-first].send("y")
		is(e, <-done[1-first], nil)
		equal(e, "leading", p.Stats().Leading, false)
	}
}

// leadPassedOnByContext: the leader's context ends, and another must poll.
func leadPassedOnByContext(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	for range 100 {
		ctx, cancel := context.WithCancel(e.ctx)
		left := make(chan error, 1)
		go func() {
			_, err := p.Next(ctx)
			left <- err
		}()
		asleep(p, 1) // the leader is the one with the context
		read := make(chan error, 1)
		go func() { read <- p.Await(e.ctx, &ops.Read{From: s, Buf: own(1)}) }()
		asleep(p, 2)
		cancel()
		equal(e, "Next", <-left, context.Canceled)
		other.send("x")
		is(e, <-read, nil)
	}
	e.idle(p)
}

func leadPassedBetweenNextAndAwait(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	dequeued := &ops.Timer{After: time.Hour}
	for turn := range 100 {
		ended := make(chan error, 2)
		next := func() {
			go func() {
				op, err := p.Next(e.ctx)
				if err == nil {
					err = op.Err()
				}
				ended <- err
			}()
		}
		await := func() {
			go func() { ended <- p.Await(e.ctx, &ops.Read{From: s, Buf: own(1)}) }()
		}
		roles := [2]func(){next, await}
		roles[turn%2]()
		asleep(p, 1)
		roles[1-turn%2]()
		asleep(p, 2)
		e.submit(p, dequeued)
		finish := [2]func(){func() { p.SetDeadline(dequeued, 1) }, func() { other.send("x") }}
		finish[turn/2%2]()
		first := <-ended
		finish[1-turn/2%2]()
		second := <-ended
		if turn/2%2 == 0 {
			first, second = second, first
		}
		is(e, first, nil)
		is(e, second, dequeued.Err())
		dequeued = &ops.Timer{After: time.Hour}
	}
}

// othersGoOn checks that after a body has ended in an odd way, others dequeue,
// read and await.
func othersGoOn(e *env, p *completion.Port) {
	e.Helper()
	s, other := e.pair(p)
	read := &ops.Read{From: s, Buf: own(1)}
	e.submit(p, read)
	other.send("x")
	e.expect(p, read, nil)
	is(e, p.Await(e.ctx, &ops.Timer{After: time.Millisecond}), nil)
	e.idle(p)
}

func panickingBodyStopsNobody(e *env) {
	p := e.port(nil)
	parked := make(chan error, 1)
	for range 50 {
		e.submit(p, newPost(1), newPost(2))
		message := panics(e, func() {
			for range p.Completions(e.ctx) {
				panic("body")
			}
		})
		equal(e, "panic", message, "body")
		e.next(p)
	}
	// With another one asleep meanwhile.
	s, other := e.pair(p)
	go func() { parked <- p.Await(e.ctx, &ops.Read{From: s, Buf: own(1)}) }()
	asleep(p, 1)
	e.submit(p, newPost(nil))
	panics(e, func() {
		for range p.Completions(e.ctx) {
			panic("body")
		}
	})
	other.send("x")
	is(e, <-parked, nil)
	othersGoOn(e, p)
}

func goexitInBodyStopsNobody(e *env) {
	p := e.port(nil)
	for range 50 {
		e.submit(p, newPost(1), newPost(2))
		together(1, func(int) {
			for range p.Completions(e.ctx) {
				runtime.Goexit()
			}
		})
		e.next(p)
	}
	equal(e, "leading", p.Stats().Leading, false)
	othersGoOn(e, p)
}

// blockedBodyStrandsNothing: one consumer is stuck with its first operation; another takes
// the rest, reads and timers included.
func blockedBodyStrandsNothing(e *env) {
	p := e.port(nil)
	inBody, goOn := make(chan bool), make(chan bool)
	var stuck sync.WaitGroup
	stuck.Go(func() {
		for range p.Completions(e.ctx) {
			inBody <- true
			<-goOn
			break
		}
	})
	for i := range 10 {
		e.submit(p, newPost(i))
	}
	<-inBody
	for range 9 {
		e.next(p)
	}
	othersGoOn(e, p)
	goOn <- true
	stuck.Wait()
}

// postingBodyStarvesNothing submits a post for each it gets. A read, an accept and a timer
// come through all the same.
func postingBodyStarvesNothing(e *env) {
	e.needsRealTime("the body is never without work")
	p := e.port(nil)
	s, other := e.pair(p)
	l := e.listen(p, "tcp4")
	read, accept := &ops.Read{From: s, Buf: own(8)}, &ops.Accept{On: l}
	timer := &ops.Timer{After: time.Millisecond}
	overdue := &ops.Read{Op: completion.Op{Deadline: completion.After(time.Millisecond)}, From: s, Buf: own(8)}
	left := map[completion.Operation]bool{read: true, accept: true, timer: true, overdue: true}
	e.submit(p, read, overdue, accept, timer, newPost(nil), newPost(nil), newPost(nil))
	other.send("x")
	e.dial(l.Addr())
	defer e.wait()()
	for op := range p.Completions(e.ctx) {
		if post, ok := op.(*ops.Post); ok {
			if len(left) == 0 {
				break
			}
			e.submit(p, post)
			continue
		}
		if !left[op] {
			e.Fatalf("dequeued %T twice", op)
		}
		delete(left, op)
	}
	e.next(p)
	e.next(p)
	equal(e, "read", string(read.Buf.Bytes()), "x")
	is(e, accept.Err(), nil)
	is(e, timer.Err(), nil)
}

// awaitInsideBody: a body holds no lead, so it may wait for more.
func awaitInsideBody(e *env) {
	e.needsRealTime("the loop is never without work")
	p := e.port(nil)
	s, other := e.pair(p)
	e.submit(p, newPost(1), newPost(2), newPost(3))
	turns := 0
	for range p.Completions(e.ctx) {
		if turns++; turns == 2 {
			break
		}
		other.send("x")
		is(e, p.Await(e.ctx, &ops.Read{From: s, Buf: own(1)}), nil)
		e.next(p)
		timer := &ops.Timer{After: time.Millisecond}
		e.submit(p, timer)
		for op := range p.Completions(e.ctx) {
			if op == timer {
				break
			}
			e.submit(p, op)
		}
	}
	equal(e, "turns", turns, 2)
	e.idle(p)
}

func breakAndGoOn(e *env) {
	p := e.port(nil)
	for i := range 10 {
		e.submit(p, newPost(i))
	}
	for want := range 10 {
		for op := range p.Completions(e.ctx) {
			equal(e, "post", op.(*ops.Post).Value, any(want))
			break
		}
	}
	e.idle(p)
}

func postWakesLeader(e *env) {
	p := e.port(nil)
	taken := make(chan completion.Operation)
	go func() {
		defer close(taken)
		for op := range p.Completions(e.ctx) {
			taken <- op
		}
	}()
	for i := range 500 {
		if i%2 == 0 { // else it is on its way to sleep
			asleep(p, 1)
		}
		post := newPost(i)
		e.submit(p, post)
		equal(e, "dequeued", <-taken, completion.Operation(post))
	}
	is(e, p.Close(), nil)
	<-taken
}

// postWakesAllWhoSleep: each of several sleepers gets one post, leader or not,
// also beside an awaiter that leads.
func postWakesAllWhoSleep(e *env) {
	p := e.port(nil)
	for range 50 {
		s, other := e.pair(p)
		awaiter := make(chan error)
		go func() { awaiter <- p.Await(e.ctx, &ops.Read{From: s, Buf: own(1)}) }()
		asleep(p, 1)
		l := newLedger(e)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { takeSome(e, p, l, 1) })
		}
		asleep(p, 5)
		for i := range 4 {
			l.submit(p, newPost(i))
		}
		all.Wait()
		l.settled()
		other.send("x")
		is(e, <-awaiter, nil)
		is(e, s.Close(), nil)
		other.Close()
	}
}

func earlierTimerWakesLeader(e *env) {
	p := e.port(nil)
	far := &ops.Timer{After: time.Hour}
	e.submit(p, far)
	taken := make(chan completion.Operation)
	go func() {
		op, _ := p.Next(e.ctx)
		taken <- op
	}()
	asleep(p, 1)
	near := &ops.Timer{After: 5 * time.Millisecond}
	e.submit(p, near)
	equal(e, "dequeued", <-taken, completion.Operation(near))
	p.Cancel(far)
	e.expect(p, far, completion.ErrCanceled)
}

func nextWithContextDoneTakesNothing(e *env) {
	p := e.port(nil)
	done, cancel := context.WithCancelCause(e.ctx)
	cancel(net.ErrClosed)
	late, cancelLate := context.WithTimeout(e.ctx, 0)
	defer cancelLate()
	post := newPost(nil)
	e.submit(p, post)
	for ctx, want := range map[context.Context]error{done: context.Canceled, late: context.DeadlineExceeded} {
		op, err := p.Next(ctx)
		equal(e, "Next", err, want)
		equal(e, "dequeued", op, nil)
		n, err := p.NextBatch(ctx, make([]completion.Operation, 4))
		equal(e, "NextBatch", err, want)
		equal(e, "dequeued", n, 0)
		for range p.Completions(ctx) {
			e.Fatal("dequeued with a context that had ended")
		}
	}
	e.expect(p, post, nil)
}

func nextBatchTakesManyAtOnce(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	var want []completion.Operation
	for i := range 10 {
		want = append(want, newPost(i))
	}
	e.submit(p, want...)
	into := make([]completion.Operation, 16)
	n, err := p.NextBatch(e.ctx, into)
	is(e, err, nil)
	equal(e, "batch", n, 10)
	for i, op := range want {
		equal(e, "dequeued", into[i], op)
	}
	e.submit(p, want...)
	n, err = p.NextBatch(e.ctx, into[:4])
	is(e, err, nil)
	equal(e, "batch", n, 4)
	n, err = p.NextBatch(e.ctx, into)
	is(e, err, nil)
	equal(e, "batch", n, 6)
	read := &ops.Read{From: s, Buf: own(8)}
	e.submit(p, read)
	other.send("x")
	n, err = p.NextBatch(e.ctx, into)
	is(e, err, nil)
	equal(e, "batch", n, 1)
	equal(e, "dequeued", into[0], completion.Operation(read))
	equal(e, "read", string(read.Buf.Bytes()), "x")
}

func nextBatchOfNothing(e *env) {
	p := e.port(nil)
	for range 2 {
		n, err := p.NextBatch(e.ctx, nil)
		is(e, err, nil)
		equal(e, "batch", n, 0)
		e.submit(p, newPost(nil))
	}
	equal(e, "queued", p.Stats().Queued, 2)
}

func completionsEndWithContext(e *env) {
	p := e.port(nil)
	ctx, cancel := context.WithCancel(e.ctx)
	ended := make(chan int)
	for range 4 {
		go func() {
			n := 0
			for range p.Completions(ctx) {
				n++
			}
			ended <- n
		}()
	}
	asleep(p, 4)
	cancel()
	for range 4 {
		equal(e, "dequeued", <-ended, 0)
	}
	othersGoOn(e, p)
}

// held is how many operations a port has: in flight, or not dequeued yet.
func held(s completion.Stats) int { return s.InFlight + s.Queued }

// statsOfCalls counts calls, and reads that have data and wait for a buffer.
func statsOfCalls(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	t, d := e.pair(p)
	pool := p.NewPool(8, 1)
	before := p.Stats().Calls // where a pair takes an accept of the port
	first, second := &ops.Read{From: s, Pool: pool}, &ops.Read{From: t, Pool: pool}
	e.submit(p, first, second)
	c.send("one")
	e.next(p)
	d.send("two")
	for p.Stats().PoolWaits == 0 {
		e.poll(p)
	}
	first.Release()
	e.next(p)
	equal(e, "bytes", string(second.Buf.Bytes()), "two")
	second.Release()
	st := p.Stats()
	equal(e, "PoolWaits", st.PoolWaits, 1)
	if st.Calls < before+2 || st.WouldBlocks > st.Calls {
		e.Errorf("%d calls, of which %d would block, for two reads", st.Calls-before, st.WouldBlocks)
	}
}

func statsAtRest(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	read := &ops.Read{From: s, Buf: own(8)}
	e.submit(p, read, newPost(1), newPost(2), &ops.Timer{After: time.Hour})
	st := p.Stats()
	equal(e, "Submitted", e.submitted(p), 4)
	equal(e, "Completed", e.completed(p), 2)
	equal(e, "InFlight", st.InFlight, 2)
	equal(e, "Queued", st.Queued, 2)
	equal(e, "held", held(st), 4)
	equal(e, "Handles", st.Handles, 1)
	equal(e, "Leading", st.Leading, false)
	e.next(p)
	e.next(p)
	equal(e, "held", held(p.Stats()), 2)
	is(e, p.Close(), nil)
	st = p.Stats()
	equal(e, "Completed after Close", e.completed(p), 4)
	equal(e, "InFlight after Close", st.InFlight, 0)
	equal(e, "Handles after Close", st.Handles, 0)
	equal(e, "Queued after Close", st.Queued, 2)
}

func statsOfWaiters(e *env) {
	p := e.port(nil)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { p.Await(e.ctx, &ops.Timer{After: time.Hour}) })
	}
	asleep(p, 5)
	st := p.Stats()
	equal(e, "Leading", st.Leading, true)
	equal(e, "Waiting", st.Waiting, 4)
	equal(e, "InFlight", st.InFlight, 5)
	is(e, p.Close(), nil)
	all.Wait()
	atRest(e, p)
}
