package porttest

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Those with many connections are in late_many.go, those with large pools in late_large.go.
var lateCases = append([]testCase{
	bufferComesWithTheData,
	neitherBufferNorPoolPanics,
	bothBufferAndPoolPanics,
	noBufferAtTheEndOfStream,
	noBufferOnError,
	fullReadTakesOneBuffer,
	fullReadCutShortBringsItsBuffer,
	cancelledFullReadBringsItsBuffer,
	startedReadBringsItsBuffer,
	emptyPoolIsWaitedFor,
	firstComeFirstServed,
	poolWaiterCancelled,
	poolWaiterWithDeadline,
	poolWaiterWhoseSocketIsClosed,
	poolWaiterWhosePortIsClosed,
	promisedThenCancelled,
	promisedThenClosed,
	promisedBufferIsNotTaken,
	ownBufferBehindStarvedRead,
	twoPoolsOnOneSocket,
	releaseWakesParkedDequeuer,
}, append(lateManyCases, lateLargeCases...)...)

// starved is a pool with one buffer, which the case holds, and pooled reads that
// have data and wait for it, longest first.
type starved struct {
	pool    *completion.Pool
	held    *completion.Buffer
	sockets []*completion.Socket
	peers   []*peer
	reads   []*ops.Read
}

// newStarved makes n starved reads. Each has "data" to read, and its number.
func newStarved(e *env, p *completion.Port, n int) *starved {
	e.Helper()
	w := &starved{pool: e.pool(p, 5, 1)}
	w.held = w.pool.Take()
	for i := range n {
		s, c := e.pair(p)
		// Once the read before it has ended, the pooled one has been tried.
		first := &ops.Read{From: s, Buf: own(1), Full: true}
		late := &ops.Read{From: s, Pool: w.pool, Full: true}
		e.submit(p, first, late)
		c.send(fmt.Sprintf("!data%d", i))
		e.expect(p, first, nil)
		e.idle(p)
		w.sockets, w.peers, w.reads = append(w.sockets, s), append(w.peers, c), append(w.reads, late)
	}
	equal(e, "lent", w.pool.Lent(), 1)
	return w
}

// served checks that read i ends next, with its data and the one buffer, and
// takes the buffer.
func (w *starved) served(e *env, p *completion.Port, i int) {
	e.Helper()
	e.expect(p, w.reads[i], nil)
	equal(e, "bytes", string(w.reads[i].Buf.Bytes()), fmt.Sprintf("data%d", i))
	equal(e, "lent", w.pool.Lent(), 1)
	w.held = w.reads[i].Buf
}

// lateNothing checks that a pooled read came back with that error and without a
// buffer.
func lateNothing(e *env, r *ops.Read, want error) {
	e.Helper()
	is(e, r.Err(), want)
	lateEmpty(e, r)
}

// lateEmpty checks that a pooled read came back without a buffer.
func lateEmpty(e *env, r *ops.Read) {
	e.Helper()
	equal(e, "N", r.N(), 0)
	if r.Buf != nil {
		e.Fatal("it has a buffer")
	}
}

func bufferComesWithTheData(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 10, 1)
	r := &ops.Read{From: s, Pool: pool}
	for i := range 3 {
		e.submit(p, r)
		e.idle(p)
		equal(e, "lent to a read that waits", pool.Lent(), 0)
		c.send(string(rune('a' + i)))
		e.expect(p, r, nil)
		equal(e, "lent", pool.Lent(), 1)
		equal(e, "bytes", string(r.Buf.Bytes()), string(rune('a'+i)))
		equal(e, "N", r.N(), 1)
		equal(e, "memory", len(r.Buf.Memory()), 10)
		r.Buf.Release()
		r.Buf = nil
		equal(e, "lent", pool.Lent(), 0)
	}
}

func neitherBufferNorPoolPanics(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	submitRefused(e, p, "neither", &ops.Read{From: s})
}

func bothBufferAndPoolPanics(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 4, 1)
	submitRefused(e, p, "both", &ops.Read{From: s, Pool: pool, Buf: own(1)})
	// So does a pooled read that was delivered and still has its buffer.
	r := &ops.Read{From: s, Pool: pool}
	c.send("x")
	e.submit(p, r)
	e.expect(p, r, nil)
	submitSentence(e, panics(e, func() { p.Submit(r) }), "both")
	equal(e, "bytes", string(r.Buf.Bytes()), "x")
	r.Buf.Release()
}

func noBufferAtTheEndOfStream(e *env) { e.endOfStream(1) }

