package completion

import (
	"errors"
	"fmt"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

// opener opens a backend by its name.
type opener struct {
	name string
	open func() (backend.Backend, error)
}

// openBackend opens the backend of that name, or the first of backends that works. Each
// system lists its own in backends, best first, in a file NAME_SYSTEM.go that says how
// the backend keeps its promises. Memory is not among them: only a Config can ask for it.
func openBackend(name string) (backend.Backend, error) {
	var failures []error
	for _, b := range backends {
		if name != "" && name != b.name {
			continue
		}
		opened, err := b.open()
		if err == nil {
			opened.Poller, opened.Kernel = sys.WithFaults(opened.Poller, opened.Kernel)
			return opened, nil
		}
		failures = append(failures, fmt.Errorf("completion: %s: %w", b.name, opError("open", nil, nil, err)))
	}
	switch {
	case failures != nil:
		return backend.Backend{}, errors.Join(failures...)
	case name != "":
		return backend.Backend{}, fmt.Errorf("completion: backend %q: %w", name, errors.ErrUnsupported)
	}
	return backend.Backend{}, fmt.Errorf("completion: no backend for this system: %w", errors.ErrUnsupported)
}

// kernel is what the kernel of every backend can do.
type kernel = backend.Calls

// kernelOf returns the kernel of a handle's port. The handle is acquired.
func kernelOf(h *core.Handle) kernel { return h.Kernel().(kernel) }
