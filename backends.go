package completion

import (
	"errors"
	"fmt"
	"strings"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

// opener opens a backend by its name.
type opener struct {
	name string
	open func() (backend.Backend, error)
}

// openBackend opens the backend with this name or, without a name, the first of backends
// that opens. Each system lists its backends, the best first, in a file NAME_SYSTEM.go,
// which says how the backend keeps its promises. Memory is not listed: only a Config
// selects it.
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
		return backend.Backend{}, fmt.Errorf("completion: no backend %q: this system has %s: %w", name, backendNames(), errors.ErrUnsupported)
	}
	return backend.Backend{}, fmt.Errorf("completion: no backend for this system: %w", errors.ErrUnsupported)
}

// backendNames returns the names that openBackend knows, for an error.
func backendNames() string {
	if len(backends) == 0 {
		return "none"
	}
	var names []string
	for _, b := range backends {
		names = append(names, b.name)
	}
	return strings.Join(names, ", ")
}

// kernel is the kernel of any backend.
type kernel = backend.Calls

// kernelOf returns the kernel of a handle's port. The handle is acquired.
func kernelOf(h *core.Handle) kernel { return h.Kernel().(kernel) }
