//go:build linux

package uring

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// Name is the name of this backend.
const Name = "io_uring"

// Sizes of the queues. The submission queue has room for what a leader submits in one call. The
// kernel keeps results for which the completion queue has no room.
const (
	entries = 256
	results = 4096
)

// openPorts are the ports that have not been closed. A port that the program drops stays
// reachable here, since the kernel goes on writing to its memory.
var openPorts sync.Map // *Poller

// Open opens the backend.
func Open() (backend.Backend, error) { return open(entries, results) }

func open(entries, results uint32) (backend.Backend, error) {
	p, err := newPoller(entries, results)
	if err != nil {
		return backend.Backend{}, err
	}
	openPorts.Store(p, nil)
	return backend.Backend{Name: Name, Poller: p, Kernel: &Kernel{calls: sys.WithUringFaults(new(sys.Kernel)), port: p}}, nil
}

// newPoller opens a ring. If Go code runs on one processor only, no thread of it is interrupted for
// results: as long as one runs, none could take them. Only a thread that computes in C may delay
// what it has submitted, until the next tick of the clock. With more processors each thread could.
func newPoller(entries, results uint32) (*Poller, error) {
	ring, err := sys.OpenUring(sys.UringOptions{Entries: entries, Results: results, Cooperative: runtime.GOMAXPROCS(0) == 1})
	if err != nil {
		return nil, explain(err)
	}
	p := &Poller{until: backend.Never, queue: queue{ring: ring}}
	p.queue.prepare()
	p.queue.wake = p.wakeParked
	if err = p.watch(); err != nil {
		ring.Close(0)
		return nil, err
	}
	if err = p.openEnd(); err != nil {
		p.file.Close()
		ring.Close(0)
		return nil, explain(err)
	}
	return p, nil
}

// watch opens the eventfd, and registers it with Go's poller and with the ring.
func (p *Poller) watch() error {
	fd, err := sys.EventFD()
	if err != nil {
		return err
	}
	p.file, p.eventFD = os.NewFile(uintptr(fd), "io_uring"), fd
	p.raw, err = p.file.SyscallConn()
	if err == nil {
		// Fails if Go's poller does not accept the descriptor.
		err = p.file.SetReadDeadline(time.Time{})
	}
	if err == nil {
		p.queue.ring.SetSignal(false)
		err = p.queue.ring.Signal(fd)
	}
	if err != nil {
		p.file.Close()
		return err
	}
	p.wait = p.attempt
	return nil
}

// explain adds the likely cause to the error of a system that does not let a program have an
// io_uring.
func explain(err error) error {
	cause := ""
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		cause = "a seccomp filter, as most containers have, or the sysctl kernel.io_uring_disabled, forbids it"
	case errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.EINVAL):
		cause = "this kernel has none, or one without all that is needed: Linux 5.11 has it"
	case errors.Is(err, syscall.ENOMEM):
		return fmt.Errorf("%w: probably the limit of locked memory (ulimit -l) is too low", err)
	default:
		return err
	}
	return &refusal{err, cause}
}

// refusal is the error of a system on which no program, or not this one, can use an io_uring.
// It matches errors.ErrUnsupported.
type refusal struct {
	err   error
	cause string
}

func (r *refusal) Error() string        { return r.err.Error() + ": " + r.cause }
func (r *refusal) Unwrap() error        { return r.err }
func (r *refusal) Is(target error) bool { return target == errors.ErrUnsupported }
