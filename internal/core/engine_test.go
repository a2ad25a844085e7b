package core

import (
	"bytes"
	"context"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// errReset is the errno of a reset in these tests. A system's errnos fit into 16 bits; the
// numbers that package syscall has made up for Windows don't.
const errReset = syscall.Errno(104)

// script is a kernel and a poller that do what a test orders, at the step it orders. No
// real kernel can be made to do that on purpose.
type script struct {
	t      *testing.T
	now    int64
	read   []func(p []byte) (int, syscall.Errno) // one a call
	write  []func(p []byte) (int, syscall.Errno)
	events []backend.Event
	calls  int
	closed []int

	connect   []syscall.Errno // of Connect, then of Connected; then 0
	onConnect func()
	onClose   func(fd int)
	idle      bool // calls for which there is no step find nothing to do

	onWait func()
	woken  bool
}

func (k *script) Now() int64 { return k.now }
func (k *script) Read(_ int, p []byte) (int, syscall.Errno) {
	return k.step(&k.read, p)
}
func (k *script) Write(_ int, p []byte) (int, syscall.Errno) {
	return k.step(&k.write, p)
}

// ReadV and WriteV are one step, for all parts as one.
func (k *script) ReadV(_ int, parts [][]byte) (int, syscall.Errno) {
	p := make([]byte, len(bytes.Join(parts, nil)))
	n, errno := k.step(&k.read, p)
	for rest := p[:n]; len(rest) > 0; parts = parts[1:] {
		rest = rest[copy(parts[0], rest):]
	}
	return n, errno
}
func (k *script) WriteV(_ int, parts [][]byte) (int, syscall.Errno) {
	return k.step(&k.write, bytes.Join(parts, nil))
}

func (k *script) step(steps *[]func([]byte) (int, syscall.Errno), p []byte) (int, syscall.Errno) {
	k.calls++
	if len(*steps) == 0 && k.idle {
		return 0, syscall.EAGAIN
	}
	if len(*steps) == 0 {
		k.t.Fatalf("call %d: none was to come", k.calls)
	}
	f := (*steps)[0]
	*steps = (*steps)[1:]
	return f(p)
}

func (k *script) Connect(fd int, _ backend.Address) syscall.Errno {
	if f := k.onConnect; f != nil {
		f()
	}
	return k.Connected(fd)
}
func (k *script) Connected(int) (errno syscall.Errno) {
	if len(k.connect) > 0 {
		errno, k.connect = k.connect[0], k.connect[1:]
	}
	return errno
}

func (k *script) Accept(int) (int, syscall.Errno) { return -1, syscall.EAGAIN }
func (k *script) CloseWrite(int) syscall.Errno    { return 0 }
func (k *script) Receive(int, []backend.Message) (int, syscall.Errno) {
	return 0, syscall.EAGAIN
}
func (k *script) Send(_ int, m []backend.Message) (int, syscall.Errno) { return len(m), 0 }
func (k *script) Close(fd int) syscall.Errno {
	k.closed = append(k.closed, fd)
	return k.whenClosed(fd)
}
func (k *script) Classify(_ backend.Kind, e syscall.Errno) backend.Class {
	switch e {
	case syscall.EAGAIN:
		return backend.WouldBlock
	case syscall.EINTR:
		return backend.Again
	case errReset:
		return backend.Fatal
	case syscall.EPIPE:
		return backend.BrokenPipe
	}
	return backend.Failed
}

func (k *script) Arm(int, uint32) syscall.Errno { return 0 }
func (k *script) Disarm(int)                    {}
func (k *script) SetTimeout(int64)              {}
func (k *script) Wake(backend.Waiting)          { k.woken = true }
func (k *script) Wait(how backend.Waiting, events []backend.Event) (int, bool) {
	if f := k.onWait; f != nil {
		k.onWait = nil
		f()
	}
	if k.woken {
		k.woken = false
		return 0, true
	}
	if how != backend.Look && len(k.events) == 0 {
		k.t.Fatal("the leader goes to sleep, and nothing would wake it")
	}
	n := copy(events, k.events)
	k.events = k.events[n:]
	return n, false
}

// pollerOf keeps the two Close methods apart.
type pollerOf struct{ *script }

func (pollerOf) Close() error { return nil }

// operation is an operation of this package's tests.
type operation struct {
	Record
	kind   backend.Kind
	handle *Handle
	buffer Buffer
	full   bool

	deadline int64
	due      int64 // of a timer
	address  backend.Address

	run       func(context.Context, any) (Result, error) // of a dial
	delivered int
	result    Result
}

func (o *operation) N() int {
	n, _, _ := Outcome(&o.Record)
	return int(n)
}

func (o *operation) Err() error { return nil } // the engine knows failures, and no errors

func (o *operation) Describe(r *Request) {
	r.Kind, r.Handle, r.Buffer, r.Full, r.Due = o.kind, o.handle, &o.buffer, o.full, o.due
	r.Deadline, r.Address, r.Run = o.deadline, &o.address, o.run
}
func (o *operation) Deliver(r Result) { o.delivered, o.result = o.delivered+1, r }

// edgeOf makes the port take an edge, as its leader does.
func edgeOf(p *Port, e backend.Event) {
	o := p.serve(e)
	p.publish(&o)
}

// takeMany makes the next dequeuer look at I/O first, as after many loop bodies.
func takeMany(p *Port) {
	for range 64 {
		p.guarded.scheduler.ItemTaken()
	}
}

func newScript(t *testing.T) (*script, *Port, *Handle) {
	k := &script{t: t, now: 1}
	p := NewPort(Options{Kernel: k, Poller: pollerOf{k}})
	h, failure := p.AddHandle(7, true, nil)
	if failure != nil {
		t.Fatal(failure)
	}
	return k, p, h
}

func newOperation(kind backend.Kind, h *Handle, n int) *operation {
	o := &operation{kind: kind, handle: h}
	o.buffer.Set(make([]byte, n))
	return o
}

func gives(n int, errno syscall.Errno) func([]byte) (int, syscall.Errno) {
	return func([]byte) (int, syscall.Errno) { return n, errno }
}

// ends checks that o is the next finished operation, and its count and failure.
func ends(t *testing.T, p *Port, o *operation, n int64, f *Failure) {
	t.Helper()
	if got := p.Next(context.Background()); got != Operation(o) {
		t.Fatalf("dequeued %v, want %v", got, o)
	}
	gotN, gotF, ok := Outcome(&o.Record)
	same := gotF == f
	if gotF != nil && gotF.breaks { // a failure of its own
		same = f != nil && gotF.Code == f.Code && gotF.Handle == o.handle
	}
	if !ok || gotN != n || !same {
		t.Fatalf("outcome %d, %+v, %v; want %d, %+v", gotN, gotF, ok, n, f)
	}
}

func (k *script) edge(h *Handle, r backend.Readiness) {
	k.events = append(k.events, backend.Event{FD: int(h.fd), Generation: h.generation, Ready: r})
}

func TestEdgeDuringTheCallIsNotLost(t *testing.T) {
	k, p, h := newScript(t)
	read := newOperation(backend.Read, h, 8)
	k.edge(h, backend.Readable)
	k.read = append(k.read,
		func([]byte) (int, syscall.Errno) {
			// Data comes after the kernel has looked and before the owner is back.
			edgeOf(p, backend.Event{FD: 7, Generation: h.generation, Ready: backend.Readable})
			return 0, syscall.EAGAIN
		},
		gives(3, 0))
	p.Submit([]Operation{read}, false)
	ends(t, p, read, 3, nil)
}

func TestEdgeDuringAShortWriteIsNotLost(t *testing.T) {
	k, p, h := newScript(t)
	write := newOperation(backend.Write, h, 8)
	k.write = append(k.write,
		func([]byte) (int, syscall.Errno) {
			edgeOf(p, backend.Event{FD: 7, Generation: h.generation, Ready: backend.Writable})
			return 5, 0
		},
		gives(3, 0))
	p.Submit([]Operation{write}, false)
	ends(t, p, write, 8, nil)
}

func TestStaleEventIsDropped(t *testing.T) {
	k, p, h := newScript(t)
	h.Close()
	again, _ := p.AddHandle(7, true, nil)
	read := newOperation(backend.Read, again, 8)
	p.Submit([]Operation{read}, false)
	k.edge(h, backend.Readable) // of the first owner of number 7
	k.edge(again, backend.Readable)
	k.read = append(k.read, gives(1, 0))
	ends(t, p, read, 1, nil)
	if got := p.Stats().StaleEvents; got != 1 {
		t.Errorf("%d stale events, want 1", got)
	}
}

func TestShortReadAfterHangUpReadsOn(t *testing.T) {
	k, p, h := newScript(t)
	one, two := newOperation(backend.Read, h, 8), newOperation(backend.Read, h, 8)
	p.Submit([]Operation{one, two}, false)
	k.edge(h, backend.Readable|backend.StopsShort) // data and the end of the stream share an edge
	k.read = append(k.read, gives(5, 0), gives(0, 0))
	ends(t, p, one, 5, nil)
	ends(t, p, two, 0, endOfFile)
}

func TestIntentDuringTheCall(t *testing.T) {
	for _, c := range []struct {
		name  string
		n     int
		errno syscall.Errno
		want  *Failure
	}{
		{"ResultFirst", 4, 0, nil},
		{"NoResult", 0, syscall.EAGAIN, canceledFailure},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, p, h := newScript(t)
			read := newOperation(backend.Read, h, 8)
			k.edge(h, backend.Readable)
			k.read = append(k.read, func([]byte) (int, syscall.Errno) {
				if !p.Cancel(read) || p.Cancel(read) {
					t.Error("the first cancel is recorded, the second is not")
				}
				h.Close() // too late to decide anything
				if len(k.closed) != 0 {
					t.Error("the descriptor was closed inside a call")
				}
				return c.n, c.errno
			})
			p.Submit([]Operation{read}, false)
			ends(t, p, read, int64(c.n), c.want)
			if len(k.closed) != 1 {
				t.Errorf("closed %v, want 7 once", k.closed)
			}
		})
	}
}

