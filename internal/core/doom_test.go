package core

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// holds observes each hold of a lock: the work between two locks that a goroutine takes is
// at least the work under the first.
type holds struct {
	onLock func() // called before a lock is taken
}

func (s *holds) Step()                   {}
func (s *holds) Turn()                   {}
func (s *holds) Sleep(awake func() bool) { panic("nobody sleeps here") }
func (s *holds) Lock(mu *sync.Mutex) {
	if f := s.onLock; f != nil {
		s.onLock = nil // it may take locks, too
		f()
		s.onLock = f
	}
	mu.Lock()
}

// newHolds is newScript that observes the holds of locks.
func newHolds(t *testing.T, isConnected bool) (*script, *holds, *Port, *Handle) {
	k, steps := &script{t: t, now: 1}, &holds{}
	p := NewPort(Options{Kernel: k, Poller: pollerOf{k}, Steps: steps})
	h, failure := p.AddHandle(7, isConnected, nil)
	if failure != nil {
		t.Fatal(failure)
	}
	return k, steps, p, h
}

// The operations of a handle end in turns: nobody holds a lock while all of them are
// ended, or published.
func TestCascadesInTurns(t *testing.T) {
	const many = 10 * endsPerTurn
	for _, c := range []struct {
		name      string
		connected bool
		first     backend.Kind // performed before the others, if not 0
		kind      backend.Kind // of the others
		end       func(k *script, p *Port, h *Handle, first *operation)
		code      Code // of the others
	}{
		{"Close", true, 0, backend.Read, func(_ *script, _ *Port, h *Handle, _ *operation) { h.Close() }, Closed},
		{"CloseOfAHalfWrite", true, backend.Write, backend.Write, func(_ *script, _ *Port, h *Handle, _ *operation) { h.Close() }, Closed},
		{"ClosePort", true, 0, backend.Read, func(_ *script, p *Port, _ *Handle, _ *operation) { p.Close() }, Closed},
		{"Shutdown", true, 0, backend.Read, func(_ *script, p *Port, h *Handle, _ *operation) { h.drain() }, Closed},
		{"ShutdownOfAConnect", false, backend.Connect, backend.Write, func(_ *script, p *Port, h *Handle, _ *operation) { h.drain() }, Closed},
		{"CancelOfAHalfWrite", true, backend.Write, backend.Write, func(_ *script, p *Port, _ *Handle, o *operation) { p.Cancel(o) }, WriteAborted},
		{"ResetOfAHalfWrite", true, backend.Write, backend.CloseWrite, func(k *script, _ *Port, h *Handle, o *operation) {
			k.write = append(k.write, gives(0, errReset))
			k.edge(h, backend.Writable)
		}, WriteAborted},
		{"CancelOfAConnect", false, backend.Connect, backend.Read, func(_ *script, p *Port, _ *Handle, o *operation) { p.Cancel(o) }, Canceled},
		{"FailedConnect", false, backend.Connect, backend.Write, func(k *script, _ *Port, h *Handle, o *operation) {
			k.connect = append(k.connect, errReset)
			k.edge(h, backend.Writable)
		}, System},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, steps, p, h := newHolds(t, c.connected)
			switch c.first {
			case backend.Write:
				k.write = append(k.write, gives(3, 0))
			case backend.Connect:
				k.connect = append(k.connect, syscall.EAGAIN)
			}
			var first *operation
			if c.first != 0 {
				first = newOperation(c.first, h, 8)
				p.Submit([]Operation{first}, false)
			}
			others := make([]Operation, many)
			for i := range others {
				others[i] = newOperation(c.kind, h, 1)
			}
			p.Submit(others, false)
			ended, published, most := 0, 0, 0
			steps.onLock = func() {
				now := 0
				for _, o := range others {
					if PhaseOf(o.self()) == Done || PhaseOf(o.self()) == Idle {
						now++
					}
				}
				most = max(most, now-ended, int(p.guarded.completed)-published)
				ended, published = now, int(p.guarded.completed)
			}
			c.end(k, p, h, first)
			n := many
			if first != nil {
				n++
			}
			for range n {
				o := p.Next(context.Background()).(*operation)
				if f := o.failure; o != first && (f == nil || f.Code != c.code || o.n != 0) {
					t.Fatalf("outcome %d, %+v", o.n, f)
				}
			}
			steps.onLock = nil
			if most < 2 || most > endsPerTurn+1 {
				t.Errorf("%d operations were ended under one hold of a lock", most)
			}
			if s := p.Stats(); s.InFlight != 0 || s.Queued != 0 || len(k.write)+len(k.connect) != 0 {
				t.Errorf("left: %+v", s)
			}
			p.Close()
			if len(k.closed) != 1 {
				t.Errorf("closed %v", k.closed)
			}
		})
	}
}

