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

// UringCalls are the calls of a port with an io_uring that do not wait: those of Kernel.
type UringCalls interface {
	backend.Calls
	backend.Direct
	backend.Messenger
	backend.FileSender
	backend.Prober
	Accepted(fd, conn int)
}

// UringFaults are faults of ports with an io_uring.
type UringFaults struct {
	// Choose returns the errno with which a system call for the ring fails, or a request of
	// the ring, 0 for none. A call that fails is not made, and a request that fails is not
	// performed. fd is the descriptor of a request, and -1 for a call.
	Choose func(call string, fd int) backend.Errno
	// Wrap returns the kernel that makes the calls that do not wait.
	Wrap func(UringCalls) UringCalls
}

var uringFaults atomic.Pointer[UringFaults]

// InjectUringFaults makes every port with an io_uring that is opened until undo is called have
// these faults. It is for tests, one at a time. It costs a program a load when it opens a port,
// and two comparisons for each request.
func InjectUringFaults(f *UringFaults) (undo func()) {
	if !uringFaults.CompareAndSwap(nil, f) {
		panic("sys: faults of io_uring are injected already")
	}
	return func() { uringFaults.Store(nil) }
}

// WithUringFaults returns the kernel that makes the calls that do not wait.
func WithUringFaults(k UringCalls) UringCalls {
	if f := uringFaults.Load(); f != nil {
		return f.Wrap(k)
	}
	return k
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
