package porttest

import (
	"context"
	"os"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Operations that need no room in a socket that has none.
var orderFullCases = []testCase{
	halfCloseBehindCutWriteNeedsNoRoom,
	overdueSecondConnectWaitsForNoWrite,
	overduePostSparesStrangers,
}

// halfCloseBehindCutWriteNeedsNoRoom: the socket is full and its peer never reads;
// shutdown(2) waits for neither.
func halfCloseBehindCutWriteNeedsNoRoom(e *env) {
	p := e.port(nil)
	w, _ := e.stuckWrite(p)
	e.cancels(p, w)
	half := &ops.CloseWrite{On: w.To}
	e.submit(p, half)
	e.expect(p, half, nil)
}

// overdueSecondConnectWaitsForNoWrite: it is over before it begins, and has no business
// in the queue behind a write that can't end.
func overdueSecondConnectWaitsForNoWrite(e *env) {
	p := e.port(nil)
	w, _ := e.stuckWrite(p)
	second := &ops.Connect{On: w.To, To: w.To.RemoteAddr()}
	second.Deadline = long
	e.submit(p, second)
	e.expect(p, second, os.ErrDeadlineExceeded)
	e.cancels(p, w)
}

// overduePostSparesStrangers: the deadline of a post that has ended passes while it
// lies in the queue, and whatever comes into its place in the port has none.
func overduePostSparesStrangers(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	for range 50 {
		post := newPost(1)
		post.Deadline = completion.After(time.Microsecond)
		e.submit(p, post)
		// Whoever polls for another operation finds that the deadline has passed.
		is(e, p.Await(context.Background(), &ops.Timer{After: 20 * time.Microsecond}), nil)
		e.next(p) // the post, however it has ended
		read := &ops.Read{From: s, Buf: own(1)}
		e.submit(p, read)
		is(e, p.Await(context.Background(), &ops.Timer{After: 20 * time.Microsecond}), nil)
		equal(e, "in flight", p.Stats().InFlight, 1)
		e.cancels(p, read)
	}
}
