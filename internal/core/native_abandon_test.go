package core

import (
	"context"
	"sync"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// Windows finds no operation to cancel if it has ended, and its packet may be in the
// completion port. Nobody may ask for its end again and again: only the completion port
// returns the packet.

// How an operation may be told to end.
var endings = []struct {
	name string
	do   func(k *nativeKernel, p *Port, h *Handle, o *operation)
	want *Failure
}{
	{"Cancel", func(_ *nativeKernel, p *Port, _ *Handle, o *operation) { p.Cancel(o) }, canceledFailure},
	{"Deadline", func(k *nativeKernel, p *Port, _ *Handle, o *operation) {
		p.SetDeadline(o, k.now+5)
		k.now += 6
	}, deadlineFailure},
	{"HandleClose", func(_ *nativeKernel, _ *Port, h *Handle, _ *operation) { h.Close() }, closedFailure},
	{"Shutdown", func(_ *nativeKernel, p *Port, _ *Handle, _ *operation) { p.Shutdown(context.Background()) }, closedFailure},
	{"PortClose", func(_ *nativeKernel, p *Port, _ *Handle, _ *operation) { p.Close() }, closedFailure},
}

// The kernel is asked once to end an operation that has ended. A poll returns its end:
// with its result, which came first.
func TestNativeAbandonOfWhatHasEnded(t *testing.T) {
	for _, c := range endings {
		t.Run(c.name, func(t *testing.T) {
			k, p, h := newNative(t)
			k.alone = true
			read := newOperation(backend.Read, h, 8)
			p.Submit([]Operation{read}, false)
			k.end(h, in, 3, 0)
			c.do(k, p, h, read)
			ends(t, p, read, 3, nil)
			if k.abandoned > 1 {
				t.Errorf("abandoned %d times", k.abandoned)
			}
			k.alone = false
			k.atRest(p)
		})
	}
}

// A kernel that is busy with an operation does not find it either. It is asked again until
// it has heard, at most once for each poll, also if nothing else happens.
func TestNativeAbandonIsAskedAgain(t *testing.T) {
	for _, c := range endings {
		t.Run(c.name, func(t *testing.T) {
			k, p, h := newNative(t)
			k.alone, k.busy = true, 3
			read, behind := newOperation(backend.Read, h, 8), newOperation(backend.Read, h, 8)
			p.Submit([]Operation{read, behind}, false)
			p.Cancel(behind)
			ends(t, p, behind, 0, canceledFailure)
			c.do(k, p, h, read)
			ends(t, p, read, 0, c.want)
			if k.abandoned != 4 || p.Stats().Polls < 4 {
				t.Errorf("abandoned %d times in %d looks", k.abandoned, p.Stats().Polls)
			}
			k.alone = false
			k.atRest(p)
		})
	}
}

// A leader that sleeps without a limit is woken when an Abandon was not heard.
func TestNativeAbandonWhileAnotherSleeps(t *testing.T) {
	for range 100 {
		k, p, h := newNative(t)
		k.busy = 2
		read := newOperation(backend.Read, h, 8)
		p.Submit([]Operation{read}, false)
		var leader sync.WaitGroup
		leader.Go(func() { ends(t, p, read, 0, closedFailure) })
		for !p.Stats().Parked {
		}
		h.Close()
		leader.Wait()
		k.atRest(p)
	}
}

// Events keep the leader from sleeping; it asks again all the same.
func TestNativeAbandonIsAskedAgainBetweenEvents(t *testing.T) {
	k, p, h := newNative(t)
	other := k.handle(p, 8)
	k.busy = 3
	read := newOperation(backend.Read, h, 8)
	p.Submit([]Operation{read}, false)
	p.Cancel(read)
	for i := 0; ; i++ {
		another := newOperation(backend.Read, other, 8)
		p.Submit([]Operation{another}, false)
		k.end(other, in, 1, 0)
		k.now += askAgainAfter
		if got := p.Next(context.Background()); got == Operation(read) {
			break
		} else if i == 500 {
			t.Fatalf("abandoned %d times", k.abandoned)
		}
	}
	if _, f, _ := Outcome(&read.Record); f != canceledFailure || k.abandoned != 4 {
		t.Errorf("outcome %+v, abandoned %d times", f, k.abandoned)
	}
	k.atRest(p)
}

// When asking takes longer than the time until the next question, there is always
// something to ask. A close polls in between all the same.
func TestNativeCloseLooksBetweenAsking(t *testing.T) {
	k, p, _ := newNative(t)
	k.alone, k.tick = true, 2*askAgainAfter
	for i := range 3 {
		h := k.handle(p, 100+i)
		p.Submit([]Operation{newOperation(backend.Read, h, 8)}, false)
		k.end(h, in, 1, 0)
	}
	p.Close()
	if s := p.Stats(); s.Queued != 3 || s.Handles != 0 {
		t.Errorf("%+v", s)
	}
	k.atRest(p)
}

// The end of an abandoned operation may come at any later time. Nothing is closed before
// it, and a Close of the handle does not wait for it if no other goroutine is at the port.
func TestNativeAbandonedEndsLater(t *testing.T) {
	for _, c := range endings {
		t.Run(c.name, func(t *testing.T) {
			k, p, h := newNative(t)
			k.alone, k.slow = true, true
			read, write := newOperation(backend.Read, h, 8), newOperation(backend.Read, k.handle(p, 8), 8)
			p.Submit([]Operation{read, write}, false)
			c.do(k, p, h, read)
			ends(t, p, read, 0, c.want)
			k.alone = false
			k.atRest(p)
		})
	}
}

// An operation that Shutdown has ended, and that is still inside the kernel, is not cut
// short when the context ends. A write is.
func TestNativeShutdownWithContextDone(t *testing.T) {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		kind backend.Kind
		all  bool
	}{{backend.Read, true}, {backend.Write, false}} {
		k, p, h := newNative(t)
		k.alone, k.slow = true, true
		o := newOperation(c.kind, h, 8)
		p.Submit([]Operation{o}, false)
		if all, open := p.Shutdown(done); all != c.all || !open {
			t.Errorf("kind %d: all is %v, open %v", c.kind, all, open)
		}
		ends(t, p, o, 0, closedFailure)
		k.atRest(p)
	}
}

