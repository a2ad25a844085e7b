package core

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

type messageStep = func(m []backend.Message) (int, syscall.Errno)

func (k *nativeKernel) Receive(_ int, m []backend.Message) (int, syscall.Errno) {
	return k.messages(&k.receives, m)
}

func (k *nativeKernel) Send(_ int, m []backend.Message) (int, syscall.Errno) {
	return k.messages(&k.sends, m)
}

func (k *nativeKernel) messages(steps *[]messageStep, m []backend.Message) (int, syscall.Errno) {
	if len(*steps) == 0 {
		return 0, syscall.EAGAIN
	}
	f := (*steps)[0]
	*steps = (*steps)[1:]
	return f(m)
}

func (k *nativeKernel) StartMessage(fd int, kind backend.Kind, m *backend.Message) (int, syscall.Errno, bool) {
	m.N = len(m.Data)
	return k.Start(fd, kind, m.Data, nil)
}

// moves is a step that moves n whole datagrams.
func moves(n int, errno syscall.Errno) messageStep {
	return func(m []backend.Message) (int, syscall.Errno) {
		for i := range m[:n] {
			m[i].N = len(m[i].Data)
		}
		return n, errno
	}
}

// postal is an operation on datagrams.
type postal struct {
	operation
	Carrier
	pool    *Pool
	buffers []*Buffer // of a batch
}

func newPostal(kind backend.Kind, h *Handle, sizes ...int) *postal {
	o := &postal{operation: operation{kind: kind, handle: h}}
	for _, n := range sizes {
		b := new(Buffer)
		b.Set(make([]byte, n))
		o.buffers = append(o.buffers, b)
	}
	return o
}

func (o *postal) Describe(r *Request) {
	r.Kind, r.Handle, r.Pool = o.kind, o.handle, o.pool
	d := DatagramsOf(&o.Carrier)
	if len(o.buffers) == 1 {
		d.One().Addr = netip.MustParseAddrPort("127.0.0.1:9")
		r.Buffer = o.buffers[0]
		return
	}
	d.Batch(len(o.buffers))
	copy(d.Buffers, o.buffers)
}

// endsWith checks that o is the next finished operation, with so many bytes and datagrams, and
// a failure with this code and errno.
func endsWith(t *testing.T, p *Port, o *postal, n int64, done int, code Code, errno syscall.Errno) {
	t.Helper()
	if got := p.Next(t.Context()); got != Operation(o) {
		t.Fatalf("dequeued %v", got)
	}
	gotN, f, ok := Outcome(&o.Record)
	if f == nil {
		f = new(Failure)
	}
	if !ok || gotN != n || DatagramsOf(&o.Carrier).Done != done || f.Code != code || f.Errno != errno {
		t.Fatalf("outcome %d, %d datagrams, %+v", gotN, DatagramsOf(&o.Carrier).Done, f)
	}
	for _, b := range o.buffers {
		if b != nil {
			b.check(false) // it is the program's again
		}
	}
}

// A datagram with a buffer of its own is received inside the kernel.
func TestNativeReceive(t *testing.T) {
	k, p, h := newNative(t)
	o := newPostal(backend.Receive, h, 8)
	p.Submit([]Operation{o}, false)
	if len(k.begun) != 1 || len(k.begun[0].data) != 8 {
		t.Fatalf("begun %+v", k.begun)
	}
	k.end(h, in, 1, 0)
	endsWith(t, p, o, 8, 1, 0, 0)
}

// A pooled one waits without a buffer, and again if there is nothing after all.
func TestNativeLateReceive(t *testing.T) {
	k, p, h := newNative(t)
	pool := p.NewPool(8, 2)
	for _, o := range []*postal{{buffers: []*Buffer{nil}}, {buffers: []*Buffer{nil, nil, nil}}} {
		o.kind, o.handle, o.pool = backend.Receive, h, pool
		k.begun = nil
		p.Submit([]Operation{o}, false)
		k.end(h, in, 1, 0)
		p.lookAround() // the call finds nothing
		if len(k.begun) != 2 || k.begun[1].data != nil || pool.Lent() != 0 {
			t.Fatalf("begun %d, lent %d", len(k.begun), pool.Lent())
		}
		n := min(len(o.buffers), 2) // as many as the pool has
		k.receives = []messageStep{func(m []backend.Message) (int, syscall.Errno) {
			if len(m) != n || pool.Lent() != n {
				t.Errorf("receives %d, lent %d", len(m), pool.Lent())
			}
			return moves(1, 0)(m)
		}}
		k.end(h, in, 1, 0)
		endsWith(t, p, o, 8, 1, 0, 0)
		if pool.Lent() != 1 {
			t.Errorf("%d buffers are lent", pool.Lent())
		}
		if b := o.result.Buffer; b != nil {
			b.Release()
		} else {
			DatagramsOf(&o.Carrier).Buffers[0].Release()
		}
	}
}

// A batch of the program's buffers calls first. An error behind some datagrams is its outcome,
// with their number.
func TestNativeBatchWithError(t *testing.T) {
	k, p, h := newNative(t)
	o := newPostal(backend.Receive, h, 8, 4, 2)
	p.Submit([]Operation{o}, false)
	if len(k.begun) != 1 || k.begun[0].data != nil {
		t.Fatalf("begun %+v", k.begun)
	}
	k.receives = []messageStep{moves(2, errReset)}
	k.end(h, in, 1, 0)
	endsWith(t, p, o, 12, 2, System, errReset)
	if h.errno != 0 && h.state&failed != 0 {
		t.Error("the error is kept")
	}
	k.receives = []messageStep{moves(3, 0)}
	p.Submit([]Operation{o}, false)
	endsWith(t, p, o, 14, 3, 0, 0)
}

// A send that finds no room is inside the kernel, one datagram at a time.
func TestNativeSend(t *testing.T) {
	k, p, h := newNative(t)
	o := newPostal(backend.Send, h, 8, 4, 2)
	k.sends = []messageStep{moves(1, 0)}
	p.Submit([]Operation{o}, false)
	if len(k.begun) != 1 || len(k.begun[0].data) != 4 {
		t.Fatalf("begun %+v", k.begun)
	}
	k.sends = []messageStep{moves(1, 0)}
	k.end(h, out, 1, 0)
	endsWith(t, p, o, 14, 3, 0, 0)
}

// What is cancelled inside the kernel keeps the count of what was moved before.
func TestNativeDatagramsCancelled(t *testing.T) {
	k, p, h := newNative(t)
	send, receive := newPostal(backend.Send, h, 8, 4), newPostal(backend.Receive, h, 8)
	k.sends = []messageStep{moves(1, 0)}
	p.Submit([]Operation{send, receive}, false)
	for _, o := range []*postal{send, receive} {
		p.Cancel(o)
	}
	first := p.Next(t.Context()).(*postal)
	second := p.Next(t.Context()).(*postal)
	for _, o := range []*postal{first, second} {
		want := int64(0)
		if o == send {
			want = 8
		}
		if n, f, _ := Outcome(&o.Record); n != want || f != canceledFailure {
			t.Errorf("%v: %d, %+v", o.kind, n, f)
		}
	}
	if k.abandoned != 2 {
		t.Errorf("abandoned %d times", k.abandoned)
	}
	// The next operations are performed.
	again := newPostal(backend.Send, h, 3)
	k.sends = []messageStep{moves(1, 0)}
	p.Submit([]Operation{again}, false)
	endsWith(t, p, again, 3, 1, 0, 0)
}
