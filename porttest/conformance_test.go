package porttest_test

import (
	"testing"

	"github.com/completionport/completion/porttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Compiled with go test -c, this is the suite for a system that has neither Go nor
// the sources.
func TestConformance(t *testing.T) {
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) { porttest.Run(t, open) })
}
