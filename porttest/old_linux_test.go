package porttest_test

import (
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/sys"
	"github.com/completionport/completion/porttest"
)

// The suite on an io_uring as Linux 5.11 has it: io_uring_setup(2) knows none of the newer flags, no
// buffers can be registered, and an accept does not wait.
func TestConformanceOldLinux(t *testing.T) {
	var setups atomic.Int32
	defer sys.InjectUringFaults(&sys.UringFaults{
		Choose: func(call string, _ int) syscall.Errno {
			switch {
			case call == "io_uring_setup" && setups.Add(1)%4 != 0: // each time without the newest flags
				return syscall.EINVAL
			case call == "buffers":
				return syscall.EINVAL
			case call == "accept":
				return syscall.EAGAIN
			}
			return 0
		},
		Wrap: func(k sys.UringCalls) sys.UringCalls { return k },
	})()
	open := func(config *completion.Config) (*completion.Port, error) {
		c := completion.Config{}
		if config != nil {
			c = *config
		}
		c.Backend = "io_uring"
		return completion.Open(&c)
	}
	p, err := open(nil)
	if err != nil {
		t.Skip(err)
	}
	if p.Close(); setups.Load() != 4 {
		t.Errorf("asked %d times for an io_uring, want 4", setups.Load())
	}
	porttest.Run(t, open)
}
