package porttest

import (
	"errors"
	"testing"

	"github.com/completionport/completion"
)

// backends are the names of all backends, on any system.
var backends = []string{"epoll", "io_uring", "kqueue", "iocp"}

// EachBackend runs f as a subtest for each backend of this system. It skips the
// subtests of backends that this system does not have.
func EachBackend(t *testing.T, f func(t *testing.T, open Open)) {
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
