package core

import (
	"context"
	"sync"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// nativeKernel is a kernel that performs operations by itself, as a test orders. It ends
// them in any order, also before the call that started them has returned.
type nativeKernel struct {
	t       *testing.T
	mu      sync.Mutex
	news    sync.Cond // there are events, or somebody woke the leader
	woken   bool
	events  []backend.Event
	handles map[int]*Handle

	pending   map[begunKey]*begunOperation
	begun     []*begunOperation // all there were
	abandoned int
	closed    []int
	now       int64
	until     int64           // when the next wait ends
	busy      int             // so many times nothing is found to abandon
	tick      int64           // so long an abandon takes
	slow      bool            // the first look after an abandon does not see its event
	held      []backend.Event // and this is it
	alone     bool            // nobody can wake a leader that sleeps without a limit

	vector script // calls with several parts; without steps they find nothing to do

	ahead []int // what AcceptAhead was told

	onAhead   func(fd, n int) bool                                               // nil: nothing ends
	onStart   func(b *begunOperation) (n int, errno syscall.Errno, pending bool) // nil: pending
	onAbandon func(b *begunOperation)                                            // nil: ends as aborted
	onRead    func(p []byte) (int, syscall.Errno)                                // of a late read
	onClose   func(fd int)                                                       // called before the descriptor is closed

	// Of datagrams, one step a call, and then nothing is there, or no room.
	receives, sends []func(m []backend.Message) (int, syscall.Errno)
}

// errAborted is the errno of an abandoned operation.
const errAborted = syscall.EINTR

type begunKey struct {
	fd int
	d  direction
}

type begunOperation struct {
	key   begunKey
	kind  backend.Kind
	data  []byte
	to    *backend.Address
	ended bool
	n     int
	errno syscall.Errno
}

func newNative(t *testing.T) (*nativeKernel, *Port, *Handle) {
	k := &nativeKernel{t: t, pending: map[begunKey]*begunOperation{}, handles: map[int]*Handle{}, now: 1, until: backend.Never, vector: script{t: t, idle: true}}
	k.news.L = &k.mu
	p := NewPort(Options{Kernel: k, Poller: nativePoller{k}})
	return k, p, k.handle(p, 7)
}

func (k *nativeKernel) handle(p *Port, fd int) *Handle {
	h, failure := p.AddHandle(fd, true, nil)
	if failure != nil {
		k.t.Fatal(failure)
	}
	return h
}

func (k *nativeKernel) Start(fd int, kind backend.Kind, data []byte, to *backend.Address) (int, syscall.Errno, bool) {
	b := &begunOperation{key: begunKey{fd, directionOf(kind)}, kind: kind, data: data, to: to}
	k.mu.Lock()
	if k.pending[b.key] != nil {
		k.t.Errorf("two operations of one direction are inside")
	}
	k.begun = append(k.begun, b)
	k.pending[b.key] = b
	k.mu.Unlock()
	if f := k.onStart; f != nil {
		if n, errno, pending := f(b); !pending {
			k.mu.Lock()
			delete(k.pending, b.key)
			k.mu.Unlock()
			return n, errno, false
		}
	}
	return 0, 0, true
}

// end ends an operation that is inside, and reports its end with an event.
func (k *nativeKernel) end(h *Handle, d direction, n int, errno syscall.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.pending[begunKey{int(h.fd), d}]
	if b == nil || b.ended {
		k.t.Fatalf("nothing is inside")
	}
	k.tell(b, h, n, errno)
}

func (k *nativeKernel) tell(b *begunOperation, h *Handle, n int, errno syscall.Errno) {
	b.ended, b.n, b.errno = true, n, errno
	ready := [...]backend.Readiness{backend.EndedIn, backend.EndedOut}[b.key.d]
	k.events = append(k.events, backend.Event{FD: b.key.fd, Generation: h.generation, Ready: ready})
	k.news.Broadcast()
}

func (k *nativeKernel) Finish(fd int, kind backend.Kind) (int, syscall.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.pending[begunKey{fd, directionOf(kind)}]
	if b == nil || !b.ended || b.kind != kind {
		k.t.Errorf("finish of what has not ended")
		return 0, 0
	}
	delete(k.pending, b.key)
	return b.n, b.errno
}

// Abandon finds no operation that has ended, as on Windows.
func (k *nativeKernel) Abandon(fd int, kind backend.Kind) (heard bool) {
	k.mu.Lock()
	b := k.pending[begunKey{fd, directionOf(kind)}]
	if b == nil || b.kind != kind {
		k.t.Errorf("abandons what is not inside")
	}
	k.abandoned++
	k.now += k.tick
	h := k.handles[fd]
	heard = !b.ended && k.busy == 0
	if k.busy > 0 {
		k.busy--
	} else if k.onAbandon == nil && !b.ended {
		k.tell(b, h, 0, errAborted)
		if last := len(k.events) - 1; k.slow {
			k.held, k.events = append(k.held, k.events[last]), k.events[:last]
		}
	}
	k.mu.Unlock()
	if k.onAbandon != nil {
		k.onAbandon(b)
	}
	return heard
}

func (k *nativeKernel) AcceptAhead(fd, n int) bool {
	k.mu.Lock()
	if b := k.pending[begunKey{fd, in}]; b == nil || b.kind != backend.Accept {
		k.t.Errorf("accepts ahead of nothing")
	}
	k.ahead = append(k.ahead, n)
	k.mu.Unlock()
	return k.onAhead != nil && k.onAhead(fd, n)
}

func (k *nativeKernel) Read(_ int, p []byte) (int, syscall.Errno) { return k.onRead(p) }
func (k *nativeKernel) Now() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}
func (k *nativeKernel) Write(int, []byte) (int, syscall.Errno) { panic("not with a native kernel") }
func (k *nativeKernel) ReadV(_ int, parts [][]byte) (int, syscall.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.vector.ReadV(0, parts)
}
func (k *nativeKernel) WriteV(_ int, parts [][]byte) (int, syscall.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.vector.WriteV(0, parts)
}
func (k *nativeKernel) Accept(int) (int, syscall.Errno)            { panic("not with a native kernel") }
func (k *nativeKernel) Connect(int, backend.Address) syscall.Errno { panic("not with a native kernel") }
func (k *nativeKernel) Connected(int) syscall.Errno                { panic("not with a native kernel") }
func (k *nativeKernel) CloseWrite(int) syscall.Errno               { return 0 }
func (k *nativeKernel) Classify(kind backend.Kind, e syscall.Errno) backend.Class {
	return (&script{}).Classify(kind, e)
}
func (k *nativeKernel) Close(fd int) syscall.Errno {
	if f := k.onClose; f != nil {
		f(fd)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for key := range k.pending {
		if key.fd == fd {
			k.t.Errorf("closed while something is inside")
		}
	}
	k.closed = append(k.closed, fd)
	return 0
}

// nativePoller is its poller.
type nativePoller struct{ *nativeKernel }

func (k nativePoller) Close() error { return nil }
func (k nativePoller) Arm(fd int, generation uint32) syscall.Errno {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.handles[fd] = &Handle{fd: int32(fd), generation: generation}
	return 0
}
func (k nativePoller) Disarm(int)             {}
func (k nativePoller) SetTimeout(until int64) { k.until = until }
func (k nativePoller) Wake(backend.Waiting) {
	k.mu.Lock()
	k.woken = true
	k.news.Broadcast()
	k.mu.Unlock()
}
func (k nativePoller) Wait(how backend.Waiting, events []backend.Event) (int, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for how != backend.Look && len(k.events)+len(k.held) == 0 && !k.woken {
		switch {
		case k.until != backend.Never: // nothing else happens until then
			k.now = max(k.now, k.until)
			return 0, true
		case k.alone:
			k.t.Fatal("the leader sleeps for ever")
		}
		k.news.Wait()
	}
	k.woken = false
	if how != backend.Look {
		k.events, k.held = append(k.events, k.held...), nil
	}
	n := copy(events, k.events)
	k.events, k.held = append(k.events[n:], k.held...), nil
	return n, n == 0
}

// atRest checks that nothing is left of a port, and closes it.
func (k *nativeKernel) atRest(p *Port) {
	k.t.Helper()
	p.Close()
	for p.Next(context.Background()) != nil {
	}
	if s := p.Stats(); s.InFlight != 0 || s.Queued != 0 || s.Handles != 0 || s.Leading || s.Submitted != s.Completed {
		k.t.Errorf("at rest: %+v", s)
	}
	if len(k.pending) != 0 {
		k.t.Errorf("%d operations are inside", len(k.pending))
	}
}
