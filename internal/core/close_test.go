package core

import (
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// whenClosed calls the hook of a test for a descriptor that was closed.
func (k *script) whenClosed(fd int) syscall.Errno {
	if f := k.onClose; f != nil {
		f(fd)
	}
	return 0
}

var findsNothing = gives(0, syscall.EAGAIN)

type calls = []func([]byte) (int, syscall.Errno)

// peerCloses are operations whose peer is closed.
var peerCloses = []struct {
	name  string
	kind  backend.Kind
	steps calls // until the peer is closed
	errno syscall.Errno
	n     int64
}{
	{"Read", backend.Read, calls{findsNothing}, 0, 0},
	{"ReadOfAReset", backend.Read, calls{findsNothing}, errReset, 0},
	{"FullRead", backend.Read, calls{gives(3, 0), findsNothing}, 0, 3},
	{"Write", backend.Write, calls{findsNothing}, syscall.EPIPE, 0},
	{"WriteOfAReset", backend.Write, calls{gives(3, 0)}, errReset, 3},
}

// Port.Close closes one handle after another. What the peer of a handle sees of that is no
// end of its stream, if that peer is a handle of the same port.
func TestCloseOfThePeer(t *testing.T) {
	for _, c := range peerCloses {
		t.Run(c.name, func(t *testing.T) {
			k, p, _ := newScript(t)
			h, failure := p.AddHandle(8, true, nil)
			if failure != nil {
				t.Fatal(failure)
			}
			steps, edge := &k.read, backend.Event{FD: 8, Generation: h.generation, Ready: backend.Readable}
			if c.kind == backend.Write {
				steps, edge.Ready = &k.write, backend.Writable
			}
			*steps = c.steps
			k.onClose = func(fd int) {
				if fd == 7 {
					*steps = append(*steps, gives(0, c.errno))
					edgeOf(p, edge)
				}
			}
			endsAsClosed(t, p, newOperation(c.kind, h, 8), edge, c.n)
			if len(*steps) != 0 {
				t.Errorf("%d steps are left", len(*steps))
			}
		})
	}
}

// endsAsClosed submits o, which waits for its edge if it reads, and closes the port.
func endsAsClosed(t *testing.T, p *Port, o *operation, edge backend.Event, n int64) {
	t.Helper()
	o.full = n > 0
	p.Submit([]Operation{o}, false)
	if o.kind == backend.Read {
		edgeOf(p, edge)
	}
	p.Close()
	ends(t, p, o, n, closedFailure)
}

// The same with a Native kernel: the operation ends while Port.Close closes its peer. Its event
// comes then, or when nothing is left to be closed.
func TestNativeCloseOfThePeer(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  backend.Kind
		errno syscall.Errno
	}{
		{"Read", backend.Read, 0},
		{"ReadOfAReset", backend.Read, errReset},
		{"PollIn", backend.PollIn, 0},
		{"Write", backend.Write, syscall.EPIPE},
		{"WriteOfAReset", backend.Write, errReset},
	} {
		for name, early := range map[string]bool{"Early": true, "Late": false} {
			t.Run(c.name+name, func(t *testing.T) {
				k, p, _ := newNative(t)
				h := k.handle(p, 8)
				k.onClose = func(fd int) {
					if fd == 8 {
						return
					}
					k.end(h, directionOf(c.kind), 0, c.errno)
					if e := k.events[0]; early {
						k.events = nil
						edgeOf(p, e)
					}
				}
				o := newOperation(c.kind, h, 8)
				p.Submit([]Operation{o}, false)
				p.Close()
				ends(t, p, o, 0, closedFailure)
				k.atRest(p)
			})
		}
	}
}
