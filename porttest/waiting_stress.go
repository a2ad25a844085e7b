package porttest

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var waitingStressCases = []testCase{
	eachCompletionGoesToOne,
	batchesAndSinglesShareTheQueue,
	emptiedQueueIsNoClosedPort,
	dequeuersAndAwaiters,
	leavingWaitersLoseNothing,
	leavingLeadersLoseNoReadiness,
}

// shared is a port with consumers that take a fixed number together.
type shared struct {
	e     *env
	p     *completion.Port
	l     *ledger
	taken atomic.Int64
	want  int64
	stop  context.CancelFunc
	ctx   context.Context
}

func newShared(e *env, want int64) *shared {
	ctx, cancel := context.WithCancel(e.ctx)
	return &shared{e: e, p: e.port(nil), l: newLedger(e), want: want, ctx: ctx, stop: cancel}
}

// took notes an operation, and ends the consumers with the last.
func (s *shared) took(op completion.Operation) {
	s.l.take(op)
	if err := op.Err(); err != nil {
		s.e.Errorf("%T: %v", op, err)
	}
	if s.taken.Add(1) == s.want {
		s.stop()
	}
}

// dequeue takes until the context ends.
func (s *shared) dequeue() {
	for {
		op, err := s.p.Next(s.ctx)
		if err != nil {
			s.ended(err)
			return
		}
		s.took(op)
	}
}

// ended checks why a dequeuer was sent away.
func (s *shared) ended(err error) {
	if err != context.Canceled {
		s.e.Errorf("dequeue: %v", err)
	}
}

// finish checks that everything came.
func (s *shared) finish() {
	s.e.Helper()
	defer s.stop()
	s.l.settled()
	equal(s.e, "taken", s.taken.Load(), s.want)
	s.e.idle(s.p)
}

// sockets returns n sockets whose peers send count bytes each.
func (s *shared) sockets(n, count int, all *sync.WaitGroup) []*completion.Socket {
	var sockets []*completion.Socket
	for range n {
		socket, other := s.e.pair(s.p)
		sockets = append(sockets, socket)
		all.Go(func() {
			for range count {
				other.Write([]byte("x"))
			}
		})
	}
	return sockets
}

func eachCompletionGoesToOne(e *env) {
	s := newShared(e, 20_000+4*500)
	var all sync.WaitGroup
	sockets := s.sockets(4, 500, &all)
	for range 8 {
		all.Go(s.dequeue)
	}
	for i := range 4 {
		all.Go(func() {
			for n := range 5_000 {
				s.l.submit(s.p, newPost(n))
				if n%10 == 0 {
					s.l.submit(s.p, &ops.Read{From: sockets[i], Buf: own(1)})
				}
			}
		})
	}
	all.Wait()
	s.finish()
}

func batchesAndSinglesShareTheQueue(e *env) {
	s := newShared(e, 20_000)
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			switch i % 3 {
			case 0:
				s.dequeue()
			case 1:
				for op := range s.p.Completions(s.ctx) {
					s.took(op)
				}
				s.ended(s.ctx.Err())
			default:
				s.batches()
			}
		})
	}
	for range 4 {
		all.Go(func() {
			for n := range 1_000 {
				posts := make([]completion.Operation, 5)
				for i := range posts {
					posts[i] = newPost(n)
				}
				s.l.submit(s.p, posts...)
			}
		})
	}
	all.Wait()
	s.finish()
}

// emptiedQueueIsNoClosedPort: a dequeuer that looks at I/O between two items may find the
// queue emptied by others meanwhile. It waits on; the port is not closed.
func emptiedQueueIsNoClosedPort(e *env) {
	p := e.port(nil)
	for turn := range 2000 {
		ctx, stop := context.WithCancel(e.ctx)
		s := &shared{e: e, p: p, l: newLedger(e), want: 200 + int64(turn%64), ctx: ctx, stop: stop}
		for range s.want {
			s.l.submit(p, newPost(nil))
		}
		var ready atomic.Int32
		together(4, func(int) {
			ready.Add(1)
			until(func() bool { return ready.Load() == 4 }) // all at once, or the first takes all
			s.dequeue()
		})
		s.l.settled()
	}
}

func (s *shared) batches() {
	into := make([]completion.Operation, 2)
	for {
		n, err := s.p.NextBatch(s.ctx, into)
		if err != nil {
			s.ended(err)
			return
		}
		if n == 0 {
			s.e.Error("an empty batch without an error")
			return
		}
		for _, op := range into[:n] {
			s.took(op)
		}
	}
}

// dequeuersAndAwaiters: some take what comes, others wait for what is theirs.
func dequeuersAndAwaiters(e *env) {
	s := newShared(e, 4_000)
	var all sync.WaitGroup
	sockets := s.sockets(8, 250, &all)
	for range 3 {
		all.Go(s.dequeue)
	}
	for _, socket := range sockets {
		all.Go(func() {
			for range 250 {
				read := &ops.Read{From: socket, Buf: own(1)}
				if err := s.p.Await(e.ctx, read); err != nil || read.N() != 1 {
					e.Errorf("read %d bytes: %v", read.N(), err)
					return
				}
			}
		})
	}
	for range 4 {
		all.Go(func() {
			for n := range 1_000 {
				s.l.submit(s.p, newPost(n))
			}
		})
	}
	all.Wait()
	s.finish()
}

// leavingWaitersLoseNothing dequeue with contexts that end at any moment. What one that
// leaves was woken for goes to another.
func leavingWaitersLoseNothing(e *env) {
	s := newShared(e, 8_000)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for s.ctx.Err() == nil {
				ctx, cancel := context.WithTimeout(s.ctx, time.Duration(rand.IntN(100))*time.Microsecond)
				op, err := s.p.Next(ctx)
				cancel()
				switch {
				case err == nil:
					s.took(op)
				case err != context.DeadlineExceeded && err != context.Canceled:
					e.Errorf("next: %v", err)
					return
				}
			}
		})
	}
	for range 4 {
		all.Go(func() {
			for n := range 2_000 {
				s.l.submit(s.p, newPost(n))
			}
		})
	}
	all.Wait()
	s.finish()
}

// leavingLeadersLoseNoReadiness: one goroutine waits for a socket without an end in sight,
// others come and go, and lead meanwhile. Whoever leads when the bytes come,
// the read gets them.
func leavingLeadersLoseNoReadiness(e *env) {
	p := e.port(nil)
	var all sync.WaitGroup
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				brief, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(200))*time.Microsecond)
				if op, err := p.Next(brief); err == nil || err == net.ErrClosed {
					e.Errorf("dequeued %T, %v", op, err)
				}
				cancel()
			}
		})
	}
	s, other := e.pair(p)
	read, write := &ops.Read{From: s, Buf: own(1)}, &ops.Write{To: s, Buf: text("x")}
	go echo(other)
	for range often(1_000) {
		is(e, p.Await(e.ctx, write), nil)
		is(e, p.Await(e.ctx, read), nil)
	}
	stop()
	all.Wait()
	e.idle(p)
}
