package core

import (
	"context"
	"sync"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// look lets the port work once.
func look(p *Port) {
	st := p.lock()
	defer st.unlockQuietly()
	st.scheduler.LookAround()
}

func TestNativeEndsLater(t *testing.T) {
	k, p, h := newNative(t)
	one, two, write := newOperation(backend.Read, h, 8), newOperation(backend.Read, h, 8), newOperation(backend.Write, h, 5)
	p.Submit([]Operation{one, two, write}, false)
	if len(k.begun) != 2 {
		t.Fatalf("%d operations are inside, want one of each direction", len(k.begun))
	}
	k.end(h, out, 5, 0)
	k.end(h, in, 3, 0)
	ends(t, p, write, 5, nil)
	ends(t, p, one, 3, nil)
	k.end(h, in, 8, 0)
	ends(t, p, two, 8, nil)
	k.atRest(p)
}

func TestNativeEndsAtOnce(t *testing.T) {
	k, p, h := newNative(t)
	k.onStart = func(b *begunOperation) (int, syscall.Errno, bool) { return len(b.data), 0, false }
	operations := make([]Operation, 2*turnBudget+1)
	for i := range operations {
		operations[i] = newOperation(backend.Write, h, i+1)
	}
	p.Submit(operations, false)
	for i, o := range operations {
		ends(t, p, o.(*operation), int64(i+1), nil)
	}
	k.atRest(p)
}

// The event of an operation may arrive before the call that started it has returned, and
// the operation behind it may be inside by then.
func TestNativeEndsBeforeTheCallReturns(t *testing.T) {
	k, p, h := newNative(t)
	reads := make([]Operation, 5)
	for i := range reads {
		reads[i] = newOperation(backend.Read, h, 8)
	}
	k.onStart = func(b *begunOperation) (int, syscall.Errno, bool) {
		if len(k.begun) <= 4 {
			k.end(h, in, len(k.begun), 0)
			edgeOf(p, k.events[0])
			k.events = nil
		}
		return 0, 0, true
	}
	p.Submit(reads, false)
	for i, r := range reads[:4] {
		ends(t, p, r.(*operation), int64(i+1), nil)
	}
	if k.end(h, in, 1, 0); len(k.begun) != 5 {
		t.Errorf("%d were begun", len(k.begun))
	}
	ends(t, p, reads[4].(*operation), 1, nil)
	k.atRest(p)
}

func TestNativeWriteInPieces(t *testing.T) {
	k, p, h := newNative(t)
	write, behind := newOperation(backend.Write, h, 10), newOperation(backend.Write, h, 1)
	p.Submit([]Operation{write, behind}, false)
	k.end(h, out, 4, 0)
	look(p)
	if n := len(k.begun[1].data); n != 6 {
		t.Fatalf("the second piece has %d bytes", n)
	}
	k.end(h, out, 3, errReset)
	got := p.Next(context.Background()).(*operation)
	if n, f, _ := Outcome(&got.Record); got != write || n != 7 || f == nil || f.Errno != errReset {
		t.Errorf("outcome %d, %+v", n, f)
	}
	ends(t, p, behind, 0, abortedFailure)
	k.atRest(p)
}

// A cancel asks the kernel. The end decides the outcome.
func TestNativeCancel(t *testing.T) {
	for _, c := range []struct {
		name      string
		kind      backend.Kind
		onAbandon func(k *nativeKernel, h *Handle)
		n         int64
		want      *Failure
	}{
		{"Aborted", backend.Read, nil, 0, canceledFailure},
		{"ResultFirst", backend.Read, func(k *nativeKernel, h *Handle) { k.end(h, in, 3, 0) }, 3, nil},
		{"SomeBytesFirst", backend.Write, func(k *nativeKernel, h *Handle) { k.end(h, out, 3, errAborted) }, 3, canceledFailure},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, p, h := newNative(t)
			if c.onAbandon != nil {
				k.onAbandon = func(*begunOperation) { c.onAbandon(k, h) }
			}
			o := newOperation(c.kind, h, 8)
			p.Submit([]Operation{o}, false)
			if !p.Cancel(o) || p.Cancel(o) {
				t.Error("the first cancel is recorded, the second is not")
			}
			if k.abandoned != 0 {
				t.Error("a canceller has made a call")
			}
			ends(t, p, o, c.n, c.want)
			if k.abandoned != 1 {
				t.Errorf("abandoned %d times", k.abandoned)
			}
			k.atRest(p)
		})
	}
}

