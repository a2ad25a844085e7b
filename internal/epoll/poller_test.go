//go:build linux

package epoll_test

import (
	"testing"

	"github.com/completionport/completion/internal/backend/backendtest"
	"github.com/completionport/completion/internal/epoll"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The backend keeps the promises of package backend.
func TestContract(t *testing.T) { backendtest.Run(t, epoll.Open) }
