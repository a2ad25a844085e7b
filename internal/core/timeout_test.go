package core

import (
	"context"
	"errors"
	"math"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// timedOperation is an operation with a time-out.
type timedOperation struct {
	operation
	timeout int64
}

func (o *timedOperation) Describe(r *Request) {
	o.operation.Describe(r)
	r.Timeout = o.timeout
}

// A time-out counts from the Submit; the deadline counts if it comes first.
func TestTimeout(t *testing.T) {
	for _, c := range []struct{ timeout, deadline, want int64 }{
		{0, 0, 0}, {0, 500, 500}, {0, -1, 1}, {0, math.MaxInt64, backend.Never},
		{100, 0, 1100}, {100, 500, 500}, {100, 5000, 1100}, {100, math.MaxInt64, 1100},
		{-1, 0, 1}, {math.MinInt64, 5000, 1}, {math.MaxInt64, 0, backend.Never}, {math.MaxInt64, 500, 500},
	} {
		k, p, h := newScript(t)
		k.now, k.idle = 1000, true
		o := &timedOperation{operation{kind: backend.Read, handle: h, deadline: c.deadline}, c.timeout}
		o.buffer.Set(make([]byte, 1))
		st := &p.guarded
		if got := st.deadlineOf(st.describe(o), &batch{}); got != c.want {
			t.Errorf("time-out %d, deadline %d: %d, want %d", c.timeout, c.deadline, got, c.want)
		}
		p.Submit([]Operation{o}, false)
		if c.want == 0 || c.want > 5000 {
			p.Cancel(o)
		} else {
			k.now = max(c.want, k.now)
		}
		p.Next(context.Background())
		if _, f, ok := Outcome(&o.Record); !ok || (f == deadlineFailure) != (c.want != 0 && c.want <= 5000) {
			t.Errorf("time-out %d, deadline %d: outcome %+v, ended %v", c.timeout, c.deadline, f, ok)
		}
	}
}

// appending is a read that appends.
type appending struct{ operation }

func (o *appending) Describe(r *Request) {
	o.operation.Describe(r)
	r.Append = true
}

func TestAppend(t *testing.T) {
	k, p, h := newScript(t)
	k.idle = true
	o := &appending{operation{kind: backend.Read, handle: h}}
	o.buffer.Set(make([]byte, 3))
	o.buffer.Resize(1)
	k.read = append(k.read, gives(2, 0))
	p.Submit([]Operation{o}, false)
	k.edge(h, backend.Readable)
	p.Next(context.Background())
	if n, f, ok := Outcome(&o.Record); !ok || n != 2 || f != nil || len(o.buffer.Bytes()) != 3 {
		t.Errorf("outcome %d, %+v, %v", n, f, ok)
	}
	p.Submit([]Operation{o}, false)
	p.Next(context.Background())
	if n, f, ok := Outcome(&o.Record); !ok || n != 0 || f != fullFailure || len(o.buffer.Bytes()) != 3 {
		t.Errorf("without room: outcome %d, %+v, %v", n, f, ok)
	}
}

func TestErrnoOf(t *testing.T) {
	if backend.ErrnoOf(syscall.EAGAIN) != backend.EAGAIN || backend.ErrnoOf(errors.New("another")) != 0 || backend.ErrnoOf(nil) != 0 {
		t.Error("it is another number")
	}
}

func TestPast(t *testing.T) {
	_, _, h := newScript(t)
	h.SetUnix()
	if connected, isUnix := h.Past(); !connected || !isUnix {
		t.Errorf("connected %v, unix %v", connected, isUnix)
	}
}
