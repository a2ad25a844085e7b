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

// What was told to end before the kernel has ended ends for that reason, although the kernel can't be
// asked any more. The writes of a Shutdown were not told.
func TestEndOfWhatIsToldToEnd(t *testing.T) {
	for _, c := range endings {
		for _, kind := range []backend.Kind{backend.Read, backend.Write, backend.Accept, backend.PollIn} {
			if c.name == "Shutdown" && kind == backend.Write {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				native, _, _ := newNative(t)
				k := &mortalKernel{nativeKernel: native}
				p := NewPort(Options{Kernel: k, Poller: nativePoller{native}})
				h := native.handle(p, 8)
				native.onAbandon = func(b *begunOperation) {
					k.errno = syscall.EPERM
					native.end(native.handles[8], b.key.d, 0, k.errno)
				}
				o := newOperation(kind, h, 8)
				p.Submit([]Operation{o}, false)
				c.do(native, p, h, o)
				ends(t, p, o, 0, c.want)
				native.atRest(p)
			})
		}
	}
}
