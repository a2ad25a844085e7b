package sys

import (
	"io/fs"
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

// FileFault returns the errno with which a call of a file fails, 0 for none.
type FileFault func(call string) backend.Errno

var fileFaults atomic.Pointer[FileFault]

// InjectFileFaults makes the calls of all files that are opened until undo is called ask
// choose first. It is for tests, one at a time. It costs a program one load when it opens a
// file, and a comparison for each call.
func InjectFileFaults(choose FileFault) (undo func()) {
	if !fileFaults.CompareAndSwap(nil, &choose) {
		panic("sys: faults of files are injected already")
	}
	return func() { fileFaults.Store(nil) }
}

// failing returns the error with which a call of the file fails, nil for none.
func (f *File) failing(call string) error {
	if f.fault == nil {
		return nil
	}
	if errno := (*f.fault)(call); errno != 0 {
		return &fs.PathError{Op: call, Path: f.Name(), Err: errno}
	}
	return nil
}
