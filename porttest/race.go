package porttest

import (
	"errors"
	"sync"

	"github.com/completionport/completion"
)

// allOf runs functions at the same time and returns when all have.
func allOf(fs ...func()) { together(len(fs), func(i int) { fs[i]() }) }

// raceCancel dequeues op, which is in flight, while one goroutine cancels it
// and another makes its natural result happen. It reports whether it came back
// cancelled. Round turns the order in which the two are let go.
func (e *env) raceCancel(p *completion.Port, op completion.Operation, round int, finish func()) (canceled bool) {
	e.Helper()
	recorded := false
	var wg sync.WaitGroup
	if round%2 == 0 {
		wg.Go(finish)
	}
	wg.Go(func() {
		dawdle(round)
		recorded = p.Cancel(op)
	})
	if round%2 != 0 {
		wg.Go(finish)
	}
	got := e.next(p)
	wg.Wait()
	if got != op {
		e.Fatalf("dequeued %T %p, want %T %p", got, got, op, op)
	}
	switch err := op.Err(); {
	case err == nil:
		return false
	case !errors.Is(err, completion.ErrCanceled):
		e.Fatalf("round %d: error is %v", round, err)
	case !recorded:
		e.Fatalf("round %d: cancelled, though Cancel returned false", round)
	}
	return true
}

// dawdle lets some time pass, from none to what a small operation takes.
func dawdle(round int) {
	for range 1 << (round / 2 % 12) {
		now()
	}
}

// onceEach checks that a port has performed that many operations, and that
// none of them is left.
func (e *env) onceEach(p *completion.Port, submitted uint64) {
	e.Helper()
	s := p.Stats()
	equal(e, "submitted", e.submitted(p), submitted)
	equal(e, "completed", e.completed(p), submitted)
	equal(e, "held", held(s), 0)
	e.idle(p)
}