// endOfStream has a pool of so many buffers.
func (e *env) endOfStream(buffers int) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 4, buffers)
	r := &ops.Read{From: s, Pool: pool}
	c.send("last")
	c.closeWrite()
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "last")
	r.Buf.Release()
	for i := range 3 {
		r.Buf, r.Full = nil, i == 1
		e.submit(p, r)
		e.expect(p, r, io.EOF)
		lateNothing(e, r, io.EOF)
		equal(e, "lent", pool.Lent(), 0)
	}
}

func noBufferOnError(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 4, 1)
	s, c := e.pair(p)
	r := &ops.Read{From: s, Pool: pool}
	e.submit(p, r)
	equal(e, "cancelled", p.Cancel(r), true)
	e.expect(p, r, completion.ErrCanceled)
	lateNothing(e, r, completion.ErrCanceled)
	r.Deadline = completion.After(-1)
	e.submit(p, r)
	e.expect(p, r, os.ErrDeadlineExceeded)
	lateNothing(e, r, os.ErrDeadlineExceeded)
	r.Deadline = completion.After(5 * time.Millisecond)
	e.submit(p, r)
	e.expect(p, r, os.ErrDeadlineExceeded)
	lateNothing(e, r, os.ErrDeadlineExceeded)
	r.Deadline = 0
	e.submit(p, r)
	c.reset()
	if e.next(p) != completion.Operation(r) || r.Err() == nil || r.Err() == io.EOF {
		e.Fatalf("a reset is %v", r.Err())
	}
	lateEmpty(e, r)
	s.Close()
	e.submit(p, r)
	e.expect(p, r, net.ErrClosed)
	lateNothing(e, r, net.ErrClosed)
	equal(e, "lent", pool.Lent(), 0)
	b := pool.Take() // the pool is whole
	if b == nil {
		e.Fatal("the pool has lost its buffer")
	}
	b.Release()
}

func fullReadTakesOneBuffer(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 6, 2)
	r := &ops.Read{From: s, Pool: pool, Full: true}
	e.submit(p, r)
	for _, part := range []string{"a", "bc", "de"} {
		c.send(part)
		e.idle(p)
		if n := pool.Lent(); n > 1 {
			e.Fatalf("%d buffers for one read", n)
		}
	}
	c.send("fgh")
	e.expect(p, r, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "abcdef")
	equal(e, "lent", pool.Lent(), 1)
	r.Buf.Release()
	got, err := streamRead(e, p, s, 2)
	is(e, err, nil)
	equal(e, "the rest", got, "gh")
}

func fullReadCutShortBringsItsBuffer(e *env) { e.fullReadCutShort(1) }

// fullReadCutShort has a pool of so many buffers.
func (e *env) fullReadCutShort(buffers int) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 6, buffers)
	r := &ops.Read{From: s, Pool: pool, Full: true}
	e.submit(p, r)
	c.send("abc")
	c.closeWrite()
	e.expect(p, r, io.ErrUnexpectedEOF)
	equal(e, "N", r.N(), 3)
	equal(e, "bytes", string(r.Buf.Bytes()), "abc")
	r.Buf.Release()
}

func cancelledFullReadBringsItsBuffer(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 6, 1)
	first := &ops.Read{From: s, Buf: own(1), Full: true}
	r := &ops.Read{From: s, Pool: pool, Full: true}
	e.submit(p, first, r)
	c.send("!abc")
	e.expect(p, first, nil)
	e.idle(p)
	equal(e, "cancelled", p.Cancel(r), true)
	e.expect(p, r, completion.ErrCanceled)
	equal(e, "N", r.N(), 3)
	equal(e, "bytes", string(r.Buf.Bytes()), "abc")
	r.Buf.Release()
}

func startedReadBringsItsBuffer(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 4, 1)
	r := &ops.Read{From: s, Pool: pool}
	e.start(p, r)
	c.send("x")
	is(e, p.Wait(e.ctx, r), nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "x")
	r.Buf.Release()
	r.Buf = nil
	c.closeWrite()
	is(e, p.Await(e.ctx, r), io.EOF)
	lateNothing(e, r, io.EOF)
}

func emptyPoolIsWaitedFor(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 1)
	equal(e, "in flight", p.Stats().InFlight, 1)
	w.held.Release()
	w.served(e, p, 0)
	w.held.Release()
}

func firstComeFirstServed(e *env) {
	const n = 8
	p := e.port(nil)
	w := newStarved(e, p, n)
	for i := range n {
		w.held.Release()
		w.served(e, p, i)
		e.idle(p) // the others still wait
	}
	w.held.Release()
}