// While the call that starts an operation is under way, no other goroutine can abandon it:
// the goroutine in that call does.
func TestNativeCancelDuringTheCall(t *testing.T) {
	k, p, h := newNative(t)
	read, behind := newOperation(backend.Read, h, 8), newOperation(backend.Read, h, 8)
	k.onStart = func(b *begunOperation) (int, syscall.Errno, bool) {
		if len(k.begun) == 1 && !p.Cancel(read) {
			t.Error("not recorded")
		}
		return 0, 0, true
	}
	p.Submit([]Operation{read, behind}, false)
	ends(t, p, read, 0, canceledFailure)
	k.end(h, in, 2, 0)
	ends(t, p, behind, 2, nil)
	k.atRest(p)
}

// The end may be reported during the call that asks for it. The operation behind is inside
// by then, and can be cancelled as well.
func TestNativeEndsDuringItsCancel(t *testing.T) {
	k, p, h := newNative(t)
	one, two := newOperation(backend.Read, h, 8), newOperation(backend.Read, h, 8)
	p.Submit([]Operation{one, two}, false)
	k.onAbandon = func(*begunOperation) {
		k.end(h, in, 0, errAborted)
		edgeOf(p, k.events[0])
		k.events = nil
	}
	for _, o := range []*operation{one, two} {
		p.Cancel(o)
		ends(t, p, o, 0, canceledFailure)
	}
	k.atRest(p)
}

// A cancel that reaches the kernel when the operation has ended, but nobody knows that yet,
// must not hit the operation behind.
func TestNativeCancelHitsNobodyElse(t *testing.T) {
	k, p, h := newNative(t)
	k.onAbandon = func(b *begunOperation) {
		if len(k.begun) > 1 {
			t.Error("the operation behind was hit")
		}
	}
	read, behind := newOperation(backend.Read, h, 8), newOperation(backend.Read, h, 8)
	p.Submit([]Operation{read, behind}, false)
	k.end(h, in, 5, 0)
	p.Cancel(read)
	ends(t, p, read, 5, nil)
	k.end(h, in, 2, 0)
	ends(t, p, behind, 2, nil)
	k.onAbandon = nil
	k.atRest(p)
}

func TestNativeDeadline(t *testing.T) {
	k, p, h := newNative(t)
	read := newOperation(backend.Read, h, 8)
	p.Submit([]Operation{read}, false)
	p.SetDeadline(read, 5)
	k.now = 6
	nativePoller{k}.Wake(backend.Block)
	ends(t, p, read, 0, deadlineFailure)
	k.atRest(p)
}

