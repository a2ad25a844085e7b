package porttest

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// tooMuch is more than the system's buffers of a connection hold.
const tooMuch = 4 << 20

// someOf says that an operation must have moved some of its bytes, not all.
const someOf = -1

// flight is operations of every kind, none of which ends by itself, and the
// count each must have when something else ends it.
type flight struct {
	e       *env
	port    *completion.Port
	start   bool // they are to be waited for, not dequeued
	counts  map[completion.Operation]int
	full    *peer // of the write that is some of its bytes
	order   []completion.Operation
	handles []io.Closer
	taken   []*completion.Buffer
}

// takeOff submits, or starts, one operation of every kind. Connects are not
// among them: see connecting.
func (e *env) takeOff(p *completion.Port, start bool) *flight {
	e.Helper()
	f := &flight{e: e, port: p, start: start, counts: make(map[completion.Operation]int)}
	l := e.listen(p, "tcp4")
	f.handles = append(f.handles, l)
	f.add(0, &ops.Accept{On: l})
	f.reads()
	f.writes()
	e.idle(p)
	return f
}

func (f *flight) pair() (*completion.Socket, *peer) {
	f.e.Helper()
	s, other := f.e.pair(f.port)
	f.handles = append(f.handles, s)
	return s, other
}

func (f *flight) add(count int, operations ...completion.Operation) {
	f.e.Helper()
	for _, op := range operations {
		f.counts[op] = count
		f.order = append(f.order, op)
		if f.start {
			f.e.start(f.port, op)
		} else {
			f.e.submit(f.port, op)
		}
	}
}

func (f *flight) reads() {
	f.e.Helper()
	s, _ := f.pair()
	f.add(0, &ops.Read{From: s, Buf: own(8)}, &ops.Read{From: s, Buf: own(8)})
	s, other := f.pair()
	f.add(3, &ops.Read{From: s, Buf: own(8), Full: true})
	other.send("abc")
	s, _ = f.pair()
	f.add(0, &ops.Read{From: s, Pool: f.e.pool(f.port, 8, 1)})
	// Data is there, but no buffer.
	pool := f.e.pool(f.port, 8, 1)
	f.taken = append(f.taken, pool.Take())
	s, other = f.pair()
	other.send("abc")
	f.add(0, &ops.Read{From: s, Pool: pool})
}

func (f *flight) writes() {
	f.e.Helper()
	s, other := f.e.narrow(f.port)
	f.handles, f.full = append(f.handles, s), other
	w := &ops.Write{To: s, Buf: own(tooMuch)}
	f.e.fill(f.port, w, other, f.start)
	f.counts[w], f.order = someOf, append(f.order, w)
	f.add(0, &ops.Write{To: s, Buf: own(8)}, &ops.CloseWrite{On: s})
}

// narrow is pair with a small send buffer, so that a write blocks soon. The
// peer's buffer is left alone: with one below a segment's size TCP crawls.
func (e *env) narrow(p *completion.Port) (*completion.Socket, *peer) {
	e.Helper()
	s, other := e.pair(p)
	e.setWriteBuffer(s, 64<<10)
	return s, other
}

// timer adds one that never fires.
func (f *flight) timer() { f.e.Helper(); f.add(0, &ops.Timer{After: time.Hour}) }

// landed checks one of them after it was delivered: the first time, closed,
// and with the right count.
func (f *flight) landed(op completion.Operation) {
	f.e.Helper()
	want, there := f.counts[op]
	if !there {
		f.e.Fatalf("%T %p was delivered, not expected or twice", op, op)
	}
	delete(f.counts, op)
	f.e.outcome(op, net.ErrClosed)
	n := op.N()
	if want == someOf {
		f.e.sentHalf(op.(*ops.Write), f.full)
	} else if n != want {
		f.e.Fatalf("%T moved %d bytes, want %d", op, n, want)
	}
	switch op := op.(type) {
	case *ops.Accept:
		equal(f.e, "accepted", op.Conn, nil)
	case *ops.Read:
		if op.Pool != nil {
			equal(f.e, "late buffer", op.Buf, nil)
			return
		}
		equal(f.e, "length", op.Buf.Len(), n)
	}
}

// done checks that all have landed, and gives back what was taken for them.
func (f *flight) done() {
	f.e.Helper()
	equal(f.e, "operations not delivered", len(f.counts), 0)
	for _, b := range f.taken {
		b.Release()
	}
}

// connecting submits connects to a listener that takes no more of them, so
// that some stay under way, the last among them.
func (e *env) connecting(p *completion.Port) []*ops.Connect {
	e.Helper()
	l, err := completion.ListenConfig{Backlog: 1}.Listen(p, "tcp4", "127.0.0.1:0")
	if err != nil {
		e.Fatal(err)
	}
	var connects []*ops.Connect
	before := 0
	for range 16 {
		c := &ops.Connect{On: e.socket(p, "tcp4"), To: l.Addr()}
		before = p.Stats().InFlight
		e.submit(p, c)
		connects = append(connects, c)
	}
	if p.Stats().InFlight == before { // this system has answered within the call
		c := e.unansweredConnect(p)
		e.submit(p, c)
		connects = append(connects, c)
	}
	return connects
}

// connectsEnded dequeues all of them: some have found room, the others end as
// closed. FreeBSD may have taken some and reset them for want of room.
func (e *env) connectsEnded(p *completion.Port, connects []*ops.Connect) {
	e.Helper()
	closed := 0
	for range connects {
		op := e.next(p)
		if _, ok := op.(*ops.Connect); !ok {
			e.Fatalf("dequeued %T", op)
		}
		switch err := op.Err(); {
		case err == nil:
		case p.Backend() == "kqueue" && errors.Is(err, errnoReset):
		default:
			is(e, err, net.ErrClosed)
			closed++
		}
	}
	if closed == 0 {
		e.Fatal("no connect was under way")
	}
}
