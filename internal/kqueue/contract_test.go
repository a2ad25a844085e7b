//go:build unix

package kqueue_test

import (
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/backend/backendtest"
	"github.com/completionport/completion/internal/kqueue"
	"github.com/completionport/completion/internal/memory"
)

// The poller keeps the promises of package backend on every kernel.
func TestContract(t *testing.T) {
	for name, habits := range kernels {
		t.Run(name, func(t *testing.T) {
			backendtest.Run(t, func() (backend.Backend, error) {
				var network memory.Network
				return kqueue.OpenOn(network.NewKqueue(habits, 1), network.Kernel())
			})
		})
	}
}
