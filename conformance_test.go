package completion_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/completionport/completion"
	"github.com/completionport/completion/porttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backends are those that some system has. Where one is missing, its test says
// so and is skipped.
var backends = []string{"epoll", "kqueue", "iocp"}

func TestConformance(t *testing.T) {
	eachBackend(t, func(t *testing.T, open porttest.Open) { porttest.Run(t, open) })
	t.Run("memory", func(t *testing.T) {
		var network completion.Memory
		porttest.Run(t, onMemory(&network), porttest.OnNetwork(&network))
		if n := completion.Descriptors(&network); n != 0 {
			t.Errorf("%d descriptors left", n)
		}
	})
}

// Nothing but the clock is different in a bubble.
func TestConformanceInBubble(t *testing.T) {
	if testing.Short() {
		t.Skip("TestConformance has been there already")
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

// eachBackend runs f for every backend of this system.
func eachBackend(t *testing.T, f func(t *testing.T, open porttest.Open)) {
	for _, backend := range backends {
		t.Run(backend, func(t *testing.T) {
			open := func(config *completion.Config) (*completion.Port, error) {
				var c completion.Config
				if config != nil {
					c = *config
				}
				c.Backend = backend
				return completion.Open(&c)
			}
			p, err := open(nil)
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skipf("no %s on this system", backend)
			}
			if err != nil {
				t.Fatal(err)
			}
			p.Close()
			f(t, open)
		})
	}
}
