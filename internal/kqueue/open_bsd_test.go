//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package kqueue_test

import (
	"testing"

	"github.com/completionport/completion/internal/backend/backendtest"
	"github.com/completionport/completion/internal/kqueue"
)

// So does the backend of this system.
func TestContractOfSystem(t *testing.T) { backendtest.Run(t, kqueue.Open) }
