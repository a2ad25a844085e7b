package core

import (
	"context"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// copyOperation is a Copy of this package's tests.
type copyOperation struct {
	Record
	Copier
	to *Handle
}

func (o *copyOperation) N() int {
	n, _, _ := Outcome(&o.Record)
	return int(n)
}
func (*copyOperation) Err() error            { return nil }
func (o *copyOperation) Describe(r *Request) { r.Kind, r.Handle = backend.Copy, o.to }
func (*copyOperation) Deliver(Result)        {}

// newCopy returns a Copy of some bytes in flight, to a socket that has room.
func newCopy(t *testing.T) (k *script, p *Port, from *Handle, o *copyOperation) {
	k, p, from = newScript(t)
	to, failure := p.AddHandle(8, true, nil)
	if failure != nil {
		t.Fatal(failure)
	}
	edgeOf(p, backend.Event{FD: 8, Generation: to.generation, Ready: backend.Writable})
	from.latch[in] = 0 // it is no socket that had an owner before
	o = copyOf(from, to)
	p.Submit([]Operation{o}, false)
	p.resume(p.guarded.ready.pop()) // the half in has got the turn
	return k, p, from, o
}

func copyOf(from, to *Handle) *copyOperation {
	o := &copyOperation{to: to}
	o.copying.From, o.copying.To, o.copying.Some = from, to, true
	return o
}

func (o *copyOperation) ends(t *testing.T, p *Port, n int64) {
	t.Helper()
	if p.guarded.finished.count != 1 {
		t.Fatalf("%d finished", p.guarded.finished.count)
	}
	p.Next(context.Background())
	if gotN, f, ok := Outcome(&o.Record); !ok || gotN != n || f != nil {
		t.Errorf("%d bytes, %+v; want %d", gotN, f, n)
	}
}

// A message is a read and a write: the short read has emptied the socket. The leader has
// nothing to do after that.
func TestCopyOfAMessage(t *testing.T) {
	k, p, from, o := newCopy(t)
	defer p.Close()
	k.read = append(k.read, gives(5, 0))
	k.write = append(k.write, gives(5, 0))
	edgeOf(p, backend.Event{FD: 7, Generation: from.generation, Ready: backend.Readable})
	o.ends(t, p, 5)
	if from.latch[in]&ready != 0 || p.guarded.ready.count != 0 {
		t.Errorf("latch %b, %d directions to look at", from.latch[in], p.guarded.ready.count)
	}
}

// Where a short read may stop before the last byte, a Copy of some bytes goes on until a call
// finds nothing.
func TestCopyWhereReadsStopShort(t *testing.T) {
	k, p, from, o := newCopy(t)
	defer p.Close()
	k.read = append(k.read, gives(5, 0), gives(3, 0), gives(0, syscall.EAGAIN))
	k.write = append(k.write, gives(5, 0), gives(3, 0))
	edgeOf(p, backend.Event{FD: 7, Generation: from.generation, Ready: backend.Readable | backend.StopsShort})
	for p.guarded.ready.count > 0 {
		p.resume(p.guarded.ready.pop())
	}
	o.ends(t, p, 8)
}

// The half in has ended, and the half out ends with its last bytes.
func TestCopyOfAMessageWaitsForRoom(t *testing.T) {
	k, p, from, o := newCopy(t)
	defer p.Close()
	k.read = append(k.read, gives(5, 0))
	k.write = append(k.write, gives(2, 0), gives(0, syscall.EAGAIN))
	edgeOf(p, backend.Event{FD: 7, Generation: from.generation, Ready: backend.Readable})
	if p.guarded.finished.count != 0 || o.copying.Progress() != 2 {
		t.Fatalf("%d finished, %d bytes sent", p.guarded.finished.count, o.copying.Progress())
	}
	k.write = append(k.write, gives(3, 0))
	edgeOf(p, backend.Event{FD: 8, Generation: o.to.generation, Ready: backend.Writable})
	o.ends(t, p, 5)
}

// A Copy takes nothing before its target has room.
func TestCopyWithoutRoom(t *testing.T) {
	k, p, from := newScript(t)
	to, failure := p.AddHandle(8, true, nil)
	if failure != nil {
		t.Fatal(failure)
	}
	from.latch[in], to.latch[out] = 0, 0
	o := copyOf(from, to)
	p.Submit([]Operation{o}, false)
	edgeOf(p, backend.Event{FD: 7, Generation: from.generation, Ready: backend.Readable})
	if k.calls != 0 {
		t.Fatalf("%d calls", k.calls)
	}
	k.read, k.write = append(k.read, gives(5, 0)), append(k.write, gives(5, 0))
	edgeOf(p, backend.Event{FD: 8, Generation: to.generation, Ready: backend.Writable})
	for p.guarded.ready.count > 0 {
		p.resume(p.guarded.ready.pop())
	}
	o.ends(t, p, 5)
}