func poolWaiterCancelled(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 4)
	for _, i := range []int{0, 2} { // the first of those who wait, and one in between
		equal(e, "cancelled", p.Cancel(w.reads[i]), true)
		e.expect(p, w.reads[i], completion.ErrCanceled)
		lateNothing(e, w.reads[i], completion.ErrCanceled)
	}
	for _, i := range []int{1, 3} {
		w.held.Release()
		w.served(e, p, i)
	}
	w.held.Release()
	// What the cancelled one did not read is still there.
	got, err := streamRead(e, p, w.sockets[0], 5)
	is(e, err, nil)
	equal(e, "bytes", got, "data0")
}

func poolWaiterWithDeadline(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 2)
	equal(e, "in flight", p.SetDeadline(w.reads[0], completion.After(5*time.Millisecond)), true)
	equal(e, "in flight", p.SetDeadline(w.reads[1], completion.After(time.Hour)), true)
	e.expect(p, w.reads[0], os.ErrDeadlineExceeded)
	lateNothing(e, w.reads[0], os.ErrDeadlineExceeded)
	w.held.Release()
	w.served(e, p, 1)
	w.held.Release()
}

func poolWaiterWhoseSocketIsClosed(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 3)
	is(e, w.sockets[0].Close(), nil)
	e.expect(p, w.reads[0], net.ErrClosed)
	lateNothing(e, w.reads[0], net.ErrClosed)
	is(e, w.sockets[1].Close(), nil)
	e.expect(p, w.reads[1], net.ErrClosed)
	w.held.Release()
	w.served(e, p, 2)
	w.held.Release()
}

func poolWaiterWhosePortIsClosed(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 3)
	is(e, p.Close(), nil)
	for range 3 {
		lateNothing(e, e.next(p).(*ops.Read), net.ErrClosed)
	}
	equal(e, "lent", w.pool.Lent(), 1)
	w.held.Release()
	w.pool.Take().Release() // a pool outlives its port
}

// The buffer was given back for the first read, but nothing was read yet when
// that one goes: the next must get it.
func promisedThenCancelled(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 3)
	w.held.Release()
	equal(e, "cancelled", p.Cancel(w.reads[0]), true)
	e.expect(p, w.reads[0], completion.ErrCanceled)
	lateNothing(e, w.reads[0], completion.ErrCanceled)
	w.served(e, p, 1)
	w.held.Release()
	w.served(e, p, 2)
	w.held.Release()
}

func promisedThenClosed(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 2)
	w.held.Release()
	is(e, w.sockets[0].Close(), nil)
	e.expect(p, w.reads[0], net.ErrClosed)
	lateNothing(e, w.reads[0], net.ErrClosed)
	w.served(e, p, 1)
	w.held.Release()
}

func promisedBufferIsNotTaken(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 1)
	w.held.Release()
	if w.pool.Take() != nil {
		e.Fatal("Take took what a read waits for")
	}
	w.served(e, p, 0)
	if w.pool.Take() != nil {
		e.Fatal("Take took what is lent")
	}
	w.held.Release()
	w.pool.Take().Release()
}

// Behind a read that waits for a buffer stands one that has its own.
func ownBufferBehindStarvedRead(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 1)
	behind := &ops.Read{From: w.sockets[0], Buf: own(3), Full: true}
	e.submit(p, behind)
	w.peers[0].send("end")
	e.idle(p) // nobody overtakes
	w.held.Release()
	w.served(e, p, 0)
	w.held.Release()
	e.expect(p, behind, nil)
	equal(e, "bytes", string(behind.Buf.Bytes()), "end")
}

// The second pool has buffers, but its read is behind one of an empty pool.
func twoPoolsOnOneSocket(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 1)
	rich := e.pool(p, 4, 2)
	behind := &ops.Read{From: w.sockets[0], Pool: rich, Full: true}
	e.submit(p, behind)
	w.peers[0].send("rich")
	e.idle(p)
	equal(e, "lent by the second pool", rich.Lent(), 0)
	equal(e, "cancelled", p.Cancel(w.reads[0]), true)
	e.expect(p, w.reads[0], completion.ErrCanceled)
	e.expect(p, behind, nil) // what the cancelled one did not read
	equal(e, "bytes", string(behind.Buf.Bytes()), "data")
	behind.Buf.Release()
	w.held.Release()
	equal(e, "lent by the first pool", w.pool.Lent(), 0)
}

func releaseWakesParkedDequeuer(e *env) {
	for range 20 {
		p := e.port(nil)
		w := newStarved(e, p, 1)
		done := make(chan error, 1)
		go func() {
			_, err := p.Next(e.ctx)
			done <- err
		}()
		for !p.Stats().Parked {
			runtime.Gosched()
		}
		w.held.Release() // from another goroutine than the one that sleeps
		is(e, <-done, nil)
		equal(e, "bytes", string(w.reads[0].Buf.Bytes()), "data0")
		w.reads[0].Buf.Release()
		is(e, p.Close(), nil)
	}
}
