package completion_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/fault"
	"github.com/completionport/completion/internal/sys"
	"github.com/completionport/completion/ops"
)

// faultyPort opens a port on epoll whose calls meet what choose returns.
func faultyPort(t *testing.T, choose fault.Choose) *completion.Port {
	t.Helper()
	undo := sys.InjectFaults(fault.Wrap(choose))
	p, err := completion.Open(&completion.Config{Backend: "epoll"})
	undo()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// What epoll has no room for says that this may pass, an accept as well as what
// opens a handle: a server tries again instead of ending.
func TestArmShortageIsTemporary(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.ENOMEM} {
		var failing *fault.Fault
		p := faultyPort(t, func(call fault.Call, _ int) *fault.Fault {
			if call == fault.Arm {
				return failing
			}
			return nil
		})
		l, err := p.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		failing = &fault.Fault{Call: fault.Arm, Errno: errno}
		_, opening := p.Socket("tcp4")
		for _, err := range []error{p.Await(context.Background(), &ops.Accept{On: l}), opening} {
			var op *net.OpError
			if !errors.Is(err, errno) || !errors.As(err, &op) || !op.Temporary() || op.Timeout() {
				t.Errorf("%v is not temporary", err)
			}
		}
	}
}
