package completion

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

// A backend brings a poller, which says what has become ready, and a kernel,
// which makes the system calls; package core does the rest and states what it
// expects of both. In short:
//
//   - A descriptor is armed once for its life, edge-triggered, for both
//     directions. What is ready when it is armed counts as an edge.
//   - An event carries the descriptor and the generation it was armed with.
//     Readiness may be reported too often, never too seldom.
//   - Only the leader waits and sets time-outs. Anybody may wake it, also too
//     late, also while the port closes.
//   - A descriptor is disarmed before it is closed, and the poller is closed
//     when nobody waits in it any more.
//   - No call blocks, and none is repeated by the backend.
//
// A new backend is a file NAME_SYSTEM.go with an opener in drivers.

// driver is what one backend brings to one port.
type driver struct {
	name   string
	poller core.Poller
	kernel kernel
}

// kernel is what a backend's kernel can do: the engine's calls, and those that
// handles need besides, none of which is on the path of an operation.
type kernel interface {
	core.Kernel

	Socket(sys.Family) (fd int, err error)
	Listen(sys.Family, core.Address, sys.ListenOptions) (fd int, err error)
	// Adopt returns a descriptor of our own for what c, of package net, stands
	// for. c stays as it is.
	Adopt(c any, listening bool) (fd int, err error)
	// Descriptor is the number to show to others.
	Descriptor(fd int) (uintptr, error)
	// RemoveFile removes the file that listening on a path has made.
	RemoveFile(path string)

	// The addresses are nil where there is none.
	LocalAddr(fd int) net.Addr
	RemoteAddr(fd int) net.Addr

	SetNoDelay(fd int, on bool) error
	SetKeepAlive(fd int, idle time.Duration) error
	SetReadBuffer(fd, bytes int) error
	SetWriteBuffer(fd, bytes int) error
	SetResetOnClose(fd int, on bool) error
}

// kernelOf returns the kernel of a handle's port. The handle is acquired.
func kernelOf(h *core.Handle) kernel { return h.Kernel().(kernel) }

// opener opens a backend by its name.
type opener struct {
	name string
	open func() (driver, error)
}

// openDriver opens the backend of that name, or the first of drivers that
// works. Each system lists its own in drivers, best first. Memory is not among
// them: only a Config can ask for it.
func openDriver(name string) (driver, error) {
	var failures []error
	for _, d := range drivers {
		if name != "" && name != d.name {
			continue
		}
		opened, err := d.open()
		if err == nil {
			opened.poller, opened.kernel = sys.WithFaults(opened.poller, opened.kernel)
			return opened, nil
		}
		failures = append(failures, fmt.Errorf("completion: %s: %w", d.name, err))
	}
	switch {
	case failures != nil:
		return driver{}, errors.Join(failures...)
	case name != "":
		return driver{}, fmt.Errorf("completion: backend %q: %w", name, errors.ErrUnsupported)
	}
	return driver{}, fmt.Errorf("completion: no backend for this system: %w", errors.ErrUnsupported)
}

// configError is a setting that makes no sense.
type configError struct{ reason string }

func (e *configError) Error() string { return "completion: " + e.reason }
