package core

import (
	"context"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// onceKernel reports a reset to one operation only.
type onceKernel struct {
	*nativeKernel
	isOver bool
}

func (k *onceKernel) IsOver(int) bool { return k.isOver }

func newOnce(t *testing.T) (*onceKernel, *Port, *Handle) {
	native, _, _ := newNative(t)
	k := &onceKernel{nativeKernel: native}
	p := NewPort(Options{Kernel: k, Poller: nativePoller{native}})
	return k, p, native.handle(p, 8)
}

// An operation that finds the connection gone waits for the result of the one inside, in either
// direction: the kernel may have told that one of the reset.
func TestNativeResetIsToldOnce(t *testing.T) {
	for _, c := range []struct {
		name         string
		kind         backend.Kind
		n            int
		errno        syscall.Errno
		other        backend.Kind
		resultOf     syscall.Errno // the other's
		want, ending *Failure
	}{
		{"WriteAfterReset", backend.Write, 0, syscall.EPIPE, backend.Read, errReset, &Failure{Errno: errReset}, &Failure{Errno: errReset}},
		{"WriteAfterEnd", backend.Write, 0, syscall.EPIPE, backend.Read, 0, &Failure{Errno: syscall.EPIPE}, endOfFile},
		{"ReadAfterReset", backend.Read, 0, 0, backend.Write, errReset, &Failure{Errno: errReset}, &Failure{Errno: errReset}},
		{"ReadAfterEnd", backend.Read, 0, 0, backend.Write, syscall.EPIPE, endOfFile, &Failure{Errno: syscall.EPIPE}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, p, h := newOnce(t)
			k.isOver = true
			other, o := newOperation(c.other, h, 8), newOperation(c.kind, h, 8)
			p.Submit([]Operation{other, o}, false)
			k.end(h, directionOf(c.kind), c.n, c.errno)
			look(p)
			if p.Stats().Completed != 0 {
				t.Fatal("it has ended before the other's result was known")
			}
			k.end(h, directionOf(c.other), 0, c.resultOf)
			endsLike(t, p, other, c.ending)
			look(p)
			k.end(h, directionOf(c.kind), c.n, c.errno) // it was started again
			endsLike(t, p, o, c.want)
			k.atRest(p)
		})
	}
}

// What is inside a connection that is not over may stay there for long.
func TestNativeEndBesideAnother(t *testing.T) {
	k, p, h := newOnce(t)
	read, write := newOperation(backend.Read, h, 8), newOperation(backend.Write, h, 8)
	p.Submit([]Operation{read, write}, false)
	k.end(h, out, 0, syscall.EPIPE)
	endsLike(t, p, write, &Failure{Errno: syscall.EPIPE})
	p.Cancel(read)
	endsLike(t, p, read, canceledFailure)
	k.atRest(p)
}

// A write that has sent a part, and then finds that nobody reads, has not succeeded. Nothing behind it
// is sent.
func TestNativeBrokenPipeBehindAPart(t *testing.T) {
	k, p, h := newNative(t)
	write, behind := newOperation(backend.Write, h, 8), newOperation(backend.CloseWrite, h, 0)
	p.Submit([]Operation{write, behind}, false)
	k.end(h, out, 3, syscall.EPIPE)
	if got := p.Next(context.Background()); got != Operation(write) {
		t.Fatalf("dequeued %v", got)
	}
	if n, f, _ := Outcome(&write.Record); n != 3 || f == nil || f.Errno != syscall.EPIPE {
		t.Errorf("ended with %d and %+v", n, f)
	}
	endsLike(t, p, behind, abortedFailure)
	k.atRest(p)
}

// endsLike checks that o is the next that ends, with no bytes and that failure or errno.
func endsLike(t *testing.T, p *Port, o *operation, want *Failure) {
	t.Helper()
	if got := p.Next(context.Background()); got != Operation(o) {
		t.Fatalf("dequeued %v, want %v", got, o)
	}
	n, f, _ := Outcome(&o.Record)
	if n != 0 || f != want && (f == nil || f.Errno == 0 || f.Errno != want.Errno) {
		t.Errorf("ended with %d and %+v, want %+v", n, f, want)
	}
}
