package sim

import (
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// What is due must be served in time, whatever other work there is. Time is counted in
// turns of the leader, since the speed of turns depends on the goroutine scheduler. A
// turn, as seen from outside, is a look of the poller at events, or the work on an event
// that the look returned. Turns must also follow one another: so the work of loops and
// awaiting actors between two turns is counted separately.

// turnsInTime is how many turns may go by while an operation has timed out, a timer is
// due, a direction could make progress and is not performed, or a pooled read waits for a
// buffer that is there. The next look returns at most one event for each filter, and all
// of them are worked on before the look after it. The last of these turns checks the
// clock. Each of them has a part of the ready list ahead of it, and such a part has more
// directions than any world.
const turnsInTime = 1 + mostFilters

const mostFilters = 2 * 4

// turnsForABuffer is how many more turns a pooled read may wait. All other handles may be
// ahead of it in the pool's queue, find nothing and return the buffer. Each does so in a
// part of the ready list of its own, and before each part there are a look and an event.
func (w *world) turnsForABuffer() int { return 2 * (len(w.connections) - 1) }

// takenInTime is how many operations loops may dequeue between two turns. The look is due
// after 64, and while it is under way other loops may dequeue before the engine counts
// anew. If operations are awaited, it is the number of parts of the ready list.
const takenInTime = 2 * 64

// callsInTurn is how many system calls waiting actors may make between two turns:
//
//   - 16 for each direction of the event of the turn;
//   - one for each operation that they may dequeue then;
//   - 16 for each direction that is on the ready list again and again, and for one more,
//     in the part of the list that runs before the next turn.
//
// Interrupted calls are made again.
func (w *world) callsInTurn() int {
	n := 2*16 + takenInTime + 16*(w.plan.busy.filled+1)
	if w.plan.faultRate > 0 {
		n *= 2
	}
	return n
}

// bodiesInTime is how long, on the kernel's clock, the bodies of a loop may take between
// two turns: 100 µs. If bodies were shorter before, 16 of them run until the clock is
// read, and 16 of other loops run during the look.
func (b *busy) bodiesInTime() int64 { return 100_000 + 2*16*b.body }

// progress is the work done since the last turn, or the maxima so far.
type progress struct {
	turns int   // for how many something was due
	calls int   // system calls of waiting actors; in the maxima, in percent of the limit
	taken int   // operations that loops dequeued while there was no leader
	spent int64 // time that their bodies took
}

// mostOf makes each number of p at least that of o.
func (p *progress) mostOf(o *progress) {
	p.turns, p.calls = max(p.turns, o.turns), max(p.calls, o.calls)
	p.taken = max(p.taken, o.taken)
}

// timely counts turns, for the checks that everything is served in time.
type timely struct {
	turns int      // so far
	since progress // since the last turn
	most  progress // the maxima so far
}

// debt is something that is due.
type debt struct {
	what int64 // identifies it; 0 for nothing
	turn int   // since when
}

// turned counts a turn of the leader.
func (w *world) turned() {
	w.turns++
	w.since = progress{}
	if w.plan.busy.turns > 0 && w.stage == chaos {
		w.checkDue()
	}
}

// called counts a system call of an operation.
func (w *world) called() {
	if a := w.current; a == nil || !a.waits || w.stage != chaos {
		return
	}
	w.since.calls++
	w.most.calls = max(w.most.calls, 100*w.since.calls/w.callsInTurn())
	if w.since.calls > w.callsInTurn() {
		w.fail("%d calls and no look at events in between%s", w.since.calls, w.whereAll())
	}
}

// handedOut is called when n operations were delivered to a loop, whose bodies then run.
// Beside a leader, bodies would delay nothing.
func (c *caller) handedOut(n int) {
	if c.plan.busy.turns == 0 || c.stage != chaos || c.port.Stats().Leading {
		return
	}
	d := c.plan.busy.body * int64(n)
	if d > 0 {
		c.advance(c.kernel.now + d)
	}
	c.since.taken += n
	c.since.spent += d
	c.most.taken = max(c.most.taken, c.since.taken)
	if c.since.taken > takenInTime || c.since.spent > c.plan.busy.bodiesInTime() {
		c.fail("%d operations handed out in %d ns, and no look at events in between%s",
			c.since.taken, c.since.spent, c.whereAll())
	}
}

// owed keeps one debt up to date, and fails if it is too old.
func (w *world) owed(d *debt, what int64, limit int, why func() string) {
	if what == 0 || what != d.what {
		*d = debt{what, w.turns}
		return
	}
	n := w.turns - d.turn
	w.most.turns = max(w.most.turns, n+turnsInTime-limit)
	if n > limit {
		w.fail("%s, for %d turns%s", why(), n, w.whereAll())
	}
}

// checkDue checks everything that is due.
func (w *world) checkDue() {
	for _, u := range w.uses {
		if u.handedOut || u.deadline == 0 && u.kind != backend.Timer {
			continue
		}
		what := int64(0)
		if u.phase() == core.Queued && w.timeIsUp(u) != "" {
			what = max(u.deadline, 1)
		}
		w.owed(&u.debt, what, turnsInTime, func() string { return u.String() + " is left although " + w.timeIsUp(u) })
	}
	for _, s := range w.kernel.sockets {
		if s.conn != nil && s.open {
			w.checkDirections(s)
		}
	}
}

// checkDirections checks whether the first operation of a direction could make progress
// and was not tried since the last check.
func (w *world) checkDirections(s *socket) {
	var first [2]*use
	calling, late := false, false
	for _, u := range s.uses {
		if !u.unfinished() {
			continue
		}
		stage, side := u.phase(), sideOf(u.kind)
		calling = calling || stage == core.Calling
		late = late || u.late
		if first[side] == nil && stage == core.Queued {
			first[side] = u
		}
	}
	for side, u := range first {
		what, limit := int64(0), turnsInTime
		if side == 0 && late {
			limit += w.turnsForABuffer()
		}
		waits := side == 0 && late && w.buffersAreOut()
		if u != nil && !calling && !waits && !w.kernel.isLate(s) && w.canMove(u) != "" {
			what = int64(s.calls[side] + 1)
		}
		w.owed(&s.debts[side], what, limit, func() string { return u.String() + " is left although " + w.canMove(u) })
	}
}

// buffersAreOut reports whether a pool's buffer may be outside its pool.
func (w *world) buffersAreOut() bool {
	if w.held > 0 || len(w.shares) > 0 {
		return true
	}
	for _, v := range w.uses {
		if v.holds() > 0 || v.late && !v.handedOut && v.unfinished() && v.phase() == core.Calling {
			return true
		}
	}
	return false
}

// isLate reports whether an edge of the socket is still to come: it is late, or a fault
// may leave it to another wait.
func (k *kernel) isLate(s *socket) bool {
	if k.w.plan.faultRate > 0 && (s.listed || s.knotes[0].active || s.knotes[1].active) {
		return true
	}
	for _, e := range k.late {
		if e.socket == s {
			return true
		}
	}
	return false
}