// The descriptor is given back when the last operation has ended, and not
// between two turns.
func TestDescriptorOutlastsTheTurns(t *testing.T) {
	k, steps, p, h := newHolds(t, true)
	p.endsPerTurn = 2
	reads := make([]Operation, 7)
	queueReads(p, h, reads)
	published := 0
	steps.onLock = func() {
		published = max(published, int(p.guarded.completed))
		if len(k.closed) > 0 && h.queue[in].tail != nil {
			t.Error("closed with operations in the queue")
		}
		if len(k.closed) == 0 && published == len(reads) {
			t.Error("the last operation is published and the descriptor is open")
		}
		h.mu.Lock() // as an option that is set meanwhile
		h.users++
		h.users--
		l := locked{Handle: h}
		l.release()
	}
	h.Close()
	steps.onLock = nil
	for _, r := range reads {
		ends(t, p, r.(*operation), 0, closedFailure)
	}
}

// The intent that is recorded first counts, also between two turns of a Close, where the
// close is the first.
func TestCancelBetweenTheTurns(t *testing.T) {
	for _, c := range []struct {
		name     string
		end      func(h *Handle, p *Port, first *operation)
		recorded bool
		want     *Failure
	}{
		{"Close", func(h *Handle, _ *Port, _ *operation) { h.Close() }, false, closedFailure},
		{"Abort", func(_ *Handle, p *Port, first *operation) { p.Cancel(first) }, true, canceledFailure},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, steps, p, h := newHolds(t, true)
			p.endsPerTurn = 2
			k.write = append(k.write, gives(3, 0))
			first := newOperation(backend.Write, h, 8)
			p.Submit([]Operation{first}, false)
			others := make([]Operation, 9)
			for i := range others {
				others[i] = newOperation(backend.Write, h, 1)
			}
			p.Submit(others, false)
			tried := false
			steps.onLock = func() {
				if p.guarded.completed > 0 && !tried {
					tried = true
					for range 2 {
						if PhaseOf(others[6].self()) != Queued && c.recorded {
							t.Fatal("all were ended in one turn")
						}
						if p.Cancel(others[6]) != c.recorded {
							t.Errorf("recorded: %v", !c.recorded)
						}
						c.recorded = false
					}
				}
			}
			c.end(h, p, first)
			for range 1 + len(others) {
				o := p.Next(context.Background()).(*operation)
				want := Closed
				if c.want == canceledFailure && o != first && o != others[6] {
					want = WriteAborted
				} else if c.want == canceledFailure {
					want = Canceled
				}
				if o.failure.Code != want {
					t.Errorf("outcome %+v, want code %d", o.failure, want)
				}
			}
			if !tried {
				t.Error("there was one turn only")
			}
		})
	}
}

// atLock stops the goroutine that takes a lock for the nth time.
type atLock struct {
	holds
	armed atomic.Bool
	mu    *sync.Mutex
	n     int
	stop  func()
}

func (s *atLock) Lock(mu *sync.Mutex) {
	if mu == s.mu && s.armed.Load() {
		if s.n--; s.n == 0 {
			s.armed.Store(false)
			s.stop()
		}
	}
	mu.Lock()
}

// A connect succeeds between two turns of a Shutdown, which refuses the operations that
// wait for it: none of them is sent, though some are still queued.
func TestConnectedBetweenTheTurnsOfAShutdown(t *testing.T) {
	k, reached, submitted, drained := &script{t: t, now: 1}, make(chan bool), make(chan bool), make(chan bool)
	steps := &atLock{n: 3, stop: func() { close(reached); <-submitted }}
	p := NewPort(Options{Kernel: k, Poller: pollerOf{k}, Steps: steps, EndsPerTurn: 2})
	h, _ := p.AddHandle(7, false, nil)
	steps.mu = &h.mu
	connect := newOperation(backend.Connect, h, 0)
	others := make([]Operation, 9)
	for i := range others {
		others[i] = newOperation(backend.Write+backend.Kind(i%2), h, 1)
	}
	k.onConnect = func() {
		p.Submit(others, false)
		steps.armed.Store(true)
		go func() { h.drain(); close(drained) }()
		<-reached
	}
	p.Submit([]Operation{connect}, false)
	late := newOperation(backend.Write, h, 1)
	p.Submit([]Operation{late}, false)
	close(submitted)
	<-drained
	for range len(others) + 2 {
		o := p.Next(context.Background()).(*operation)
		if want := closedFailure; o != connect && o.failure != want || o == connect && o.failure != nil {
			t.Errorf("%v: outcome %+v", o.kind, o.failure)
		}
	}
	p.Close()
}