func TestPartialWriteCancelledDuringTheCall(t *testing.T) {
	k, p, h := newScript(t)
	first, second, finish := newOperation(backend.Write, h, 8), newOperation(backend.Write, h, 8), newOperation(backend.CloseWrite, h, 0)
	k.write = append(k.write, func([]byte) (int, syscall.Errno) {
		p.Cancel(first)
		return 3, 0
	})
	p.Submit([]Operation{first, second, finish}, false)
	ends(t, p, first, 3, canceledFailure)
	ends(t, p, second, 0, abortedFailure)
	ends(t, p, finish, 0, abortedFailure)
}

func TestInterruptedCallIsMadeAgain(t *testing.T) {
	k, p, h := newScript(t)
	write := newOperation(backend.Write, h, 2)
	k.write = append(k.write, gives(0, syscall.EINTR), gives(2, 0))
	p.Submit([]Operation{write}, false)
	ends(t, p, write, 2, nil)
}

// The owner of a direction that has made its share of calls leaves the rest to the ready
// list: no edge will come for it.
func TestBudgetLeavesTheRestToTheReadyList(t *testing.T) {
	const size = gatheredBytes/2 + 1 // so that each leaves alone
	k, p, h := newScript(t)
	writes := make([]Operation, 3*turnBudget)
	for i := range writes {
		writes[i] = newOperation(backend.Write, h, size)
		k.write = append(k.write, gives(size, 0))
	}
	p.Submit(writes, false)
	if k.calls >= len(writes) {
		t.Errorf("one turn made %d calls", k.calls)
	}
	for _, w := range writes {
		ends(t, p, w.(*operation), size, nil)
	}
}

