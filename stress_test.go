package completion_test

import (
	"flag"
	"testing"

	"github.com/completionport/completion/porttest"
)

var stressOperations = flag.Int("stress.operations", 200_000, "operations of TestStress")

func TestStress(t *testing.T) {
	eachBackend(t, func(t *testing.T, open porttest.Open) { porttest.Stress(t, open, *stressOperations) })
}
