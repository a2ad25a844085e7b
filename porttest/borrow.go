package porttest

import (
	"context"
	"net"
	"os"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var borrowCases = []testCase{
	borrowTakesWhatIsThere,
	borrowMakesNoCall,
	borrowWaits,
	borrowsEndInOrder,
	borrowAndReadTakeTurns,
	borrowCancelled,
	cancelledBorrowLeavesItsPlace,
	borrowPassesItsTurnOn,
	borrowWithDeadline,
	borrowBehindDeadline,
	borrowWhosePortIsClosed,
	borrowAtShutdown,
	borrowOfClosedPort,
	borrowAwaited,
	borrowBadPool,
	borrowedByMany,
}

// borrowed checks that b has ended with a buffer, and returns that.
func borrowed(e *env, p *completion.Port, b *ops.Borrow) *completion.Buffer {
	e.Helper()
	e.expect(p, b, nil)
	equal(e, "N", b.N(), len(b.Buf.Memory()))
	equal(e, "length", b.Buf.Len(), b.N())
	return b.Buf
}

// borrowedNothing checks that b has ended with that error and without a buffer.
func borrowedNothing(e *env, b *ops.Borrow, want error) {
	e.Helper()
	is(e, b.Err(), want)
	equal(e, "N", b.N(), 0)
	if b.Buf != nil {
		e.Fatal("it has a buffer")
	}
}

func borrowTakesWhatIsThere(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 7, 2)
	first, second := &ops.Borrow{Pool: pool}, &ops.Borrow{Pool: pool}
	e.submit(p, first, second)
	borrowed(e, p, first)
	copy(borrowed(e, p, second).Memory(), "1234567")
	equal(e, "lent", pool.Lent(), 2)
	first.Release()
	second.Release()
	second.Release() // of nothing
	equal(e, "lent", pool.Lent(), 0)
	e.submit(p, second)
	borrowed(e, p, second).Resize(3)
	second.Release()
}

func borrowMakesNoCall(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 7, 1)
	calls := p.Stats().Calls
	b := &ops.Borrow{Pool: pool}
	for range 3 {
		e.submit(p, b)
		borrowed(e, p, b)
		b.Release()
	}
	equal(e, "calls", p.Stats().Calls, calls)
}

func borrowWaits(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 7, 1)
	held := pool.Take()
	b := &ops.Borrow{Pool: pool}
	e.submit(p, b)
	e.idle(p)
	equal(e, "in flight", p.Stats().InFlight, 1)
	equal(e, "waits", p.Stats().PoolWaits, uint64(1))
	held.Release()
	if pool.Take() != nil {
		e.Fatal("Take took what a borrow waits for")
	}
	borrowed(e, p, b)
	b.Release()
}

func borrowsEndInOrder(e *env) {
	const n = 40 // more than one turn has
	p := e.port(nil)
	pool := e.pool(p, 7, 1)
	held := pool.Take()
	borrows := make([]ops.Borrow, n)
	for i := range borrows {
		borrows[i].Pool = pool
		e.submit(p, &borrows[i])
	}
	for i := range borrows {
		held.Release()
		held = borrowed(e, p, &borrows[i])
		e.idle(p)
	}
	held.Release()
}

// borrowAndReadTakeTurns: all borrows of a pool have one place in its queue.
func borrowAndReadTakeTurns(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 1)
	first, second := &ops.Borrow{Pool: w.pool}, &ops.Borrow{Pool: w.pool}
	e.submit(p, first, second)
	w.held.Release()
	w.served(e, p, 0)
	late := &ops.Read{From: w.sockets[0], Pool: w.pool}
	w.peers[0].send("more")
	e.submit(p, late)
	e.idle(p)
	w.held.Release()
	w.held = borrowed(e, p, first)
	w.held.Release()
	e.expect(p, late, nil)
	late.Release()
	borrowed(e, p, second)
	second.Release()
}

func borrowCancelled(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 0)
	borrows := make([]ops.Borrow, 4)
	for i := range borrows {
		borrows[i].Pool = w.pool
		e.submit(p, &borrows[i])
	}
	for _, i := range []int{0, 2} { // the first of those that wait, and one in between
		equal(e, "cancelled", p.Cancel(&borrows[i]), true)
		e.expect(p, &borrows[i], completion.ErrCanceled)
		borrowedNothing(e, &borrows[i], completion.ErrCanceled)
	}
	for _, i := range []int{1, 3} {
		w.held.Release()
		w.held = borrowed(e, p, &borrows[i])
	}
	w.held.Release()
}

