// Package peers has echo servers on other libraries, as their documentation and examples show
// them. Each file says which settings it uses beside these: TCP_NODELAY, buffers of the size
// that all programs have, and as many loops as the setting workers says, or one.
package peers

import (
	"errors"

	"github.com/completionport/completion/bench/internal/echo"
)

// Names are the names of the programs.
var Names []string

// WithWorkers are those that know the setting workers.
var WithWorkers []string

// serving is a server that runs as long as its process.
type serving struct{ addr string }

func (s serving) Addr() string { return s.addr }
func (s serving) Close()       {}

const anyPort = "127.0.0.1:0"

var errSettings = errors.New("a setting that this program has not")

// Register adds the programs to those of bench/internal/echo.
func Register() {}

// check refuses the settings that none of the programs has.
func check(s echo.Spec) error {
	if s.Backend != "" || s.Spin != 0 || s.Work != 0 || s.Ports > 1 {
		return errSettings
	}
	return nil
}
