//go:build linux

package uring

import (
	"errors"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/backend/backendtest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The backend keeps the promises of package backend, also with queues that are always full.
func TestContract(t *testing.T) {
	for name, sizes := range map[string][2]uint32{"Large": {entries, results}, "Small": {2, 2}} {
		t.Run(name, func(t *testing.T) {
			backendtest.Run(t, func() (backend.Backend, error) {
				b, err := open(sizes[0], sizes[1])
				if errors.Is(err, errors.ErrUnsupported) {
					t.Skip(err)
				}
				return b, err
			})
		})
	}
}

// A kernel is of one kind: those who wrap a Direct kernel would make this one lose its requests.
func TestKernelIsNotDirect(t *testing.T) {
	if _, direct := any(new(Kernel)).(backend.Direct); direct {
		t.Error("the kernel is a Direct one, too")
	}
}
