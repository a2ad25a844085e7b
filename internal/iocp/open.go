//go:build windows

package iocp

import (
	"sync"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// Name is the name of this backend.
const Name = "iocp"

// skipOnSuccess avoids the packet of an operation that has succeeded when its call
// returns. Tests turn it off.
var skipOnSuccess = true

// openPorts are the ports that have not been closed. A port that the program drops stays
// reachable here, since Windows goes on writing to its memory.
var openPorts sync.Map // *Poller

// Open opens the backend.
func Open() (backend.Backend, error) {
	port, err := sys.NewCompletionPort()
	if err != nil {
		return backend.Backend{}, err
	}
	p := &Poller{port: port, skip: skipOnSuccess, until: backend.Never}
	p.sockets.Shift = descriptorShift
	openPorts.Store(p, nil)
	return backend.Backend{Name: Name, Poller: p, Kernel: &Kernel{port: p}, ArmCall: "CreateIoCompletionPort"}, nil
}

// descriptorShift is 2, since all descriptors are multiples of four.
const descriptorShift = 2
