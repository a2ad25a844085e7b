package porttest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var lateManyCases = []testCase{
	waitingReadsHoldNoBuffer,
	poolSmallerThanConnections,
	silentSocketsDontHoldBuffers,
	bufferPassesSilentWaiters,
	releasedAndCancelledByMany,
}

// lateConns are connections with a pooled read each.
type lateConns struct {
	pool    *completion.Pool
	sockets []*completion.Socket
	peers   []*peer
	reads   []ops.Read // with their number as Value
}

func newLateConns(e *env, p *completion.Port, n, size, buffers int) *lateConns {
	e.Helper()
	l := &lateConns{pool: e.pool(p, size, buffers), reads: make([]ops.Read, n)}
	for i := range n {
		s, c := e.pair(p)
		l.sockets, l.peers = append(l.sockets, s), append(l.peers, c)
		l.reads[i] = ops.Read{Op: completion.Op{Value: i}, From: s, Pool: l.pool}
	}
	return l
}

// submit submits all reads, which have no data.
func (l *lateConns) submit(e *env, p *completion.Port) {
	e.Helper()
	for i := range l.reads {
		l.reads[i].Buf = nil
		e.submit(p, &l.reads[i])
	}
}

// tag is what connection i gets in a round, 8 bytes.
func (l *lateConns) tag(i, round int) string { return fmt.Sprintf("%04d%04d", i, round) }

func waitingReadsHoldNoBuffer(e *env) {
	p := e.port(nil)
	l := newLateConns(e, p, 100, 4096, 100)
	l.submit(e, p)
	e.idle(p)
	equal(e, "lent", l.pool.Lent(), 0)
	equal(e, "in flight", p.Stats().InFlight, 100)
	l.peers[42].send("x")
	e.expect(p, &l.reads[42], nil)
	equal(e, "lent", l.pool.Lent(), 1)
	equal(e, "bytes", string(l.reads[42].Buf.Bytes()), "x")
	l.reads[42].Buf.Release()
	for i := range l.reads {
		equal(e, "in flight", p.Cancel(&l.reads[i]), i != 42)
	}
	for range 99 {
		lateNothing(e, e.next(p).(*ops.Read), completion.ErrCanceled)
	}
	equal(e, "lent", l.pool.Lent(), 0)
}

// poolSmallerThanConnections has all connections send at once, round after round,
// with two buffers for all of them.
func poolSmallerThanConnections(e *env) { e.burst(2, 2) }

// burst has buffers for 100 connections, of which at most so many are lent.
func (e *env) burst(buffers, most int) {
	const conns, rounds = 100, 5
	p := e.port(nil)
	l := newLateConns(e, p, conns, 8, buffers)
	got := make([]string, conns)
	for round := range rounds {
		l.submit(e, p)
		for i, c := range l.peers {
			c.send(l.tag(i, round))
		}
		for left := conns; left > 0; {
			r := e.next(p).(*ops.Read)
			if n := l.pool.Lent(); n < 1 || n > most {
				e.Fatalf("%d buffers are lent", n)
			}
			i := l.add(e, got, r)
			if len(got[i]) == 8*(round+1) {
				left--
			} else {
				e.submit(p, r) // its message came in pieces
			}
		}
	}
	for i := range got {
		want := ""
		for round := range rounds {
			want += l.tag(i, round)
		}
		equal(e, "bytes", got[i], want)
	}
	equal(e, "lent", l.pool.Lent(), 0)
}

// add adds the bytes of a read to those of its connection, which it returns.
func (l *lateConns) add(e *env, got []string, r *ops.Read) int {
	e.Helper()
	e.outcome(r, nil)
	i := r.Value.(int)
	got[i] += string(r.Buf.Bytes())
	r.Buf.Release()
	r.Buf = nil
	return i
}

// silentSocketsDontHoldBuffers has sockets that were read from until nothing was left,
// which the port may not know, wait before those that have data.
func silentSocketsDontHoldBuffers(e *env) {
	const conns = 100
	p := e.port(nil)
	l := newLateConns(e, p, conns, 8, 2)
	for i := range l.reads {
		l.reads[i].Full = true
		e.submit(p, &l.reads[i])
		l.peers[i].send(l.tag(i, 0)) // as much as the buffer holds
		e.expect(p, &l.reads[i], nil)
		l.reads[i].Buf.Release()
	}
	l.submit(e, p)
	e.idle(p)
	equal(e, "lent to silent sockets", l.pool.Lent(), 0)
	for _, i := range []int{99, 50, 0} {
		l.peers[i].send(l.tag(i, 1))
		e.expect(p, &l.reads[i], nil)
		equal(e, "bytes", string(l.reads[i].Buf.Bytes()), l.tag(i, 1))
		equal(e, "lent", l.pool.Lent(), 1)
		l.reads[i].Buf.Release()
	}
}