// Of many accepts some have ended and are not found.
func TestNativeAbandonOfAccepts(t *testing.T) {
	k, p, h := newNative(t)
	k.alone = true
	_, batch := acceptsOf(h, 2)
	p.Submit(batch, false)
	k.onStart = endAtOnce()
	k.end(h, in, 900, 0)
	h.Close()
	for i, want := range []*Failure{closedFailure, nil} { // the one behind was in the queue
		if _, f, _ := Outcome(&p.Next(context.Background()).(*operation).Record); f != want {
			t.Errorf("accept %d: %+v, want %+v", i, f, want)
		}
	}
	if s := p.Stats(); s.Handles != 1 || k.abandoned != 1 {
		t.Errorf("%d handles, abandoned %d times", s.Handles, k.abandoned)
	}
	k.alone = false
	k.atRest(p)
}

// A write that is cancelled inside the kernel counts as cut short, even if the kernel
// reports no bytes: it may not know. A write that was never inside aborts no other.
func TestNativeCancelledWriteIsCutShort(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(p *Port, h *Handle, o *operation)
		want   *Failure
		behind *Failure
	}{
		{"Cancel", func(p *Port, _ *Handle, o *operation) { p.Cancel(o) }, canceledFailure, abortedFailure},
		{"Deadline", func(p *Port, _ *Handle, o *operation) { p.SetDeadline(o, 1) }, deadlineFailure, abortedFailure},
		{"Close", func(_ *Port, h *Handle, _ *operation) { h.Close() }, closedFailure, closedFailure},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, p, h := newNative(t)
			k.alone = true
			first, second := newOperation(backend.Write, h, 8), newOperation(backend.Write, h, 8)
			queued, last := newOperation(backend.Write, h, 8), newOperation(backend.CloseWrite, h, 0)
			p.Submit([]Operation{first, queued, second, last}, false)
			p.Cancel(queued)
			ends(t, p, queued, 0, canceledFailure)
			k.end(h, out, 3, 0) // there is more to send, and the kernel has it
			look(p)
			if len(k.begun) != 2 {
				t.Fatalf("%d pieces were begun", len(k.begun))
			}
			c.do(p, h, first)
			left := map[Operation]*Failure{first: c.want, second: c.behind, last: c.behind}
			for range 3 {
				o := p.Next(context.Background()).(*operation)
				n, f, _ := Outcome(&o.Record)
				if want, ok := left[o]; !ok || f.Code != want.Code || n != map[bool]int64{true: 3}[o == first] {
					t.Errorf("outcome %d, %+v, want %+v", n, f, want)
				}
				delete(left, o)
			}
			if len(k.begun) != 2 {
				t.Errorf("%d were begun", len(k.begun))
			}
			k.alone = false
			k.atRest(p)
		})
	}
	t.Run("NoByteSent", func(t *testing.T) {
		k, p, h := newNative(t)
		first, second := newOperation(backend.Write, h, 8), newOperation(backend.Write, h, 8)
		p.Submit([]Operation{first, second}, false)
		p.Cancel(first)
		ends(t, p, first, 0, canceledFailure)
		ends(t, p, second, 0, abortedFailure)
		k.atRest(p)
	})
	// Between two pieces the count is exact: nothing is inside.
	t.Run("BetweenPieces", func(t *testing.T) {
		k, p, h := newNative(t)
		first := newOperation(backend.Write, h, 8)
		p.Submit([]Operation{first}, false)
		k.end(h, out, 3, 0)
		p.Cancel(first)
		ends(t, p, first, 3, canceledFailure)
		if len(k.begun) != 1 {
			t.Errorf("%d pieces were begun", len(k.begun))
		}
		k.atRest(p)
	})
}

