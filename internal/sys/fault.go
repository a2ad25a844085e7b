package sys

import (
	"sync/atomic"

	"github.com/completionport/completion/internal/backend"
)

// Wrap puts something between a port and what its backend brought.
type Wrap func(backend.Poller, backend.Calls) (backend.Poller, backend.Calls)

var faults atomic.Pointer[Wrap]

// InjectFaults makes every port that is opened until undo use what wrap
// returns. It is for tests, one at a time; a program pays for it when it opens
// a port and never again.
func InjectFaults(wrap Wrap) (undo func()) {
	if !faults.CompareAndSwap(nil, &wrap) {
		panic("sys: faults are injected already")
	}
	return func() { faults.Store(nil) }
}

// WithFaults is called for each port that opens.
func WithFaults(p backend.Poller, k backend.Calls) (backend.Poller, backend.Calls) {
	if wrap := faults.Load(); wrap != nil {
		return (*wrap)(p, k)
	}
	return p, k
}
