package porttest

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

func timerFires(e *env) {
	p := e.port(nil)
	timer := &ops.Timer{After: 5 * time.Millisecond}
	due := completion.After(timer.After)
	e.submit(p, timer)
	equal(e, "in flight", p.Stats().InFlight, 1)
	e.expect(p, timer, nil)
	if now() < due {
		e.Fatal("the timer came early")
	}
	equal(e, "N", timer.N(), 0)
	e.idle(p)
}

func timerAtOnce(e *env) {
	p := e.port(nil)
	for _, d := range []time.Duration{0, -1, -time.Hour, math.MinInt64} {
		timer := &ops.Timer{After: d}
		e.submit(p, timer)
		equal(e, "in flight", p.Stats().InFlight, 0)
		e.expect(p, timer, nil)
	}
}

// bracket is a timer and the moments between which it was to fire.
type bracket struct {
	ops.Timer
	from, to completion.Deadline
}

// startTimers submits timers one by one.
func (e *env) startTimers(p *completion.Port, n int, longest time.Duration) {
	e.Helper()
	for range n {
		b := new(bracket)
		b.After = 1 + rand.N(longest)
		b.from = completion.After(b.After)
		e.submit(p, b)
		b.to = completion.After(b.After)
	}
}

// inOrder dequeues n timers: none early, none before one that was due earlier,
// each once.
func (e *env) inOrder(p *completion.Port, n int) {
	e.Helper()
	seen := make(map[*bracket]bool)
	latest := completion.Deadline(0)
	for range n {
		b := e.next(p).(*bracket)
		is(e, b.Err(), nil)
		switch {
		case seen[b]:
			e.Fatal("a timer came twice")
		case now() < b.from:
			e.Fatal("a timer came early")
		case b.to < latest:
			e.Fatal("a timer came after one that was due later")
		}
		seen[b] = true
		latest = max(latest, b.from)
	}
}

func timersInOrder(e *env) {
	p := e.port(nil)
	e.startTimers(p, 300, 20*time.Millisecond)
	e.inOrder(p, 300)
	e.onceEach(p, 300)
}

func timersNeverEarly(e *env) {
	p := e.port(nil)
	e.startTimers(p, 10000, 20*time.Millisecond)
	e.inOrder(p, 10000)
	e.onceEach(p, 10000)
}

func timerDeadlineFirst(e *env) {
	p := e.port(nil)
	timer := &ops.Timer{After: time.Hour}
	timer.Deadline = soon()
	e.submit(p, timer)
	e.expect(p, timer, os.ErrDeadlineExceeded)
	equal(e, "N", timer.N(), 0)
}

func timerBeforeDeadline(e *env) {
	p := e.port(nil)
	timer := &ops.Timer{After: 5 * time.Millisecond}
	timer.Deadline = never()
	e.submit(p, timer)
	e.expect(p, timer, nil)
	e.idle(p)
}

func timerEndedBySetDeadline(e *env) {
	p := e.port(nil)
	timer := &ops.Timer{After: time.Hour}
	e.submit(p, timer)
	equal(e, "SetDeadline", p.SetDeadline(timer, never()), true)
	equal(e, "SetDeadline", p.SetDeadline(timer, soon()), true)
	e.expect(p, timer, os.ErrDeadlineExceeded)

	// Clearing the deadline leaves the time of the timer itself.
	timer.After = 5 * time.Millisecond
	e.submit(p, timer)
	equal(e, "SetDeadline", p.SetDeadline(timer, never()), true)
	equal(e, "SetDeadline", p.SetDeadline(timer, 0), true)
	e.expect(p, timer, nil)
}

func timerForEver(e *env) {
	p := e.port(nil)
	for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64 / 2} {
		timer := &ops.Timer{After: d}
		e.submit(p, timer)
		e.idle(p)
		e.restful(p)
		equal(e, "Cancel", p.Cancel(timer), true)
		e.expect(p, timer, completion.ErrCanceled)
	}
}

func timersAwaited(e *env) {
	p := e.port(nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				timer := &ops.Timer{After: time.Duration(i*j) * 10 * time.Microsecond}
				due := completion.After(timer.After)
				if err := p.Await(e.ctx, timer); err != nil || now() < due {
					e.Errorf("error %v, %d ns early", err, due-now())
				}
			}
		})
	}
	wg.Wait()
}

// dequeueBehind runs f when another goroutine sleeps in the poller, and
// returns what that one dequeues.
func (e *env) dequeueBehind(p *completion.Port, f func()) completion.Operation {
	e.Helper()
	var op completion.Operation
	var wg sync.WaitGroup
	wg.Go(func() { op, _ = p.Next(e.ctx) })
	untilParked(p)
	f()
	wg.Wait()
	return op
}

func submitWakesParkedLeaderForDeadline(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	later := &ops.Timer{After: time.Hour} // the leader has this one to wait for
	for i := range 300 {
		if i == 100 {
			e.submit(p, later)
		}
		r := &ops.Read{From: s, Buf: own(1)}
		op := e.dequeueBehind(p, func() {
			r.Deadline = completion.After(time.Duration(i) * time.Microsecond)
			e.submit(p, r)
		})
		if op != completion.Operation(r) {
			e.Fatalf("dequeued %T", op)
		}
		e.outcome(r, os.ErrDeadlineExceeded)
	}
	equal(e, "Cancel", p.Cancel(later), true)
	e.expect(p, later, completion.ErrCanceled)
}

func setDeadlineWakesParkedLeader(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	for i := range 300 {
		r := &ops.Read{From: s, Buf: own(1)}
		if i >= 100 {
			r.Deadline = never()
		}
		e.submit(p, r)
		op := e.dequeueBehind(p, func() {
			if !p.SetDeadline(r, completion.After(time.Duration(i)*time.Microsecond)) {
				e.Error("SetDeadline: not in flight")
			}
		})
		if op != completion.Operation(r) {
			e.Fatalf("dequeued %T", op)
		}
		e.outcome(r, os.ErrDeadlineExceeded)
	}
}

// deadlineOfWaitBesideParkedLeader awaits with a deadline while another goroutine leads
// and waits for something else.
func deadlineOfWaitBesideParkedLeader(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	ctx, cancel := context.WithCancel(e.ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		if op, err := p.Next(ctx); err == nil {
			e.Errorf("dequeued %T", op)
		}
	})
	untilParked(p)
	r := &ops.Read{From: s, Buf: own(1)}
	for i := range 100 {
		r.Deadline = completion.After(time.Duration(i) * time.Microsecond)
		is(e, p.Await(e.ctx, r), os.ErrDeadlineExceeded)
	}
	cancel()
	wg.Wait()
}
