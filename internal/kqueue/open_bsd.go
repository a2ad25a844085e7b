//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package kqueue

import (
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var _ System = (*sys.Kqueue)(nil)

// Open opens the backend on a queue of the system.
func Open() (backend.Backend, error) {
	queue, err := sys.KqueueCreate()
	if err != nil {
		return backend.Backend{}, err
	}
	return OpenOn(queue, &sys.Kernel{})
}
