package ionet

import (
	"sync"

	"github.com/completionport/completion"
)

var openDefault = sync.OnceValues(func() (*completion.Port, error) { return completion.Open(nil) })

// DefaultPort returns the port that this package uses where none is given. It opens it
// when it is first needed, with the default configuration. It stays open as long as the
// process runs: if a program closes it, all that uses it fails with net.ErrClosed.
func DefaultPort() (*completion.Port, error) { return openDefault() }

// portOr returns port, or the default port if port is nil.
func portOr(port *completion.Port) (*completion.Port, error) {
	if port != nil {
		return port, nil
	}
	return DefaultPort()
}
