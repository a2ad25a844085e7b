package porttest

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Those with many writes or goroutines are in order_many.go.
var orderCases = append([]testCase{
	cancelHalfWayAbortsThoseBehind,
	deadlineHalfWayAbortsThoseBehind,
	resetHalfWayAbortsThoseBehind,
	startedWriteCutAbortsThoseBehind,
	submitAfterAbortIsAllowed,
	abortedWritesGiveTheirBuffersBack,
	cancelBeforeFirstByteAbortsNobody,
	ownIntentComesBeforeAbort,
	closeIsNotAbort,
	portCloseIsNotAbort,
	readsGoOnAfterAbort,
	cancelledHeadInFrontOfReadyRead,
	cancelledMiddleAndLastRead,
	cancelledWriteInTheMiddle,
	cancelledFullReadKeepsItsBytes,
	resetEndsReadsInOrder,
}, orderManyCases...)

// cut is a write that has sent some of its bytes, and what is queued behind.
type cut struct {
	s      *completion.Socket
	c      *peer
	big    *ops.Write
	behind []completion.Operation // two writes and a CloseWrite
}

func newCut(e *env, p *completion.Port) *cut {
	e.Helper()
	s, c := e.pair(p)
	x := &cut{s: s, c: c, big: streamFill(e, p, s, c)}
	x.behind = []completion.Operation{
		&ops.Write{To: s, Buf: text("second")},
		&ops.Write{To: s, Buf: text("third")},
		&ops.CloseWrite{On: s},
	}
	e.submit(p, x.behind[0])
	e.submit(p, x.behind[1:]...)
	e.idle(p)
	return x
}

// endsHalfWay takes all operations from the port and checks that the big one
// ended half-way and the others with that error and without a byte.
func (x *cut) endsHalfWay(e *env, p *completion.Port, behind error) {
	e.Helper()
	dequeueThese(e, p, append(x.behind, x.big)...)
	if x.big.Err() == nil {
		e.Fatalf("the first write: %d bytes, no error", x.big.N())
	}
	e.sentHalf(x.big, x.c)
	for _, op := range x.behind {
		e.outcome(op, behind)
		equal(e, "written behind", op.N(), 0)
	}
}

// received lets the peer read what was sent of the big write, and checks that
// these bytes are followed by next and nothing else.
func (x *cut) received(e *env, next string) {
	e.Helper()
	is(e, x.s.Close(), nil)
	got, err := io.ReadAll(x.c)
	e.endedAfterCut(err)
	x.isSent(e, got, next)
}

func (x *cut) isSent(e *env, got []byte, next string) {
	e.Helper()
	sent, followed := strings.CutSuffix(string(got), next)
	equal(e, "followed by what was written later", followed, true)
	n := x.big.N()
	if !e.countsCut() {
		n = max(n, min(len(sent)+1-x.c.ahead, 16<<20))
	}
	is(e, streamSame([]byte(sent), streamFilled(x.c, n)), nil)
}

// dequeueThese dequeues exactly these operations, in any order.
func dequeueThese(e *env, p *completion.Port, want ...completion.Operation) {
	e.Helper()
	left := make(map[completion.Operation]bool)
	for _, op := range want {
		left[op] = true
	}
	for range want {
		op := e.next(p)
		if !left[op] {
			e.Fatalf("dequeued %T %p, not expected or twice", op, op)
		}
		delete(left, op)
	}
}

func cancelHalfWayAbortsThoseBehind(e *env) {
	p := e.port(nil)
	x := newCut(e, p)
	equal(e, "cancelled", p.Cancel(x.big), true)
	x.endsHalfWay(e, p, completion.ErrWriteAborted)
	is(e, x.big.Err(), completion.ErrCanceled)
	x.received(e, "")
}

func deadlineHalfWayAbortsThoseBehind(e *env) {
	p := e.port(nil)
	x := newCut(e, p)
	equal(e, "in flight", p.SetDeadline(x.big, completion.After(5*time.Millisecond)), true)
	x.endsHalfWay(e, p, completion.ErrWriteAborted)
	is(e, x.big.Err(), os.ErrDeadlineExceeded)
	x.received(e, "")
}