// A dequeuer that must look at I/O first releases the lock for it. The operations in the
// queue may be gone afterwards, and that must not count as the end.
func TestItemTakenByAnotherDuringTheLook(t *testing.T) {
	k, p, _ := newScript(t)
	taken, left := &operation{kind: backend.Post}, &operation{kind: backend.Post}
	p.Submit([]Operation{taken}, false)
	takeMany(p)
	k.onWait = func() {
		ends(t, p, taken, 0, nil)
		p.Submit([]Operation{left}, false)
		k.onWait = nil
	}
	ends(t, p, left, 0, nil)

	p.Submit([]Operation{taken}, false)
	takeMany(p)
	k.onWait = func() {
		ends(t, p, taken, 0, nil)
		k.onWait = func() { p.Submit([]Operation{left}, false) }
	}
	ends(t, p, left, 0, nil)
}

func TestResetIsRememberedForTheReadBehind(t *testing.T) {
	k, p, h := newScript(t)
	write, read := newOperation(backend.Write, h, 1), newOperation(backend.Read, h, 8)
	k.write = append(k.write, gives(0, errReset))
	p.Submit([]Operation{write}, false)
	p.Next(context.Background())
	k.edge(h, backend.Readable)
	k.read = append(k.read, gives(0, 0))
	p.Submit([]Operation{read}, false)
	p.Next(context.Background())
	if _, f, _ := Outcome(&read.Record); f == nil || f.Errno != errReset {
		t.Errorf("outcome %+v, want the reset", f)
	}
}

