package completion_test

import (
	"testing"
	"testing/synctest"

	"github.com/completionport/completion"
	"github.com/completionport/completion/porttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent")) // js/wasm's own
}

// The suite runs on the system's backends in package porttest itself.
func TestConformanceMemory(t *testing.T) {
	var network completion.Memory
	porttest.Run(t, onMemory(&network), porttest.OnNetwork(&network))
	if n := completion.Descriptors(&network); n != 0 {
		t.Errorf("%d descriptors left", n)
	}
}

// Nothing but the clock is different in a bubble.
func TestConformanceInBubble(t *testing.T) {
	if testing.Short() {
		t.Skip("TestConformanceMemory has been there already")
	}
	var network completion.Memory
	porttest.Run(t, onMemory(&network), porttest.OnNetwork(&network), porttest.Within(synctest.Test))
}

// onMemory opens ports on a network.
func onMemory(network *completion.Memory) porttest.Open {
	return func(config *completion.Config) (*completion.Port, error) {
		var c completion.Config
		if config != nil {
			c = *config
		}
		c.Memory = network
		return completion.Open(&c)
	}
}