// A handle is closed when its last operation has left the kernel, a port when all have,
// whichever goroutine polls meanwhile.
func TestNativeClose(t *testing.T) {
	t.Run("Handle", func(t *testing.T) {
		k, p, h := newNative(t)
		read, behind, write := newOperation(backend.Read, h, 8), newOperation(backend.Read, h, 8), newOperation(backend.Write, h, 8)
		p.Submit([]Operation{read, behind, write}, false)
		k.onAbandon = func(b *begunOperation) {
			if b.kind == backend.Read { // the write takes its time
				k.end(h, in, 0, errAborted)
			}
		}
		h.Close()
		ends(t, p, behind, 0, closedFailure)
		ends(t, p, read, 0, closedFailure)
		if len(k.closed) != 0 || k.abandoned != 2 {
			t.Errorf("%d closed, %d abandoned", len(k.closed), k.abandoned)
		}
		k.end(h, out, 0, errAborted)
		ends(t, p, write, 0, closedFailure)
		if len(k.closed) != 1 {
			t.Errorf("closed %v", k.closed)
		}
		k.atRest(p)
	})
	t.Run("HandleWhileAnotherLearnsOfTheEnd", func(t *testing.T) {
		k, p, h := newNative(t)
		read := newOperation(backend.Read, h, 8)
		p.Submit([]Operation{read}, false)
		k.onAbandon = func(b *begunOperation) {
			k.end(h, in, 0, errAborted)
			edgeOf(p, k.events[0])
			k.events = nil
			if p.Stats().InFlight != 1 {
				t.Error("the operation has ended, and the descriptor is open")
			}
		}
		h.Close()
		if len(k.closed) != 1 {
			t.Errorf("closed %v", k.closed)
		}
		ends(t, p, read, 0, closedFailure)
		k.atRest(p)
	})
	t.Run("HandleWithNobodyThere", func(t *testing.T) {
		k, p, h := newNative(t)
		read := newOperation(backend.Read, h, 8)
		p.Submit([]Operation{read}, false)
		if h.Close(); len(k.closed) != 1 || p.Stats().InFlight != 0 {
			t.Errorf("%d closed, %+v", len(k.closed), p.Stats())
		}
		ends(t, p, read, 0, closedFailure)
		k.atRest(p)
	})
	t.Run("Port", func(t *testing.T) {
		for _, loop := range []bool{false, true} {
			k, p, h := newNative(t)
			reads, ended := make([]Operation, 50), make(chan int)
			for i := range reads {
				if i%2 == 0 {
					h = k.handle(p, 100+i)
				}
				reads[i] = newOperation(backend.Read, h, 8)
			}
			p.Submit(reads, false)
			take := func() {
				n := 0
				for p.Next(context.Background()) != nil {
					n++
				}
				ended <- n
			}
			if loop {
				go take()
				for !p.Stats().Parked {
				}
			}
			p.Close()
			if len(k.closed) != 26 || len(k.pending) != 0 {
				t.Errorf("%d closed, %d inside", len(k.closed), len(k.pending))
			}
			if !loop {
				go take()
			}
			if n := <-ended; n != len(reads) {
				t.Errorf("%d have ended", n)
			}
			k.atRest(p)
		}
	})
	t.Run("PortWhileAnotherHasTheDescriptor", func(t *testing.T) {
		k, p, h := newNative(t)
		if _, ok := h.Acquire(); !ok {
			t.Fatal("not acquired")
		}
		closed := make(chan bool)
		go func() { p.Close(); close(closed) }()
		for !p.Stats().Parked { // Close waits in the poller
		}
		h.Release()
		<-closed
		k.atRest(p)
	})
	t.Run("PortDuringTheCall", func(t *testing.T) {
		k, p, h := newNative(t)
		begun, closed := make(chan bool), make(chan bool)
		k.onStart = func(*begunOperation) (int, syscall.Errno, bool) {
			close(begun)
			for !p.Stats().Parked {
			}
			return 0, 0, true
		}
		go func() { <-begun; p.Close(); close(closed) }()
		read := newOperation(backend.Read, h, 8)
		p.Submit([]Operation{read}, false)
		<-closed
		ends(t, p, read, 0, closedFailure)
		k.atRest(p)
	})
}

// The peer has closed its side while our write can't go on: the end of the
// stream does not wait for that.
func TestNativeEndOfFileBesideAPendingWrite(t *testing.T) {
	k, p, h := newNative(t)
	read, write := newOperation(backend.Read, h, 8), newOperation(backend.Write, h, 8)
	p.Submit([]Operation{write, read}, false)
	k.end(h, in, 0, 0)
	ends(t, p, read, 0, endOfFile)
	k.end(h, out, 8, 0)
	ends(t, p, write, 8, nil)
	k.atRest(p)
}

// A read of 0 bytes that returns while a write is being started waits until it is known
// whether the write reports a reset, and not longer.
func TestNativeResetToldToTheOtherDirection(t *testing.T) {
	for _, pending := range []bool{false, true} {
		k, p, h := newNative(t)
		read, write := newOperation(backend.Read, h, 8), newOperation(backend.Write, h, 8)
		p.Submit([]Operation{read}, false)
		k.onStart = func(b *begunOperation) (int, syscall.Errno, bool) {
			if b.kind == backend.Read {
				return 0, 0, false
			}
			k.end(h, in, 0, 0)
			edgeOf(p, k.events[0])
			k.events = nil
			return 0, errReset, pending
		}
		p.Submit([]Operation{write}, false)
		if !pending {
			bothReset(t, p, write, read)
		} else {
			ends(t, p, read, 0, endOfFile)
		}
		k.atRest(p)
	}
}