// A write that ended after some of its bytes breaks its direction until it is delivered,
// in whichever way, and the next such write breaks it again.
func TestBrokenUntilDelivered(t *testing.T) {
	for _, started := range []bool{false, true} {
		k, p, h := newScript(t)
		deliver := func(o *operation) {
			if started {
				p.Wait(context.Background(), o)
			} else if got := p.Next(context.Background()); got != Operation(o) {
				t.Fatalf("dequeued %v", got)
			}
		}
		for range 3 { // one broken write after the other
			half, behind := newOperation(backend.Write, h, 8), newOperation(backend.Write, h, 8)
			k.write = append(k.write, func([]byte) (int, syscall.Errno) { p.Cancel(half); return 3, 0 })
			p.Submit([]Operation{half}, started)
			k.calls = 0
			p.Submit([]Operation{behind}, true)
			finish, empty := newOperation(backend.CloseWrite, h, 0), newOperation(backend.Write, h, 0)
			p.Submit([]Operation{finish, empty}, true)
			for _, o := range []*operation{finish, empty, behind} {
				p.Wait(context.Background(), o)
				if n, f, _ := Outcome(&o.Record); n != 0 || f != abortedFailure {
					t.Fatalf("outcome %d, %+v", n, f)
				}
			}
			overdue := newOperation(backend.Write, h, 8)
			overdue.deadline = 1
			p.Submit([]Operation{overdue}, true)
			p.Wait(context.Background(), overdue)
			if overdue.failure != deadlineFailure {
				t.Fatalf("outcome %+v", overdue.failure)
			}
			if k.calls != 0 {
				t.Fatal("something was sent behind half of a write")
			}
			deliver(half)
			k.write = append(k.write, gives(8, 0))
			k.edge(h, backend.Writable)
			p.Submit([]Operation{behind}, started)
			deliver(behind)
			if behind.failure != nil || k.calls != 1 {
				t.Fatalf("%d calls, %+v", k.calls, behind.failure)
			}
		}
		p.Close()
	}
}

func TestNativeBrokenUntilDelivered(t *testing.T) {
	k, p, h := newNative(t)
	half, later := newOperation(backend.Write, h, 10), newOperation(backend.Write, h, 1)
	p.Submit([]Operation{half}, false)
	k.end(h, out, 3, errReset)
	look(p)
	p.Submit([]Operation{later}, true)
	p.Wait(context.Background(), later)
	if later.failure != abortedFailure || len(k.begun) != 1 {
		t.Errorf("outcome %+v, %d were begun", later.failure, len(k.begun))
	}
	if got := p.Next(context.Background()); got != Operation(half) || half.n != 3 {
		t.Errorf("dequeued %v", got)
	}
	p.Submit([]Operation{later}, false)
	k.end(h, out, 1, 0)
	ends(t, p, later, 1, nil)
	k.atRest(p)
}

// Operations that are still queued when the broken write is delivered were submitted
// before, and are aborted. Operations that come later are sent, whichever of those before
// them are cancelled in between.
func TestDeliveredBetweenTheTurns(t *testing.T) {
	const queued = 9
	for name, cancelled := range map[string][]int{
		"None":                   {},
		"TheLast":                {8},
		"OneInTheMiddle":         {6},
		"TheLastThenTheOneAhead": {8, 7},
		"FromTheLastToTheFirst":  {8, 7, 6, 5, 4, 3, 2, 1, 0},
		"FromTheFirstToTheLast":  {0, 1, 2, 3, 4, 5, 6, 7, 8},
	} {
		t.Run(name, func(t *testing.T) {
			k, p, h := newScript(t)
			p.endsPerTurn = 2
			half := newOperation(backend.Write, h, 8)
			k.write = append(k.write, gives(3, 0))
			p.Submit([]Operation{half}, false)
			behind := make([]Operation, queued)
			for i := range behind {
				behind[i] = newOperation(backend.Write, h, 1)
			}
			p.Submit(behind, true)
			p.Cancel(half)
			ends(t, p, half, 3, canceledFailure)
			after := [2]*operation{newOperation(backend.Write, h, 2), newOperation(backend.CloseWrite, h, 0)}
			for _, o := range after {
				p.Submit([]Operation{o}, true)
			}
			isCancelled := map[int]bool{}
			for _, i := range cancelled {
				isCancelled[i] = p.Cancel(behind[i])
			}
			k.write = append(k.write, gives(2, 0))
			k.edge(h, backend.Writable)
			for i, o := range behind {
				p.Wait(context.Background(), o)
				want := abortedFailure
				if isCancelled[i] {
					want = canceledFailure
				}
				if n, f, _ := Outcome(o.self()); n != 0 || f != want {
					t.Errorf("write %d: outcome %d, %+v", i, n, f)
				}
			}
			if len(cancelled) > 0 && !isCancelled[cancelled[0]] && len(cancelled) < queued {
				t.Error("all were aborted in one turn")
			}
			for _, o := range after {
				p.Wait(context.Background(), o)
				if o.failure != nil {
					t.Errorf("%v submitted after the delivery: %+v", o.kind, o.failure)
				}
			}
			if h.state&broken != 0 || len(k.write) != 0 {
				t.Error("the direction is still broken")
			}
			p.Close()
		})
	}
}
