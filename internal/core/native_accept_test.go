package core

import (
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// acceptsOf returns n accepts, and the same as a batch to submit.
func acceptsOf(h *Handle, n int) (all []*operation, batch []Operation) {
	for range n {
		o := newOperation(backend.Accept, h, 0)
		all, batch = append(all, o), append(batch, o)
	}
	return all, batch
}

// told checks how many accepts the kernel was told to expect since the last check.
func (k *nativeKernel) told(want ...int) {
	k.t.Helper()
	if !slices.Equal(k.ahead, want) {
		k.t.Errorf("told of %v accepts, want %v", k.ahead, want)
	}
	k.ahead = nil
}

// endAtOnce ends an operation with a new descriptor for each.
func endAtOnce() func(*begunOperation) (int, syscall.Errno, bool) {
	fd := 1000
	return func(*begunOperation) (int, syscall.Errno, bool) { fd++; return fd, 0, false }
}

// The kernel knows how many accepts are queued, up to a limit, however they were
// submitted.
func TestNativeAcceptsAhead(t *testing.T) {
	k, p, h := newNative(t)
	all, batch := acceptsOf(h, 3*acceptsAhead)
	p.Submit(batch[:1], false)
	k.told()
	p.Submit(batch[1:4], false)
	k.told(4)
	p.Submit(batch[4:5], false)
	k.told(5)
	p.Submit(batch[5:], false)
	k.told(acceptsAhead)
	p.Cancel(all[2])
	ends(t, p, all[2], 0, canceledFailure)
	k.told()
	k.end(h, in, 900, 0)
	ends(t, p, all[0], 0, nil)
	k.told(acceptsAhead) // of those behind the next
	p.Cancel(all[1])
	ends(t, p, all[1], 0, canceledFailure)
	k.told(acceptsAhead) // when it was abandoned, and not before
	k.onStart = endAtOnce()
	k.end(h, in, 901, 0)
	for _, o := range all[3:] {
		ends(t, p, o, 0, nil)
	}
	k.told()
	if len(k.begun) != len(all)-1 { // but the one that was cancelled in the queue
		t.Errorf("%d were begun", len(k.begun))
	}
	k.atRest(p)
}

// During the call that tells the kernel, the same may happen as during any other call.
func TestNativeDuringAcceptAhead(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(k *nativeKernel, p *Port, h *Handle, all []*operation) (ended bool)
		end  func(k *nativeKernel, h *Handle)
		want [3]*Failure
		told []int
	}{
		{name: "More", do: func(_ *nativeKernel, p *Port, h *Handle, all []*operation) bool {
			p.Submit([]Operation{all[2]}, false)
			return false
		}, told: []int{2, 3}},
		{name: "EndsWithAnEvent", do: func(k *nativeKernel, p *Port, h *Handle, all []*operation) bool {
			k.end(h, in, 900, 0)
			edgeOf(p, k.events[0])
			k.events, k.onStart = nil, endAtOnce()
			p.Submit([]Operation{all[2]}, false)
			return false
		}, told: []int{2}},
		{name: "EndsWithout", do: func(k *nativeKernel, p *Port, h *Handle, all []*operation) bool {
			k.end(h, in, 900, 0)
			k.events, k.onStart = nil, endAtOnce()
			p.Submit([]Operation{all[2]}, false)
			return true
		}, told: []int{2}},
		{name: "Cancel", do: func(k *nativeKernel, p *Port, h *Handle, all []*operation) bool {
			p.Cancel(all[0])
			k.onStart = endAtOnce()
			p.Submit([]Operation{all[2]}, false)
			return false
		}, want: [3]*Failure{canceledFailure}, told: []int{2}},
		{name: "Close", do: func(k *nativeKernel, p *Port, h *Handle, all []*operation) bool {
			p.Submit([]Operation{all[2]}, false)
			h.Close()
			if len(k.closed) != 0 {
				k.t.Error("closed during a call")
			}
			return false
		}, want: [3]*Failure{1: closedFailure, 2: closedFailure, 0: closedFailure}, told: []int{2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, p, h := newNative(t)
			all, batch := acceptsOf(h, 3)
			k.onAhead = func(int, int) bool {
				k.onAhead = nil
				return c.do(k, p, h, all)
			}
			p.Submit(batch[:2], false)
			k.told(c.told...)
			if c.name == "More" {
				k.onStart = endAtOnce()
				k.end(h, in, 900, 0)
			}
			left := map[Operation]*Failure{}
			for i, o := range all {
				left[o] = c.want[i]
			}
			for range all {
				o := p.Next(t.Context()).(*operation)
				want, ok := left[o]
				if _, f, _ := Outcome(&o.Record); !ok || f != want {
					t.Errorf("outcome %+v, want %+v", f, want)
				}
				delete(left, o)
			}
			k.atRest(p)
		})
	}
}

// Many submit accepts while connections come and accepts are cancelled: each has
// one end, and no connection is lost.
func TestNativeAcceptRaces(t *testing.T) {
	k, p, h := newNative(t)
	const submitters, each = 8, 200
	var mu sync.Mutex
	fd := 1000
	connection := func() int {
		mu.Lock()
		defer mu.Unlock()
		fd++
		return fd
	}
	k.onStart = func(b *begunOperation) (int, syscall.Errno, bool) {
		if n := connection(); n%3 == 0 {
			return n, 0, false
		} else {
			go func() {
				k.mu.Lock()
				defer k.mu.Unlock()
				if !b.ended {
					k.tell(b, k.handles[b.key.fd], n, 0)
				}
			}()
		}
		return 0, 0, true
	}
	k.onAhead = func(fd, n int) bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		if b := k.pending[begunKey{fd, in}]; n%2 == 0 && !b.ended {
			b.ended, b.n = true, connection()
			return true
		}
		return false
	}
	var work sync.WaitGroup
	for i := range submitters {
		work.Go(func() {
			for j := range each {
				o := newOperation(backend.Accept, h, 0)
				p.Submit([]Operation{o}, false)
				if (i+j)%5 == 0 {
					p.Cancel(o)
				}
			}
		})
	}
	accepted, canceled := 0, 0
	for range submitters * each {
		o := p.Next(t.Context()).(*operation)
		switch _, f, _ := Outcome(&o.Record); f {
		case nil:
			accepted++
		case canceledFailure:
			canceled++
		default:
			t.Fatalf("outcome %+v", f)
		}
	}
	work.Wait()
	if n := p.Stats().Handles; n != accepted+1 {
		t.Errorf("%d handles, %d were accepted", n, accepted)
	}
	t.Logf("%d accepted, %d canceled", accepted, canceled)
	k.onStart, k.onAhead = nil, nil
	k.atRest(p)
}
