package completion

import (
	"errors"
	"fmt"

	"github.com/completionport/completion/internal/backend"
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
	poller backend.Poller
	arm    string // the system call that its Arm makes
	kernel kernel
}

// kernel is what a backend's kernel can do: the engine's calls, and those that
// handles need besides.
type kernel = backend.Calls

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
		failures = append(failures, fmt.Errorf("completion: %s: %w", d.name, opError("open", nil, nil, err)))
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
