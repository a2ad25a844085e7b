package memory

import "github.com/completionport/completion/internal/backend"

// Name is the name of this backend.
const Name = "memory"

// Open returns a backend on this network, for one port. Its error is always nil: Open has
// the signature of the other backends' Open.
func (n *Network) Open() (backend.Backend, error) {
	return backend.Backend{Name: Name, Poller: n.NewPoller(), Kernel: n.Kernel()}, nil
}