// bufferPassesSilentWaiters is silentSocketsDontHoldBuffers while the pool is empty: if
// silent sockets stand in its queue, the buffer must go on from them to the readable
// one.
func bufferPassesSilentWaiters(e *env) {
	const conns = 30
	p := e.port(nil)
	l := newLateConns(e, p, conns, 8, 1)
	for i := range l.reads {
		l.reads[i].Full = true
		e.submit(p, &l.reads[i])
		l.peers[i].send(l.tag(i, 0))
		e.expect(p, &l.reads[i], nil)
		l.reads[i].Buf.Release()
	}
	held := l.pool.Take()
	l.submit(e, p)
	e.idle(p)
	last := conns - 1
	l.peers[last].send(l.tag(last, 1))
	e.idle(p)
	held.Release()
	e.expect(p, &l.reads[last], nil)
	equal(e, "bytes", string(l.reads[last].Buf.Bytes()), l.tag(last, 1))
	l.reads[last].Buf.Release()
	e.idle(p)
	equal(e, "lent", l.pool.Lent(), 0)
	// The silent ones still hear.
	l.peers[3].send(l.tag(3, 1))
	e.expect(p, &l.reads[3], nil)
	l.reads[3].Buf.Release()
}

// lateStorm is what releasedAndCancelledByMany checks: each connection's bytes in their
// order, and as many completions as submissions.
type lateStorm struct {
	*lateConns
	want      string
	got       []string // of each connection; one read of it at a time
	left      atomic.Int32
	submitted atomic.Uint64
	completed atomic.Uint64
	release   chan *completion.Buffer
	tickets   []atomic.Pointer[completion.Ticket]
	stop      chan struct{}
	failure   chan error
}

// submitRead submits a connection's read and shows cancellers its ticket,
// which may be stale by then.
func (s *lateStorm) submitRead(p *completion.Port, i int) {
	s.submitted.Add(1)
	if err := p.Submit(&s.reads[i]); err != nil {
		s.fail(err)
	}
	t := s.reads[i].Ticket()
	s.tickets[i].Store(&t)
}

func (s *lateStorm) fail(err error) {
	select {
	case s.failure <- err:
	default:
	}
}

// take works off one completion.
func (s *lateStorm) take(p *completion.Port, r *ops.Read) {
	s.completed.Add(1)
	i := r.Value.(int)
	if err := r.Err(); err != nil && !errors.Is(err, completion.ErrCanceled) {
		s.fail(err)
	}
	if (r.Buf != nil) != (r.N() > 0) {
		s.fail(fmt.Errorf("%d bytes with buffer %p", r.N(), r.Buf))
	}
	if r.Buf != nil {
		s.got[i] += string(r.Buf.Bytes())
		b := r.Buf
		r.Buf = nil
		s.release <- b
	}
	if len(s.got[i]) < len(s.want) {
		s.submitRead(p, i)
	} else if s.left.Add(-1) == 0 {
		close(s.stop)
		for range lateDequeuers {
			if err := p.Submit(new(ops.Post)); err != nil {
				s.fail(err)
			}
		}
	}
}

// lateDequeuers dequeue, and each has a canceller and a releaser beside it.
const lateDequeuers = 3

func releasedAndCancelledByMany(e *env) { e.releasedAndCancelled(3) }

// releasedAndCancelled has so many buffers for 50 connections.
func (e *env) releasedAndCancelled(buffers int) {
	const conns, size = 50, 16
	p := e.port(nil)
	s := &lateStorm{
		lateConns: newLateConns(e, p, conns, size, buffers),
		want:      string(streamPattern(10, often(600))),
		got:       make([]string, conns),
		release:   make(chan *completion.Buffer, buffers),
		tickets:   make([]atomic.Pointer[completion.Ticket], conns),
		stop:      make(chan struct{}),
		failure:   make(chan error, 1),
	}
	s.left.Store(conns)
	s.run(e, p)
	select {
	case err := <-s.failure:
		e.Fatal(err)
	default:
	}
	for i := range s.got {
		is(e, streamSame([]byte(s.got[i]), []byte(s.want)), nil)
	}
	equal(e, "completed", s.completed.Load(), s.submitted.Load())
	equal(e, "lent", s.pool.Lent(), 0)
	submitOnly(e, p, s.submitted.Load()+lateDequeuers)
}

// run sends, dequeues, cancels and releases, and returns when all is over.
func (s *lateStorm) run(e *env, p *completion.Port) {
	var workers, releasers sync.WaitGroup
	for i := range s.reads {
		s.submitRead(p, i)
		workers.Go(func() { s.send(i) })
	}
	for range lateDequeuers {
		workers.Go(func() { s.dequeue(e, p) })
		workers.Go(func() { s.cancel(p) })
		releasers.Go(func() {
			for b := range s.release {
				b.Release()
			}
		})
	}
	workers.Wait()
	close(s.release)
	releasers.Wait()
}

// send sends the bytes in small pieces.
func (s *lateStorm) send(i int) {
	for sent := 0; sent < len(s.want); {
		n := min(1+rand.IntN(2*16), len(s.want)-sent)
		if _, err := s.peers[i].Write([]byte(s.want[sent : sent+n])); err != nil {
			s.fail(err)
			return
		}
		sent += n
	}
}

// dequeue dequeues until a post tells it to leave.
func (s *lateStorm) dequeue(e *env, p *completion.Port) {
	for op := range p.Completions(e.ctx) {
		r, ok := op.(*ops.Read)
		if !ok {
			return
		}
		s.take(p, r)
	}
	s.fail(errors.New("dequeuing ended with the port open"))
}

// cancel cancels whatever ticket it finds, also stale ones.
func (s *lateStorm) cancel(p *completion.Port) {
	for {
		select {
		case <-s.stop:
			return
		default:
		}
		if t := s.tickets[rand.IntN(len(s.tickets))].Load(); t != nil {
			p.CancelTicket(*t)
		}
		runtime.Gosched() // else those who work get one turn in 10 ms
	}
}
