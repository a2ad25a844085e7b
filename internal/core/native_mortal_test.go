package core

import (
	"context"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// mortalKernel is a nativeKernel that ends.
type mortalKernel struct {
	*nativeKernel
	errno syscall.Errno
}

func (k *mortalKernel) Ended() (call string, errno syscall.Errno) { return "end", k.errno }

// When the kernel has ended, the failure of an operation names the call that says so. A Poll fails, too:
// a program that went on waiting for readiness would do so again and again.
func TestEndOfANativeKernel(t *testing.T) {
	native, _, _ := newNative(t)
	k := &mortalKernel{nativeKernel: native}
	p := NewPort(Options{Kernel: k, Poller: nativePoller{native}})
	for fd, c := range []struct {
		kind  backend.Kind
		ended syscall.Errno // of the kernel
		errno syscall.Errno // of the operation
		call  string
		fails bool
	}{
		{backend.Read, 0, syscall.EPERM, "", true},
		{backend.Read, syscall.EPERM, syscall.EPERM, "end", true},
		{backend.Read, syscall.EPERM, syscall.EIO, "", true},
		{backend.PollIn, 0, syscall.EPERM, "", false},
		{backend.PollIn, syscall.EPERM, syscall.EPERM, "end", true},
	} {
		k.errno = c.ended
		native.onStart = func(*begunOperation) (int, syscall.Errno, bool) { return 0, c.errno, false }
		o := newOperation(c.kind, native.handle(p, fd), 8)
		p.Submit([]Operation{o}, false)
		if got := p.Next(context.Background()); got != Operation(o) {
			t.Fatalf("dequeued %v", got)
		}
		_, f, _ := Outcome(&o.Record)
		if (f != nil) != c.fails || f != nil && (f.Call != c.call || f.Errno != c.errno) {
			t.Errorf("%v: %+v", c, f)
		}
	}
}
