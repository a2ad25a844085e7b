package kqueue

import "github.com/completionport/completion/internal/backend"

// Name is what programs call this backend.
const Name = "kqueue"

// OpenOn opens the backend on a queue, and with the kernel that makes the calls for the
// descriptors of that queue. If it fails, the queue is closed.
func OpenOn(system System, kernel backend.Calls) (backend.Backend, error) {
	poller, err := New(system)
	if err != nil {
		return backend.Backend{}, err
	}
	return backend.Backend{Name: Name, Poller: poller, Kernel: kernel, ArmCall: "kevent"}, nil
}
