package porttest

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var workCases = append([]testCase{
	workEnds,
	workCancelledWhileQueued,
	workCancelledWhileItRuns,
	workResultAfterCancel,
	workTimesOut,
	workPanics,
	workHasALimit,
	workBeyondTheLimitWaits,
	workCountsForMaxInFlight,
	workOfAClosedPort,
	workAtShutdown,
	workMistakes,
	workMany,
}, slices.Concat(processCases, signalCases)...)

// occupant is a Work that runs until it is let go, or its context ends.
type occupant struct {
	ops.Work
	began chan bool
	goOn  chan error
}

func newOccupant() *occupant {
	h := &occupant{began: make(chan bool), goOn: make(chan error)}
	h.Func = func(ctx context.Context) error {
		h.began <- true
		select {
		case err := <-h.goOn:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return h
}

// occupy occupies the only goroutine of a port's pool.
func (e *env) occupy(p *completion.Port) *occupant {
	e.Helper()
	h := newOccupant()
	e.submit(p, h)
	<-h.began
	return h
}

// oneWorker opens a port whose pool has one goroutine.
func (e *env) oneWorker() *completion.Port {
	e.Helper()
	return e.port(&completion.Config{Workers: 1})
}

func workEnds(e *env) {
	p := e.port(nil)
	fault := errors.New("a fault")
	for _, want := range []error{nil, fault} {
		w := &ops.Work{Func: func(context.Context) error { return want }}
		for range 3 {
			e.submit(p, w)
			e.expect(p, w, want)
			equal(e, "N", w.N(), 0)
			is(e, p.Await(e.ctx, w), want)
		}
	}
}

// workCancelledWhileQueued: it ends at once, and its function is not called.
func workCancelledWhileQueued(e *env) {
	p := e.oneWorker()
	first := e.occupy(p)
	called := false
	w := &ops.Work{Func: func(context.Context) error { called = true; return nil }}
	last := &ops.Work{Func: func(context.Context) error { return nil }}
	e.submit(p, w, last)
	equal(e, "cancelled", p.Cancel(w), true)
	equal(e, "cancelled again", p.Cancel(w), false)
	e.expect(p, w, completion.ErrCanceled)
	first.goOn <- nil
	e.expect(p, first, nil)
	e.expect(p, last, nil)
	equal(e, "called", called, false)
}

func workCancelledWhileItRuns(e *env) {
	p := e.port(nil)
	for range often(50) {
		w := e.occupy(p)
		equal(e, "cancelled", p.Cancel(w), true)
		equal(e, "cancelled again", p.Cancel(w), false)
		e.expect(p, w, completion.ErrCanceled)
	}
	ctx, cancel := context.WithCancel(e.ctx)
	w := newOccupant()
	go func() {
		<-w.began
		cancel()
	}()
	err := p.Await(ctx, w)
	is(e, err, completion.ErrCanceled)
	is(e, err, context.Canceled)
}

// workResultAfterCancel: a function that returns nil has succeeded.
func workResultAfterCancel(e *env) {
	p := e.port(nil)
	w := newOccupant()
	began := make(chan bool)
	w.Func = func(ctx context.Context) error {
		close(began)
		<-ctx.Done()
		return nil
	}
	e.submit(p, w)
	<-began
	equal(e, "cancelled", p.Cancel(w), true)
	e.expect(p, w, nil)
}

func workTimesOut(e *env) {
	p := e.oneWorker()
	w := &ops.Work{Op: completion.Op{Timeout: time.Millisecond}}
	w.Func = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	e.submit(p, w)
	e.expect(p, w, os.ErrDeadlineExceeded)
	first := e.occupy(p)
	e.submit(p, w)
	e.expect(p, w, os.ErrDeadlineExceeded)
	w.Timeout, w.Deadline = 0, completion.After(-time.Second)
	e.submit(p, w)
	e.expect(p, w, os.ErrDeadlineExceeded)
	first.goOn <- nil
	e.expect(p, first, nil)
}

// workPanics: neither a panic nor a Goexit ends more than the Work, and the pool has its
// goroutines afterwards.
func workPanics(e *env) {
	p := e.oneWorker()
	for range 3 {
		w := &ops.Work{Func: func(context.Context) error { panic("a defect") }}
		e.submit(p, w)
		equal(e, "same", e.next(p) == completion.Operation(w), true)
		if text := w.Err().Error(); !strings.Contains(text, "a defect") || !strings.Contains(text, "workPanics") {
			e.Fatalf("the error is %v", w.Err())
		}
		w.Func = func(context.Context) error { runtime.Goexit(); return nil }
		e.submit(p, w)
		equal(e, "same", e.next(p) == completion.Operation(w), true)
		if w.Err() == nil || !strings.Contains(w.Err().Error(), "Goexit") {
			e.Fatalf("the error is %v", w.Err())
		}
	}
	w := &ops.Work{Func: func(context.Context) error { return nil }}
	is(e, p.Await(e.ctx, w), nil)
}

// workHasALimit: as many run at a time as the pool has goroutines, and not more.
func workHasALimit(e *env) {
	const limit = 3
	p := e.port(&completion.Config{Workers: limit})
	var running, most atomic.Int32
	works := make([]*occupant, 4*limit)
	for i := range works {
		works[i] = newOccupant()
		inner := works[i].Func
		works[i].Func = func(ctx context.Context) error {
			n := running.Add(1)
			defer running.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			return inner(ctx)
		}
		e.submit(p, works[i])
	}
	for i := 0; i < len(works); i += limit {
		for _, w := range works[i : i+limit] {
			<-w.began // so they begin in the order of their Submits
		}
		equal(e, "running", running.Load(), limit)
		for _, w := range works[i : i+limit] {
			w.goOn <- nil
		}
		for range limit {
			is(e, e.next(p).Err(), nil)
		}
	}
	equal(e, "most at a time", most.Load(), limit)
}

// workBeyondTheLimitWaits: any number is accepted, and begins in order.
func workBeyondTheLimitWaits(e *env) {
	const n = 1000
	p := e.oneWorker()
	first := e.occupy(p)
	var order []int
	all := make([]completion.Operation, n)
	for i := range all {
		all[i] = &ops.Work{Func: func(context.Context) error { order = append(order, i); return nil }}
	}
	e.submit(p, all...)
	equal(e, "in flight", p.Stats().InFlight, n+1)
	first.goOn <- nil
	e.expect(p, first, nil)
	e.expectAll(p, nil, all...)
	equal(e, "sorted", slices.IsSorted(order) && len(order) == n, true)
}

func workCountsForMaxInFlight(e *env) {
	p := e.port(&completion.Config{MaxInFlight: 1})
	first := e.occupy(p)
	w := newOccupant()
	e.submit(p, w)
	e.expect(p, w, completion.ErrLimit)
	first.goOn <- nil
	e.expect(p, first, nil)
}

// workOfAClosedPort: Close ends what waits, and the contexts of what runs, and returns when
// nothing runs any more.
func workOfAClosedPort(e *env) {
	for range often(10) {
		p := e.oneWorker()
		runs := e.occupy(p)
		waits := newOccupant()
		e.submit(p, waits)
		is(e, p.Close(), nil)
		equal(e, "in flight", p.Stats().InFlight, 0)
		e.expectAll(p, net.ErrClosed, runs, waits)
		is(e, p.Submit(runs), net.ErrClosed)
		is(e, runs.Err(), net.ErrClosed)
	}
}

func workAtShutdown(e *env) {
	p := e.oneWorker()
	runs := e.occupy(p)
	waits := newOccupant()
	e.submit(p, waits)
	is(e, p.Shutdown(e.ctx), nil)
	e.expectAll(p, net.ErrClosed, runs, waits)
}

func workMistakes(e *env) {
	p := e.port(nil)
	post := newPost(nil)
	text := panics(e, func() { p.Submit(post, &ops.Work{}) })
	equal(e, "panic", text, "completion: a work without a function")
	equal(e, "in flight", p.Stats().InFlight, 0)
	for _, n := range []int{-1, 10_001} {
		if p, err := e.open(&completion.Config{Workers: n}); err == nil {
			p.Close()
			e.Fatalf("a port with %d workers", n)
		}
	}
	is(e, p.Close(), nil)
	is(e, p.Submit(&ops.Work{}), net.ErrClosed)
}

// workMany: each ends once, also if it is cancelled at any moment.
func workMany(e *env) {
	const n = 500
	p := e.port(&completion.Config{Workers: 4})
	var called atomic.Int32
	works := make([]*ops.Work, n)
	for i := range works {
		works[i] = &ops.Work{Func: func(context.Context) error { called.Add(1); return nil }}
	}
	for range often(10) {
		called.Store(0)
		go func() {
			for i := range works {
				p.Cancel(works[i])
			}
		}()
		for _, w := range works {
			e.submit(p, w)
		}
		ran := int32(0)
		for range works {
			switch err := e.next(p).Err(); err {
			case nil:
				ran++
			default:
				is(e, err, completion.ErrCanceled)
			}
		}
		equal(e, "called", called.Load(), ran)
	}
}
