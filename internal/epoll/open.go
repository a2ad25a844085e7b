//go:build linux

package epoll

import (
	"os"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// Name is the name of this backend.
const Name = "epoll"

// Open opens the backend.
func Open() (backend.Backend, error) {
	poller, err := New()
	if err != nil {
		return backend.Backend{}, err
	}
	return backend.Backend{Name: Name, Poller: poller, Kernel: &sys.Kernel{}, ArmCall: "epoll_ctl"}, nil
}

// New returns a poller. It fails if the system has no descriptor left, or if Go's own
// poller does not accept the epoll descriptor.
func New() (*Poller, error) {
	fd, err := sys.EpollCreate()
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	p := &Poller{fd: fd, event: -1, until: backend.Never, file: os.NewFile(uintptr(fd), "epoll")}
	p.raw, err = p.file.SyscallConn()
	if err == nil {
		// Fails if Go's poller does not accept the descriptor.
		err = p.file.SetReadDeadline(time.Time{})
	}
	if err == nil {
		p.event, err = sys.EventCreate(fd)
	}
	if err != nil {
		p.file.Close()
		return nil, err
	}
	p.wait = p.attempt
	return p, nil
}
