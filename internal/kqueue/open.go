package kqueue

import "github.com/completionport/completion/internal/backend"

// Name is the name of this backend.
const Name = "kqueue"

// OpenOn opens the backend on a queue. kernel makes the calls for the descriptors of that
// queue. If OpenOn fails, it closes the queue.
func OpenOn(system System, kernel backend.Calls) (backend.Backend, error) {
	poller, err := New(system)
	if err != nil {
		return backend.Backend{}, err
	}
	return backend.Backend{Name: Name, Poller: poller, Kernel: kernel, ArmCall: "kevent"}, nil
}