func TestNativeAcceptAndConnect(t *testing.T) {
	k, p, h := newNative(t)
	accept := newOperation(backend.Accept, h, 0)
	p.Submit([]Operation{accept}, false)
	k.end(h, in, 0, errAborted) // nobody wanted that: it begins anew
	k.onStart = func(b *begunOperation) (int, syscall.Errno, bool) { return 40, 0, false }
	ends(t, p, accept, 0, nil)
	if s := p.Stats(); s.Handles != 2 {
		t.Errorf("%d handles", s.Handles)
	}
	k.onStart = nil
	s, _ := p.AddHandle(50, false, nil)
	connect, read := newOperation(backend.Connect, s, 0), newOperation(backend.Read, s, 8)
	p.Submit([]Operation{connect, read}, false)
	k.end(s, out, 0, 0)
	ends(t, p, connect, 0, nil)
	look(p) // at what waited for the connect
	k.end(s, in, 1, 0)
	ends(t, p, read, 1, nil)
	s, _ = p.AddHandle(60, false, nil)
	connect.handle, read.handle = s, s
	p.Submit([]Operation{connect, read}, false)
	k.end(s, out, 0, errReset)
	for _, o := range []*operation{connect, read} {
		if got := p.Next(context.Background()); got != Operation(o) || o.failure.Errno != errReset {
			t.Errorf("dequeued %v", got)
		}
	}
	k.atRest(p)
}

// A pooled read waits without a buffer, and gets one when there is data.
func TestNativeLateRead(t *testing.T) {
	k, p, h := newNative(t)
	pool := p.NewPool(8, 1)
	reads := [3]*lateOperation{}
	for i := range reads {
		reads[i] = &lateOperation{operation: operation{kind: backend.Read, handle: h}, pool: pool}
		p.Submit([]Operation{reads[i]}, false)
	}
	if k.begun[0].data != nil || pool.Lent() != 0 {
		t.Fatal("it has a buffer")
	}
	calls := 0
	k.onRead = func(p []byte) (int, syscall.Errno) {
		if calls++; calls == 1 { // it was not true
			return 0, syscall.EAGAIN
		}
		return copy(p, "abc"), 0
	}
	k.end(h, in, 0, 0)
	look(p)
	if pool.Lent() != 0 {
		t.Error("it keeps its buffer")
	}
	k.end(h, in, 0, 0)
	if got := p.Next(context.Background()); got != Operation(reads[0]) || string(reads[0].got.Bytes()) != "abc" {
		t.Fatalf("dequeued %v", got)
	}
	reads[0].got.Release()
	p.Cancel(reads[1])
	if got := p.Next(context.Background()); got != Operation(reads[1]) || reads[1].failure != canceledFailure {
		t.Fatalf("dequeued %v", got)
	}
	k.end(h, in, 0, errReset)
	if got := p.Next(context.Background()); got != Operation(reads[2]) || reads[2].failure.Errno != errReset {
		t.Fatalf("dequeued %v", got)
	}
	if pool.Lent() != 0 {
		t.Error("a buffer is lost")
	}
	k.atRest(p)
}

// lateOperation is a read that takes its buffer late.
type lateOperation struct {
	operation
	pool *Pool
	got  *Buffer
}

func (o *lateOperation) Describe(r *Request) {
	r.Kind, r.Handle, r.Pool = backend.Read, o.handle, o.pool
}
func (o *lateOperation) Deliver(r Result) { o.got = r.Buffer }

// Submitters, cancellers, closers and a kernel that ends operations at any moment, also
// before the call that started them has returned: each operation ends once.
func TestNativeRaces(t *testing.T) {
	k, p, _ := newNative(t)
	var kernel sync.WaitGroup
	k.onStart = func(b *begunOperation) (int, syscall.Errno, bool) {
		switch len(b.data) % 3 {
		case 0:
			return len(b.data), 0, false
		case 1:
			k.mu.Lock()
			h := k.handles[b.key.fd]
			k.mu.Unlock()
			kernel.Go(func() { k.endIfInside(b, h) })
		}
		return 0, 0, true
	}
	const handles, each = 40, 50
	var submitters sync.WaitGroup
	for i := range handles {
		submitters.Go(func() {
			h := k.handle(p, 100+i)
			for j := range each {
				o := newOperation(backend.Read+backend.Kind(j%2), h, 1+(i+j)%7)
				p.Submit([]Operation{o}, false)
				if j%3 != 0 {
					go p.Cancel(o)
				}
			}
			h.Close()
		})
	}
	seen := map[Operation]bool{}
	for range handles * each {
		o := p.Next(context.Background())
		if seen[o] {
			t.Fatal("one ended twice")
		}
		seen[o] = true
	}
	submitters.Wait()
	kernel.Wait()
	k.onStart = nil
	k.atRest(p)
}

// endIfInside ends an operation if it has not been abandoned.
func (k *nativeKernel) endIfInside(b *begunOperation, h *Handle) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !b.ended {
		k.tell(b, h, len(b.data), 0)
	}
}
