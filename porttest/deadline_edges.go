package porttest

import (
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// overdueReads makes reads on one socket that has no data.
func overdueReads(e *env, p *completion.Port, n int) []completion.Operation {
	s, _ := e.pair(p)
	all := make([]completion.Operation, n)
	for i := range all {
		all[i] = &ops.Read{From: s, Buf: own(1)}
	}
	return all
}

func manyDeadlinesOnce(e *env) {
	p := e.port(nil)
	all := overdueReads(e, p, 1000)
	for _, op := range all {
		op.(*ops.Read).Deadline = completion.After(rand.N(10 * time.Millisecond))
		e.submit(p, op)
	}
	e.expectAll(p, os.ErrDeadlineExceeded, all...)
	e.onceEach(p, 1000)
}

func deadlinesInOrder(e *env) {
	p := e.port(nil)
	all := overdueReads(e, p, 1000)
	// A kernel that has the first of them may take its time to let go of it.
	ahead := &ops.Read{From: all[0].(*ops.Read).From, Buf: own(1)}
	e.submit(p, ahead)
	e.submit(p, all...)
	base := now()
	want := make([]completion.Operation, len(all))
	for i, place := range rand.Perm(len(all)) {
		want[place] = all[i]
		// Half of them will have timed out at the first poll.
		equal(e, "SetDeadline", p.SetDeadline(all[i], base+completion.Deadline(place*2000)), true)
	}
	for _, op := range want {
		e.expect(p, op, os.ErrDeadlineExceeded)
	}
	p.Cancel(ahead)
	e.expect(p, ahead, completion.ErrCanceled)
	e.onceEach(p, 1001)
}

func farthestDeadlineDoesNotSpin(e *env) {
	for _, d := range []completion.Deadline{math.MaxInt64, math.MaxInt64 - 1, completion.After(math.MaxInt64)} {
		p := e.port(nil)
		s, _ := e.pair(p)
		r := &ops.Read{From: s, Buf: own(1)}
		r.Deadline = d
		e.submit(p, r)
		e.restful(p)
		before := p.Stats().Polls
		var wg sync.WaitGroup
		wg.Go(func() { // nothing but that deadline keeps the leader asleep
			timer := time.NewTimer(20 * time.Millisecond)
			<-timer.C
			p.Cancel(r)
		})
		e.expect(p, r, completion.ErrCanceled)
		wg.Wait()
		if polls := p.Stats().Polls - before; polls > 20 {
			e.Errorf("deadline %d: %d looks at the poller with nothing to do", d, polls)
		}
	}
}

func negativeDeadlineHasPassed(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	for _, d := range []completion.Deadline{-1, math.MinInt64} {
		r := &ops.Read{From: s, Buf: own(1)}
		r.Deadline = d
		e.submit(p, r)
		e.expect(p, r, os.ErrDeadlineExceeded)
	}
}

func afterEdges(e *env) {
	if d := completion.After(0); d <= 0 || d > now() {
		e.Fatalf("After(0) is %d, now %d", d, now())
	}
	for _, d := range []time.Duration{-1, -time.Hour, math.MinInt64} {
		if got := completion.After(d); got <= 0 || got > now() {
			e.Fatalf("After(%v) is %d, now %d", d, got, now())
		}
	}
	last := completion.Deadline(0)
	for _, d := range []time.Duration{-time.Hour, 0, time.Hour, math.MaxInt64 / 2, math.MaxInt64 - 1} {
		got := completion.After(d)
		if got < last || got <= 0 {
			e.Fatalf("After(%v) is %d, before %d", d, got, last)
		}
		last = got
	}
	if completion.After(math.MaxInt64) < never() {
		e.Fatal("the longest duration overflows")
	}
}

func atEdges(e *env) {
	equal(e, "At of the zero time", completion.At(time.Time{}), 0)
	for _, t := range []time.Time{time.Unix(0, 0), time.Now(), time.Now().Add(-time.Hour), time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if d := completion.At(t); d <= 0 || d > now() {
			e.Fatalf("At(%v) is %d, now %d", t, d, now())
		}
	}
	for _, t := range []time.Time{time.Now().Add(2 * time.Hour), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if d := completion.At(t); d < never() {
			e.Fatalf("At(%v) is %d, in an hour %d", t, d, never())
		}
	}
	before := completion.After(time.Hour)
	at := completion.At(time.Now().Add(time.Hour))
	if after := completion.After(time.Hour); at < before || at > after {
		e.Fatalf("At is %d, not in [%d, %d]", at, before, after)
	}
}
