package sys

import (
	"sync/atomic"

	"github.com/completionport/completion/internal/backend"
)

// Wrap replaces the poller and the kernel that a port gets from its backend.
type Wrap func(backend.Poller, backend.Calls) (backend.Poller, backend.Calls)

var faults atomic.Pointer[Wrap]

// InjectFaults makes every port that is opened until undo is called use the poller and the
// kernel that wrap returns. It is for tests, one at a time. It costs a program one load
// when it opens a port, and nothing later.
func InjectFaults(wrap Wrap) (undo func()) {
	if !faults.CompareAndSwap(nil, &wrap) {
		panic("sys: faults are injected already")
	}
	return func() { faults.Store(nil) }
}

// WithFaults returns the poller and the kernel that a new port uses.
func WithFaults(p backend.Poller, k backend.Calls) (backend.Poller, backend.Calls) {
	if wrap := faults.Load(); wrap != nil {
		return (*wrap)(p, k)
	}
	return p, k
}
