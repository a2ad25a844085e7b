package memory

import "github.com/completionport/completion/internal/backend"

// Name is what programs call this backend.
const Name = "memory"

// Open returns a backend on this network, for one port. It has the form of the other
// backends' Open and never fails.
func (n *Network) Open() (backend.Backend, error) {
	return backend.Backend{Name: Name, Poller: n.NewPoller(), Kernel: n.Kernel()}, nil
}
