package porttest

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Of a large pool, io_uring has buffers before there is data. These cases are those of small
// pools, and what is different.
var lateLargeCases = []testCase{
	largePoolBurst,
	largePoolStorm,
	largePoolEnds,
	largePoolIsAllTaken,
	largePoolOfAClosedPort,
}

const largePool = 40

// largestLent is how many buffers of a large pool are lent at most: io_uring may lend a quarter
// more.
const largestLent = largePool + largePool/4

func largePoolBurst(e *env) { e.burst(largePool, largestLent) }

func largePoolStorm(e *env) { e.releasedAndCancelled(largePool) }

func largePoolEnds(e *env) {
	e.endOfStream(largePool)
	e.fullReadCutShort(largePool)
}

// largePoolIsAllTaken takes all buffers of a pool, whose reads may have had some: those that get
// none wait until one is released.
func largePoolIsAllTaken(e *env) {
	const conns = 2 * largePool
	p := e.port(nil)
	l := newLateConns(e, p, conns, 8, largePool)
	l.submit(e, p)
	e.idle(p)
	taken := []*completion.Buffer{}
	for b := l.pool.Take(); b != nil; b = l.pool.Take() {
		taken = append(taken, b)
	}
	equal(e, "taken", len(taken), largePool)
	for i, c := range l.peers {
		c.send(l.tag(i, 0))
	}
	early := l.untilPost(e, p)
	if n := l.pool.Lent(); n < largePool+len(early) || n > largestLent {
		e.Errorf("%d buffers are lent, %d of them were delivered by reads", n, len(early))
	}
	for _, b := range append(taken, early...) {
		b.Release()
	}
	for range conns - len(early) {
		l.have(e, e.next(p).(*ops.Read)).Release()
	}
	equal(e, "lent", l.pool.Lent(), 0)
}

// have checks what a read has delivered, and returns its buffer.
func (l *lateConns) have(e *env, r *ops.Read) *completion.Buffer {
	e.Helper()
	e.outcome(r, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), l.tag(r.Value.(int), 0))
	return r.Buf
}

// untilPost returns the buffers of the reads that end before a post.
func (l *lateConns) untilPost(e *env, p *completion.Port) (got []*completion.Buffer) {
	e.Helper()
	post := new(ops.Post)
	e.submit(p, post)
	for op := e.next(p); op != completion.Operation(post); op = e.next(p) {
		got = append(got, l.have(e, op.(*ops.Read)))
	}
	return got
}

// largePoolOfAClosedPort releases buffers of a port that is closed.
func largePoolOfAClosedPort(e *env) {
	p := e.port(nil)
	l := newLateConns(e, p, 2*largePool, 8, largePool)
	l.submit(e, p)
	held := []*completion.Buffer{}
	for i, c := range l.peers[:largePool/2] {
		c.send(l.tag(i, 0))
		held = append(held, l.have(e, e.next(p).(*ops.Read)))
	}
	is(e, p.Close(), nil)
	for op := range p.Completions(e.ctx) {
		if b := op.(*ops.Read).Buf; b != nil {
			held = append(held, b)
		}
	}
	for _, b := range held {
		b.Release()
	}
	equal(e, "lent", l.pool.Lent(), 0)
}
