//go:build windows

package iocp_test

import (
	"os"
	"testing"

	"github.com/completionport/completion/internal/backend/backendtest"
	"github.com/completionport/completion/internal/iocp"
	"github.com/completionport/completion/internal/strict"
)

// The tests run in strict mode as well: see CONTRIBUTING.md.
func TestMain(m *testing.M) {
	if os.Getenv("COMPLETION_STRICT_WINDOWS") != "" {
		strict.Set(true)
	}
	m.Run()
}

// The backend keeps the promises of package backend, with packets of operations that
// succeed at once and without.
func TestContract(t *testing.T) {
	for name, skip := range map[string]bool{"Skip": true, "NoSkip": false} {
		t.Run(name, func(t *testing.T) {
			defer iocp.SetSkipOnSuccess(skip)()
			backendtest.Run(t, iocp.Open)
			if n := iocp.OpenPorts(); n != 0 {
				t.Errorf("%d ports are open", n)
			}
		})
	}
	if os.Getenv("COMPLETION_STRICT_WINDOWS") != "" && strict.Overflows() == 0 {
		t.Error("no datagram that did not fit had a packet besides")
	}
}
