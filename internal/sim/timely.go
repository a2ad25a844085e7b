package sim

import (
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// What is due must be served in time, whatever else there is to do. Time is counted in
// turns of the leader, since how fast it gets them is up to whoever schedules it. A
// turn, as it can be seen from outside, is a look of the poller at events, or the work
// on an event that it has brought. Turns must follow one another, too: so what loops
// and those who await do between two of them is counted apart.

// turnsInTime is how many turns may go by while an operation has passed its deadline,
// a timer is due, a direction could get on and nobody performs it, or a late read waits
// for a buffer that is there. The next look brings an event for each filter at most,
// and each is worked on before the look after it. The last of them looks at the clock,
// and each of them has a part of the ready list ahead of it, of more directions than
// any world has.
const turnsInTime = 1 + mostFilters

const mostFilters = 2 * 4

// turnsForABuffer is how many more turns a late read may have to wait: any other handle
// may be ahead of it in the pool's queue, find nothing and give the buffer back, each in
// a part of the ready list of its own, for which there are a look and an event.
func (w *world) turnsForABuffer() int { return 2 * (len(w.connections) - 1) }

// takenInTime is how many operations loops may dequeue between two turns: the look is
// due after 64, and while it is under way other loops may dequeue before the engine
// counts anew. Where operations are awaited, it is as many parts of the ready list.
const takenInTime = 2 * 64

// callsInTurn is how many system calls those who wait may make between two turns: 16 of
// both directions of the event that the turn is about; one for each operation that they
// may dequeue then; and 16 of each direction that is on the ready list again and again,
// and of one more, in the part of it that is run before the next turn. Calls that are
// interrupted are made again.
func (w *world) callsInTurn() int {
	n := 2*16 + takenInTime + 16*(w.plan.busy.filled+1)
	if w.plan.faultRate > 0 {
		n *= 2
	}
	return n
}

// bodiesInTime is how long, on the kernel's clock, the bodies of a loop may take
// between two turns: 100 µs. If they were shorter before, 16 of them go by until the
// clock says so, and as many of other loops while one looks.
func (b *busy) bodiesInTime() int64 { return 100_000 + 2*16*b.body }

// progress is what was done since the last turn, or what was ever the most.
type progress struct {
	turns int   // for which something was due
	calls int   // system calls of those who wait; of the most, percent of what they may
	taken int   // operations that loops were handed while nobody led
	spent int64 // time that their bodies took
}

// mostOf makes each number of p at least that of o.
func (p *progress) mostOf(o *progress) {
	p.turns, p.calls = max(p.turns, o.turns), max(p.calls, o.calls)
	p.taken = max(p.taken, o.taken)
}

// timely is what a world knows of what is due.
type timely struct {
	turns int      // so far
	since progress // the last turn
	most  progress // that there ever was
}

// debt is since which turn something is due.
type debt struct {
	what int64 // tells one from the next; 0 for none
	turn int
}

// turned notes a turn of the leader.
func (w *world) turned() {
	w.turns++
	w.since = progress{}
	if w.plan.busy.turns > 0 && w.stage == chaos {
		w.checkDue()
	}
}

// called notes a system call of an operation.
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

// handedOut is called when a loop has got n operations: it works on them. Beside a
// leader that would take no time of anybody.
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

// checkDue looks at all that is due.
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

// checkDirections looks whether the first operation of a direction could get on,
// and was not tried since the last time.
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

// buffersAreOut tells whether a buffer of a pool may be somewhere else.
func (w *world) buffersAreOut() bool {
	if w.held > 0 || len(w.shares) > 0 {
		return true
	}
	for _, v := range w.uses {
		if v.holdsBuffer() || v.late && !v.handedOut && v.unfinished() && v.phase() == core.Calling {
			return true
		}
	}
	return false
}

// isLate tells whether an edge of the socket is still to come: it is late, or a
// fault may leave it for another wait.
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
