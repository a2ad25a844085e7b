package completion_test

import (
	"flag"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/porttest"
)

var stressOperations = flag.Int("stress.operations", 200_000, "operations of TestStress")

func TestStress(t *testing.T) {
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) { porttest.Stress(t, open, *stressOperations) })
	t.Run("memory", func(t *testing.T) {
		var network completion.Memory
		porttest.Stress(t, onMemory(&network), *stressOperations, porttest.OnNetwork(&network))
	})
}
