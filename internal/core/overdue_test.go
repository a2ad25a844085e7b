package core

import (
	"context"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// outcomeIs dequeues the next operation, which must be o, and compares its outcome.
func outcomeIs(t *testing.T, p *Port, o *operation, n int64, want *Failure) {
	t.Helper()
	if got := p.Next(context.Background()); got != Operation(o) {
		t.Fatalf("dequeued %v", got)
	}
	if got, f, _ := Outcome(&o.Record); got != n || f != want {
		t.Errorf("outcome %d, %+v, want %d, %+v", got, f, n, want)
	}
}

// An operation that has timed out is tried once more: its event may not have been seen.
func TestOverdueIsTriedOnceMore(t *testing.T) {
	type calls = []func([]byte) (int, syscall.Errno)
	for _, c := range []struct {
		name  string
		kind  backend.Kind
		calls calls
		n     int64
		want  *Failure
	}{
		{"Data", backend.Read, calls{gives(1, 0)}, 1, nil},
		{"NoData", backend.Read, calls{gives(0, syscall.EAGAIN)}, 0, deadlineFailure},
		{"HalfOfIt", backend.Read, calls{gives(1, 0), gives(0, syscall.EAGAIN)}, 1, deadlineFailure},
		{"Write", backend.Write, calls{gives(0, syscall.EAGAIN)}, 0, deadlineFailure}, // once only
	} {
		t.Run(c.name, func(t *testing.T) {
			k, p, h := newScript(t)
			o := newOperation(c.kind, h, 2)
			o.full = c.name == "HalfOfIt"
			if c.kind == backend.Write {
				k.write = c.calls
			} else {
				k.read = c.calls
			}
			p.Submit([]Operation{o}, false)
			p.SetDeadline(o, 10)
			k.now = 20
			outcomeIs(t, p, o, c.n, c.want)
			if len(k.read)+len(k.write) > 0 {
				t.Error("it was not tried")
			}
		})
	}
}

// The operations ahead of it get the data first.
func TestOverdueBehindAnother(t *testing.T) {
	k, p, h := newScript(t)
	k.idle = true
	first, second, third := newOperation(backend.Read, h, 1), newOperation(backend.Read, h, 1), newOperation(backend.Read, h, 1)
	p.Submit([]Operation{first, second, third}, false)
	p.SetDeadline(second, 10)
	p.SetDeadline(third, 10)
	k.read = append(k.read, gives(1, 0), gives(1, 0))
	k.now = 20
	outcomeIs(t, p, first, 1, nil)
	outcomeIs(t, p, second, 1, nil)
	outcomeIs(t, p, third, 0, deadlineFailure)
}

// A read behind a connect that has not ended is not tried: it waits for the connect.
func TestOverdueBehindAConnect(t *testing.T) {
	k, p, h := newScript(t)
	h.state &^= connected
	k.connect = []syscall.Errno{syscall.EAGAIN}
	connect, read := newOperation(backend.Connect, h, 0), newOperation(backend.Read, h, 1)
	p.Submit([]Operation{connect, read}, false)
	p.SetDeadline(read, 10)
	k.now = 20
	outcomeIs(t, p, read, 0, deadlineFailure)
	if k.calls > 0 {
		t.Error("it was tried")
	}
	k.edge(h, backend.Writable)
	outcomeIs(t, p, connect, 0, nil)
}

// However many operations are ahead of it, they get the data, a turn at a time.
func TestOverdueBehindMany(t *testing.T) {
	k, p, h := newScript(t)
	k.idle = true
	const many = 5 * turnBudget
	reads := make([]*operation, many)
	for i := range reads {
		reads[i] = newOperation(backend.Read, h, 1)
		p.Submit([]Operation{reads[i]}, false)
		k.read = append(k.read, gives(1, 0))
	}
	p.SetDeadline(reads[many-1], 10)
	k.now = 20
	for _, read := range reads {
		outcomeIs(t, p, read, 1, nil)
	}
}

// A Full read that always finds more times out all the same, and so does one behind it. What
// has arrived before the deadline may take it several turns.
func TestOverdueGoesOnAndOn(t *testing.T) {
	for _, isBehind := range []bool{false, true} {
		k, p, h := newScript(t)
		k.idle = true
		long := newOperation(backend.Read, h, 1<<20)
		long.full = true
		late, n := long, int64(15*turnBudget)
		p.Submit([]Operation{long}, false)
		if isBehind {
			late, n = newOperation(backend.Read, h, 1), 0
			p.Submit([]Operation{late}, false)
		}
		h.latch[in] |= stopsShort // a short read does not exhaust it
		for range 1000 * turnBudget {
			k.read = append(k.read, gives(1, 0))
		}
		p.SetDeadline(late, 10)
		k.now = 20
		if got := p.Next(context.Background()); got != Operation(late) {
			t.Fatalf("dequeued %v", got)
		}
		if got, f, _ := Outcome(&late.Record); f != deadlineFailure || got < n || got > 3*n {
			t.Errorf("outcome %d, %+v", got, f)
		}
	}
}

// A Native kernel reports data with the end of a read of no bytes. A deadline that has
// passed meanwhile does not come first, unless there is no buffer.
func TestNativeOverdueLateRead(t *testing.T) {
	for _, buffers := range []int{1, 0} {
		k, p, h := newNative(t)
		k.alone = true
		pool := p.NewPool(8, 1)
		if buffers == 0 {
			pool.Take()
		}
		read := &lateOperation{operation: operation{kind: backend.Read, handle: h}, pool: pool}
		p.Submit([]Operation{read}, false)
		k.onRead = func(p []byte) (int, syscall.Errno) { return copy(p, "abc"), 0 }
		k.end(h, in, 0, 0)
		p.SetDeadline(read, k.now+5)
		k.now += 10
		st := p.lock()
		st.Turn(k.now)
		st.unlock()
		if got := p.Next(context.Background()); got != Operation(read) {
			t.Fatalf("dequeued %v", got)
		}
		n, f, _ := Outcome(&read.Record)
		if buffers == 1 && (n != 3 || f != nil || string(read.got.Bytes()) != "abc") {
			t.Errorf("outcome %d, %+v", n, f)
		}
		if buffers == 0 && f != deadlineFailure {
			t.Errorf("without a buffer: outcome %d, %+v", n, f)
		}
	}
}
