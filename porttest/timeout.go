package porttest

import (
	"math"
	"os"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// timeoutOfEachUse: a time-out counts anew from each Submit, and never ends early.
func timeoutOfEachUse(e *env) {
	const length = 3 * time.Millisecond
	p := e.port(nil)
	s, peer := e.pair(p)
	l := e.listen(p, "tcp4")
	read := &ops.Read{From: s, Buf: own(4)}
	accept := &ops.Accept{On: l}
	timer := &ops.Timer{After: time.Hour}
	read.Timeout, accept.Timeout, timer.Timeout = length, length, length
	for range 5 {
		began := completion.Now()
		e.submit(p, read, accept, timer)
		e.expectAll(p, os.ErrDeadlineExceeded, read, accept, timer)
		if took := completion.Now().Sub(began); took < length {
			e.Fatalf("ended after %v", took)
		}
		began = completion.Now()
		is(e, p.Await(e.ctx, read), os.ErrDeadlineExceeded)
		if took := completion.Now().Sub(began); took < length {
			e.Fatalf("awaited, ended after %v", took)
		}
	}
	equal(e, "Timeout", read.Timeout, length)
	peer.send("data")
	read.Timeout = time.Hour
	is(e, p.Await(e.ctx, read), nil)
	equal(e, "text", string(read.Buf.Bytes()), "data")
}

// timeoutOrDeadline: what comes first counts.
func timeoutOrDeadline(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	for _, c := range []struct {
		timeout  time.Duration
		deadline completion.Deadline
	}{
		{math.MaxInt64, soon()}, {time.Hour, soon()}, {2 * time.Millisecond, never()},
		{2 * time.Millisecond, math.MaxInt64}, {-1, never()}, {time.Hour, long}, {math.MinInt64, 0},
	} {
		r := &ops.Read{From: s, Buf: own(4)}
		r.Timeout, r.Deadline = c.timeout, c.deadline
		e.submit(p, r)
		e.expect(p, r, os.ErrDeadlineExceeded)
	}
}

// negativeTimeoutHasPassed: it has passed, and nothing reaches the system.
func negativeTimeoutHasPassed(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	peer.send("data")
	w, r, post := &ops.Write{To: s, Buf: text("not sent")}, &ops.Read{From: s, Buf: own(4), Full: true}, &ops.Post{}
	w.Timeout, r.Timeout, post.Timeout = -1, math.MinInt64, -1
	e.submit(p, w, r, post)
	e.expectAll(p, os.ErrDeadlineExceeded, w, r, post)
	r.Timeout = math.MaxInt64 // never
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "text", string(r.Buf.Bytes()), "data")
}

// timeoutMovedInFlight: in flight it is a deadline.
func timeoutMovedInFlight(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(4)}
	r.Timeout = time.Hour
	e.submit(p, r)
	equal(e, "SetDeadline", p.SetDeadline(r, completion.After(time.Millisecond)), true)
	e.expect(p, r, os.ErrDeadlineExceeded)
	r.Timeout = 50 * time.Millisecond
	e.submit(p, r)
	if p.SetDeadline(r, 0) { // else it took so long to come here
		peer.send("data")
		e.expect(p, r, nil)
	} else {
		e.expect(p, r, os.ErrDeadlineExceeded)
	}
}
