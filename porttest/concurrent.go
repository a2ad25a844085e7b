package porttest

import (
	"runtime"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// together runs n functions at once and returns when all have.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// until returns when a state is reached that another goroutine is bound to
// reach, such as being asleep. It is no check: the watchdog ends a case whose
// state never comes.
func until(reached func() bool) {
	for !reached() {
		runtime.Gosched()
	}
}

// asleep waits until n goroutines sleep in the port, the leader included.
// Nothing may end their sleep before the case does.
func asleep(p *completion.Port, n int) {
	until(func() bool {
		s := p.Stats()
		return s.Parked && s.Waiting == n-1
	})
}

// work makes the port poll until something has been queued n times, and hands
// nothing out.
func (e *env) work(p *completion.Port, n int) {
	e.Helper()
	defer e.wait()()
	for p.Stats().Queued < n {
		if err := p.Await(e.ctx, &ops.Timer{After: time.Millisecond}); err != nil {
			e.Fatalf("timer: %v", err)
		}
	}
}

// ledger checks that each operation is delivered exactly once, whoever takes
// it.
type ledger struct {
	mu   sync.Mutex
	left map[completion.Operation]bool
	e    *env
}

func newLedger(e *env) *ledger {
	return &ledger{left: make(map[completion.Operation]bool), e: e}
}

// submit gives operations to the port and reports whether it took them. They
// are noted first: somebody may dequeue them before Submit returns.
func (l *ledger) submit(p *completion.Port, operations ...completion.Operation) bool {
	l.mu.Lock()
	for _, op := range operations {
		l.left[op] = true
	}
	l.mu.Unlock()
	if p.Submit(operations...) == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, op := range operations {
		if !l.left[op] {
			l.e.Errorf("%T %p was refused and delivered", op, op)
		}
		delete(l.left, op)
	}
	return false
}

// take notes that an operation was delivered.
func (l *ledger) take(op completion.Operation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.left[op] {
		l.e.Errorf("%T %p was delivered twice, or never submitted", op, op)
	}
	delete(l.left, op)
}

// settled checks that nothing is missing.
func (l *ledger) settled() {
	l.e.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for op := range l.left {
		l.e.Errorf("%T %p was never delivered", op, op)
	}
}