// The kernel reports a reset to one call only. A read of 0 bytes or a broken pipe, while
// the other direction is in a call, must not be taken for the end before that call has
// returned.
func TestResetToldToTheOtherDirection(t *testing.T) {
	t.Run("ReadOfNothing", func(t *testing.T) {
		k, p, h := newScript(t)
		write, read := newOperation(backend.Write, h, 1), newOperation(backend.Read, h, 8)
		p.Submit([]Operation{read}, false)
		k.read = append(k.read, gives(0, 0), gives(0, 0))
		k.write = append(k.write, func([]byte) (int, syscall.Errno) {
			edgeOf(p, backend.Event{FD: 7, Generation: h.generation, Ready: backend.Readable | backend.StopsShort})
			return 0, errReset
		})
		p.Submit([]Operation{write}, false)
		bothReset(t, p, write, read)
	})
	t.Run("BrokenPipe", func(t *testing.T) {
		k, p, h := newScript(t)
		write, read := newOperation(backend.Write, h, 1), newOperation(backend.Read, h, 8)
		p.Submit([]Operation{read}, false)
		k.write = append(k.write, gives(0, syscall.EPIPE), gives(0, syscall.EPIPE))
		k.read = append(k.read, func([]byte) (int, syscall.Errno) {
			p.Submit([]Operation{write}, false)
			return 0, errReset
		})
		k.edge(h, backend.Readable)
		bothReset(t, p, read, write)
	})
}

// bothReset checks that first and then second end with the reset.
func bothReset(t *testing.T, p *Port, first, second *operation) {
	t.Helper()
	for _, want := range []*operation{first, second} {
		if got := p.Next(context.Background()); got != Operation(want) {
			t.Fatalf("dequeued %v, want %v", got, want)
		}
		if _, f, _ := Outcome(&want.Record); f == nil || f.Errno != errReset {
			t.Errorf("%v: outcome %+v, want the reset", want.kind, f)
		}
	}
}

// A timer heap with entries corrected lazily must give the order of the
// deadlines all the same.
func TestTimersInOrder(t *testing.T) {
	k, p, h := newScript(t)
	k.idle = true // what is overdue is tried once more
	const count = 200
	reads := make([]*operation, count)
	for i := range reads {
		reads[i] = newOperation(backend.Read, h, 1)
		p.Submit([]Operation{reads[i]}, false)
		p.SetDeadline(reads[i], int64(1000+(i*37)%count)) // later than it will be
	}
	for i := range reads {
		p.SetDeadline(reads[i], int64(10+(i*73)%count)) // earlier
		p.SetDeadline(reads[i], int64(500+(i*91)%count))
	}
	if p.guarded.timers.heap.count != count {
		t.Fatalf("%d entries for %d operations", p.guarded.timers.heap.count, count)
	}
	for now := int64(1); now <= 500+count; now++ {
		k.now = now
		k.edge(h, backend.Writable) // something to wake up for
		look(p)
		due := p.guarded.finished.count
		if want := now >= 500 && now < 500+count; (due == 1) != want {
			t.Fatalf("at %d: %d have ended", now, due)
		}
		if due == 1 {
			p.Next(context.Background())
		}
	}
	if p.guarded.timers.heap.count != 0 {
		t.Errorf("%d entries left", p.guarded.timers.heap.count)
	}
}

// endless is a kernel whose descriptor 7 always has data.
type endless struct {
	*script
	others int // reads of any other
	at     int // reads of 7 before the first of those
	reads  int
}

func (k *endless) Read(fd int, p []byte) (int, syscall.Errno) {
	if fd == 7 {
		k.reads++
		return len(p), 0
	}
	if k.others++; k.others == 1 {
		k.at = k.reads
	}
	return len(p), 0
}

// A direction that is on the ready list again and again must leave events their
// turn.
func TestReadyListStarvesNoEvent(t *testing.T) {
	k := &endless{script: &script{t: t, now: 1}}
	p := NewPort(Options{Kernel: k, Poller: pollerOf{k.script}})
	busy, _ := p.AddHandle(7, true, nil)
	quiet, _ := p.AddHandle(8, true, nil)
	awaited := newOperation(backend.Read, quiet, 1)
	p.Submit([]Operation{awaited}, true)
	edgeOf(p, backend.Event{FD: 7, Generation: busy.generation, Ready: backend.Readable})
	const many = 20 * turnBudget
	for range many {
		p.Submit([]Operation{newOperation(backend.Read, busy, 1)}, false)
		busy.state |= connecting // so that they queue up
	}
	busy.state &^= connecting
	p.guarded.ready.push(readyDirection{handle: busy, direction: in})
	k.edge(quiet, backend.Readable)
	p.Wait(context.Background(), awaited)
	if k.others != 1 || k.at > 4*turnBudget {
		t.Errorf("%d reads of the quiet one, after %d of the busy one", k.others, k.at)
	}
}
