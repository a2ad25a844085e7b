package porttest_test

import (
	"testing"

	"github.com/completionport/completion/porttest"
)

// Named pipes are streams as others are.
func TestConformanceOverPipes(t *testing.T) {
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) { porttest.Run(t, open, porttest.OverPipes()) })
}
