package completion_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/porttest"
)

// directCalls are those of a kernel of readiness.
type directCalls interface {
	backend.Calls
	backend.Direct
}

// forgetful is a system that does not know the addresses of a connection any more,
// as those of the BSDs don't after a reset.
type forgetful struct {
	directCalls
	forgets *atomic.Bool
}

func (k forgetful) LocalAddr(fd int) net.Addr {
	if k.forgets.Load() {
		return nil
	}
	return k.directCalls.LocalAddr(fd)
}

func (k forgetful) RemoteAddr(fd int) net.Addr {
	if k.forgets.Load() {
		return nil
	}
	return k.directCalls.RemoteAddr(fd)
}

// A socket that has been connected has addresses of its kind, even if the system
// has none.
func TestAddressesForgotten(t *testing.T) {
	var forgets atomic.Bool
	native := false // of the port that was opened last
	defer sys.InjectFaults(func(p backend.Poller, k backend.Calls) (backend.Poller, backend.Calls) {
		if direct, ok := k.(directCalls); ok {
			return p, forgetful{direct, &forgets}
		}
		native = true
		return p, k
	})()
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) {
		native = false
		p, err := open(nil)
		must(t, err)
		defer p.Close()
		if native {
			t.Skip("the calls of this kernel can't be wrapped")
		}
		forgets.Store(false)
		s := loop(t, p)
		if s.RemoteAddr().String() == (&net.TCPAddr{}).String() {
			t.Fatalf("the address is %v", s.RemoteAddr())
		}
		forgets.Store(true)
		for _, addr := range []net.Addr{s.LocalAddr(), s.RemoteAddr()} {
			if a, ok := addr.(*net.TCPAddr); !ok || a == nil || a.IP != nil || a.Port != 0 {
				t.Errorf("the address is %T %v", addr, addr)
			}
		}
		fresh, err := p.Socket("tcp4")
		must(t, err)
		if fresh.RemoteAddr() != nil || fresh.LocalAddr() != nil {
			t.Errorf("a socket that was never connected: %v, %v", fresh.LocalAddr(), fresh.RemoteAddr())
		}
		// The same stand in an error: who logs it asks them for their text.
		must(t, p.Await(context.Background(), &ops.CloseWrite{On: s}))
		write := &ops.Write{To: s, Buf: completion.Own([]byte("abc"))}
		for _, err := range []error{p.Await(context.Background(), write), s.SetReadBuffer(-1 << 31)} {
			if err == nil {
				continue // the system takes such a size
			}
			var op *net.OpError
			if !errors.As(err, &op) || op.Source == nil || op.Addr == nil || errors.Is(err, io.EOF) ||
				op.Net != "tcp" || op.Addr.String() != s.RemoteAddr().String() || op.Source.String() != s.LocalAddr().String() {
				t.Errorf("%v: %#v", err, op)
			}
		}
		// Nobody was at the other end here.
		half := &ops.CloseWrite{On: fresh}
		var op *net.OpError
		if err := p.Await(context.Background(), half); !errors.As(err, &op) || op.Addr != nil {
			t.Errorf("%+v", err)
		}
	})
}