// cancelledBorrowLeavesItsPlace: the next borrow has it, ahead of a read that came later.
func cancelledBorrowLeavesItsPlace(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 0)
	first, second := &ops.Borrow{Pool: w.pool}, &ops.Borrow{Pool: w.pool}
	e.submit(p, first, second)
	s, c := e.pair(p)
	late := &ops.Read{From: s, Pool: w.pool}
	c.send("data")
	e.submit(p, late)
	e.idle(p)
	equal(e, "cancelled", p.Cancel(first), true)
	e.expect(p, first, completion.ErrCanceled)
	w.held.Release()
	borrowed(e, p, second)
	second.Release()
	e.expect(p, late, nil)
	late.Release()
}

// borrowPassesItsTurnOn: the buffer was reserved for the borrow that goes.
func borrowPassesItsTurnOn(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 1)
	first, second := &ops.Borrow{Pool: w.pool}, &ops.Borrow{Pool: w.pool}
	e.submit(p, first, second)
	w.held.Release()
	w.served(e, p, 0)
	w.held.Release()
	equal(e, "cancelled", p.Cancel(first), true)
	e.expect(p, first, completion.ErrCanceled)
	borrowedNothing(e, first, completion.ErrCanceled)
	borrowed(e, p, second)
	second.Release()
}

func borrowWithDeadline(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 0)
	late := &ops.Borrow{Pool: w.pool, Op: completion.Op{Deadline: completion.After(5 * time.Millisecond)}}
	soon := &ops.Borrow{Pool: w.pool, Op: completion.Op{Timeout: time.Hour}}
	e.submit(p, late, soon)
	e.expect(p, late, os.ErrDeadlineExceeded)
	borrowedNothing(e, late, os.ErrDeadlineExceeded)
	w.held.Release()
	borrowed(e, p, soon)
	soon.Release()
}

// borrowBehindDeadline: a buffer that came in time is the result, however late the
// port looks.
func borrowBehindDeadline(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 0)
	b := &ops.Borrow{Pool: w.pool}
	e.submit(p, b)
	w.held.Release()
	p.SetDeadline(b, completion.After(-time.Second))
	borrowed(e, p, b)
	b.Release()
}

func borrowWhosePortIsClosed(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 0)
	borrows := make([]ops.Borrow, 3)
	for i := range borrows {
		borrows[i].Pool = w.pool
		e.submit(p, &borrows[i])
	}
	is(e, p.Close(), nil)
	for range borrows {
		borrowedNothing(e, e.next(p).(*ops.Borrow), net.ErrClosed)
	}
	w.held.Release()
	w.pool.Take().Release()
}

func borrowAtShutdown(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 0)
	b := &ops.Borrow{Pool: w.pool}
	e.submit(p, b)
	is(e, p.Shutdown(e.ctx), nil)
	borrowedNothing(e, e.next(p).(*ops.Borrow), net.ErrClosed)
	w.held.Release()
}

// borrowOfClosedPort: what an earlier use has acquired does not show through.
func borrowOfClosedPort(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 7, 1)
	b := &ops.Borrow{Pool: pool}
	e.submit(p, b)
	borrowed(e, p, b).Release()
	is(e, p.Close(), nil)
	is(e, p.Submit(b), net.ErrClosed)
	borrowedNothing(e, b, net.ErrClosed)
}

func borrowAwaited(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 0)
	b := &ops.Borrow{Pool: w.pool}
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	is(e, p.Await(ctx, b), context.Canceled)
	borrowedNothing(e, b, context.Canceled)
	w.held.Release()
	is(e, p.Await(e.ctx, b), nil)
	equal(e, "N", b.N(), 5)
	b.Release()
}

func borrowBadPool(e *env) {
	p, other := e.port(nil), e.port(nil)
	submitRefused(e, p, "without a pool", new(ops.Borrow))
	submitRefused(e, p, "NewPool", &ops.Borrow{Pool: new(completion.Pool)})
	submitRefused(e, p, "another port", &ops.Borrow{Pool: e.pool(other, 1, 1)})
	pool := e.pool(p, 1, 2)
	b := &ops.Borrow{Pool: pool}
	e.submit(p, b)
	borrowed(e, p, b)
	submitRefused(e, p, "last use", b)
	b.Release()
}

// borrowedByMany: more goroutines than buffers, each of which waits for its turn.
func borrowedByMany(e *env) {
	const buffers = 3
	p := e.port(nil)
	pool := e.pool(p, 1, buffers)
	free := make(chan struct{}, buffers)
	var many sync.WaitGroup
	for i := range 8 {
		many.Go(func() {
			b := &ops.Borrow{Pool: pool}
			for n := range often(200) {
				ctx, cancel := context.WithCancel(e.ctx)
				if (n+i)%5 == 0 {
					cancel()
				}
				if p.Await(ctx, b) == nil {
					free <- struct{}{} // would block if more were lent than there are
					<-free
					b.Release()
				}
				cancel()
			}
		})
	}
	many.Wait()
	equal(e, "lent", pool.Lent(), 0)
	equal(e, "in flight", p.Stats().InFlight, 0)
}