func resetHalfWayAbortsThoseBehind(e *env) {
	p := e.port(nil)
	x := newCut(e, p)
	x.c.reset()
	x.endsHalfWay(e, p, completion.ErrWriteAborted)
	var op *net.OpError
	if !errors.As(x.big.Err(), &op) || op.Op != "write" {
		e.Fatalf("a reset is %v", x.big.Err())
	}
	// The connection is gone for later ones, too, but they have their own error.
	later := &ops.Write{To: x.s, Buf: text("later")}
	e.submit(p, later)
	dequeueThese(e, p, later)
	if err := later.Err(); err == nil || errors.Is(err, completion.ErrWriteAborted) {
		e.Fatalf("a later write: %v", err)
	}
}

func startedWriteCutAbortsThoseBehind(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	first := streamFill(e, p, s, c)
	behind := &ops.Write{To: s, Buf: text("behind")}
	e.start(p, behind)
	equal(e, "cancelled", p.Cancel(first), true)
	is(e, p.Wait(e.ctx, behind), completion.ErrWriteAborted)
	equal(e, "written", behind.N(), 0)
	e.expect(p, first, completion.ErrCanceled)
}

func submitAfterAbortIsAllowed(e *env) {
	p := e.port(nil)
	x := newCut(e, p)
	equal(e, "cancelled", p.Cancel(x.big), true)
	x.endsHalfWay(e, p, completion.ErrWriteAborted)
	// The same operations, submitted later: the program knows what it does.
	e.submit(p, x.behind...)
	received := make(chan []byte)
	go func() {
		got, _ := io.ReadAll(x.c)
		received <- got
	}()
	e.expectAll(p, nil, x.behind...)
	x.isSent(e, <-received, "secondthird")
}

func abortedWritesGiveTheirBuffersBack(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 8, 2)
	big := streamFill(e, p, s, c)
	mine := &ops.Write{To: s, Buf: pool.Take()}
	shared := &ops.Write{To: s, Buf: pool.Take()}
	shared.Buf.Share()
	e.submit(p, mine, shared)
	shared.Buf.Release()
	equal(e, "cancelled", p.Cancel(big), true)
	dequeueThese(e, p, big, mine, shared)
	is(e, mine.Err(), completion.ErrWriteAborted)
	is(e, shared.Err(), completion.ErrWriteAborted)
	equal(e, "lent", pool.Lent(), 1)
	mine.Buf.Release()
}

func cancelBeforeFirstByteAbortsNobody(e *env) {
	p := e.port(nil)
	x := newCut(e, p)
	equal(e, "cancelled", p.Cancel(x.behind[0]), true)
	e.expect(p, x.behind[0], completion.ErrCanceled)
	e.idle(p)
	received := streamPeerReceive(x.c, append(streamFilled(x.c, 16<<20), "third"...))
	e.expectAll(p, nil, x.big, x.behind[1], x.behind[2])
	is(e, <-received, nil)
	streamPeerEOF(e, x.c)
}

func ownIntentComesBeforeAbort(e *env) {
	p := e.port(nil)
	x := newCut(e, p)
	overdue := &ops.Write{To: x.s, Buf: text("overdue")}
	overdue.Deadline = completion.After(-time.Second)
	e.submit(p, overdue)
	equal(e, "cancelled", p.Cancel(x.behind[1]), true)
	equal(e, "cancelled", p.Cancel(x.big), true)
	dequeueThese(e, p, append(x.behind, x.big, overdue)...)
	is(e, x.big.Err(), completion.ErrCanceled)
	is(e, overdue.Err(), os.ErrDeadlineExceeded)
	is(e, x.behind[1].(*ops.Write).Err(), completion.ErrCanceled)
	is(e, x.behind[0].(*ops.Write).Err(), completion.ErrWriteAborted)
	is(e, x.behind[2].(*ops.CloseWrite).Err(), completion.ErrWriteAborted)
	equal(e, "cancelled again", p.Cancel(x.behind[0]), false)
}

func closeIsNotAbort(e *env) {
	p := e.port(nil)
	x := newCut(e, p)
	is(e, x.s.Close(), nil)
	x.endsHalfWay(e, p, net.ErrClosed)
	is(e, x.big.Err(), net.ErrClosed)
	for _, op := range x.behind {
		if errors.Is(op.Err(), completion.ErrWriteAborted) {
			e.Fatal("closed and aborted at once")
		}
	}
}

func portCloseIsNotAbort(e *env) {
	p := e.port(nil)
	x := newCut(e, p)
	is(e, p.Close(), nil)
	x.endsHalfWay(e, p, net.ErrClosed)
	is(e, x.big.Err(), net.ErrClosed)
}