// A write that the kernel has aborted without an intent fails: it can't be started again,
// since some of its bytes may be sent.
func TestNativeWriteAbortedByAnother(t *testing.T) {
	k, p, h := newNative(t)
	first, second := newOperation(backend.Write, h, 8), newOperation(backend.Write, h, 8)
	p.Submit([]Operation{first, second}, false)
	k.end(h, out, 0, errAborted)
	if got := p.Next(context.Background()); got != Operation(first) || first.failure == nil || first.failure.Errno != errAborted {
		t.Fatalf("dequeued %v, %+v", got, first.failure)
	}
	ends(t, p, second, 0, abortedFailure)
	k.atRest(p)
}

// A pooled read that has timed out gets a buffer if the kernel has just reported data for it, but
// none if no call would follow: the buffer would be lent, and the read in flight, until something
// else runs the direction.
func TestNativeTimedOutReadGetsNoBufferInVain(t *testing.T) {
	t.Run("Close", func(t *testing.T) {
		k, p, h, check := newTimedOut(t)
		k.onAbandon = func(*begunOperation) { reportsData(k, p, h) }
		h.Close()
		k.onAbandon = nil
		check()
	})
	t.Run("Connect", func(t *testing.T) {
		k, p, h, check := newTimedOut(t)
		p.Submit([]Operation{&operation{kind: backend.Connect, handle: h}}, false)
		reportsData(k, p, h)
		check()
	})
}

// newTimedOut makes a pooled read that has timed out inside a kernel which was too busy to abandon
// it. check is called when it has ended.
func newTimedOut(t *testing.T) (k *nativeKernel, p *Port, h *Handle, check func()) {
	k, p, _ = newNative(t)
	h, _ = p.AddHandle(8, false, nil)
	pool := p.NewPool(8, 1)
	read := pooledRead(h, pool)
	p.Submit([]Operation{read}, false)
	p.SetDeadline(read, 5)
	k.now, k.busy = 6, 1
	p.record(TicketOf(&read.Record), toExpire)
	st := p.lock()
	listed := st.ready.pop()
	st.unlockQuietly()
	p.resume(listed)
	if k.abandoned != 1 {
		t.Fatal("it is not abandoned")
	}
	return k, p, h, func() {
		t.Helper()
		if n, phase := pool.Lent(), PhaseOf(&read.Record); n != 0 || phase != Done {
			t.Errorf("%d buffers are lent, and the read is %v", n, phase)
		}
		k.atRest(p)
		if read.failure != deadlineFailure {
			t.Errorf("it ends with %+v", read.failure)
		}
	}
}

// reportsData ends the read of no bytes that is inside.
func reportsData(k *nativeKernel, p *Port, h *Handle) {
	k.end(h, in, 0, 0)
	edgeOf(p, k.events[0])
	k.events = nil
}