func readsGoOnAfterAbort(e *env) {
	p := e.port(nil)
	x := newCut(e, p)
	r := &ops.Read{From: x.s, Buf: own(4), Full: true}
	e.submit(p, r)
	equal(e, "cancelled", p.Cancel(x.big), true)
	x.endsHalfWay(e, p, completion.ErrWriteAborted)
	e.idle(p)
	x.c.send("read")
	e.expect(p, r, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "read")
}

// There is data, but the head waits for a buffer. When it goes, no new event
// will come for the read behind it, which needs none of the pool's.
func cancelledHeadInFrontOfReadyRead(e *env) {
	p := e.port(nil)
	w := newStarved(e, p, 1)
	behind := &ops.Read{From: w.sockets[0], Buf: own(5), Full: true}
	third := &ops.Read{From: w.sockets[0], Buf: own(1)}
	e.submit(p, behind, third)
	e.idle(p)
	equal(e, "cancelled", p.Cancel(w.reads[0]), true)
	e.expect(p, w.reads[0], completion.ErrCanceled)
	e.expect(p, behind, nil)
	equal(e, "bytes", string(behind.Buf.Bytes()), "data0")
	e.idle(p)
	w.peers[0].send("!")
	e.expect(p, third, nil)
	w.held.Release()
}

func cancelledMiddleAndLastRead(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	var reads [6]ops.Read
	for i := range reads {
		reads[i] = ops.Read{From: s, Buf: own(4), Full: true}
		e.submit(p, &reads[i])
	}
	for _, i := range []int{2, 5, 0, 4} { // a middle one, the last, the first, the new last
		equal(e, "cancelled", p.Cancel(&reads[i]), true)
		e.expect(p, &reads[i], completion.ErrCanceled)
		equal(e, "N", reads[i].N(), 0)
	}
	added := &ops.Read{From: s, Buf: own(4), Full: true}
	e.submit(p, added)
	e.idle(p)
	c.send("one.two.six.")
	for i, r := range []*ops.Read{&reads[1], &reads[3], added} {
		e.expect(p, r, nil)
		equal(e, "bytes", string(r.Buf.Bytes()), []string{"one.", "two.", "six."}[i])
	}
	e.idle(p)
}

func cancelledWriteInTheMiddle(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	big := streamFill(e, p, s, c)
	var all []completion.Operation
	for _, word := range []string{"a", "b", "c", "d", "e"} {
		all = append(all, &ops.Write{To: s, Buf: text(word)})
	}
	e.submit(p, all...)
	for _, i := range []int{2, 4, 0} {
		equal(e, "cancelled", p.Cancel(all[i]), true)
		e.expect(p, all[i], completion.ErrCanceled)
	}
	last := &ops.Write{To: s, Buf: text("f")}
	e.submit(p, last)
	received := streamPeerReceive(c, append(streamFilled(c, 16<<20), "bdf"...))
	e.expectAll(p, nil, big, all[1], all[3], last)
	is(e, <-received, nil)
}

// A read that ends half-way aborts nobody: the next gets the bytes after it.
func cancelledFullReadKeepsItsBytes(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	first := &ops.Read{From: s, Buf: own(1), Full: true}
	half := &ops.Read{From: s, Buf: own(8), Full: true}
	behind := &ops.Read{From: s, Buf: own(4), Full: true}
	e.submit(p, first, half, behind)
	c.send("!half")
	e.expect(p, first, nil)
	e.idle(p)
	equal(e, "cancelled", p.Cancel(half), true)
	e.expect(p, half, completion.ErrCanceled)
	equal(e, "bytes", string(half.Buf.Bytes()), "half")
	equal(e, "N", half.N(), 4)
	e.idle(p)
	c.send("next")
	e.expect(p, behind, nil)
	equal(e, "bytes", string(behind.Buf.Bytes()), "next")
}

func resetEndsReadsInOrder(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	var reads [3]ops.Read
	for i := range reads {
		reads[i] = ops.Read{From: s, Buf: own(4)}
		e.submit(p, &reads[i])
	}
	e.idle(p)
	c.reset()
	for i := range reads {
		if got := e.next(p); got != completion.Operation(&reads[i]) {
			e.Fatalf("dequeued %T %p, want read %d", got, got, i)
		}
		var op *net.OpError
		if err := reads[i].Err(); !errors.As(err, &op) || errors.Is(err, io.EOF) || reads[i].N() != 0 {
			e.Fatalf("read %d: %d bytes, %v", i, reads[i].N(), err)
		}
	}
}
