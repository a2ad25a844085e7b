package sim

import (
	"fmt"
	"slices"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// whereIs describes an actor that does not run.
func (w *world) whereIs(a *actor) string {
	state := "can go on"
	switch {
	case a.wants != nil:
		state = "waits for a lock"
	case a.awake != nil && a.asleep == inPoller:
		state = "sleeps in the poller"
	case a.awake != nil:
		state = "sleeps"
	}
	return fmt.Sprintf("actor %d (%s) %s", a.number, a.calling, state)
}

func (w *world) whereAll() (s string) {
	for _, a := range w.living {
		s += "\n\t" + w.whereIs(a)
	}
	return s
}

// checkAsleep is called when no actor can go on and no event is to come. An actor that
// sleeps must have nothing to do, and if any actor waits, one must be in the poller.
func (w *world) checkAsleep() {
	if len(w.living) == 0 {
		return
	}
	leaders, waiters := 0, 0
	for _, a := range w.living {
		switch {
		case a.wants != nil:
			w.fail("deadlock: nobody lets go of a lock%s", w.whereAll())
			return
		case a.asleep == inPoller:
			leaders++
		}
		waiters++
	}
	st := w.port.Stats()
	if w.failure != nil {
		return
	}
	if w.closed {
		w.fail("the port is closed and somebody sleeps%s", w.whereAll())
		return
	}
	if leaders == 0 {
		w.fail("nobody has the lead%s", w.whereAll())
	}
	if st.Queued > 0 && w.dequeuerAsleep() {
		w.fail("%d finished operations lie in the queue and a dequeuer sleeps%s", st.Queued, w.whereAll())
	}
	w.checkLent()
	w.checkWorkLeft()
	w.checkCopies()
}

// checkLent: as many buffers are lent as are in use.
func (w *world) checkLent() {
	lent, want := 0, w.held
	for _, pool := range w.pools {
		lent += pool.Lent()
	}
	for _, u := range w.uses {
		want += u.holds()
	}
	for _, s := range w.shares {
		if s.alive() {
			want++
		}
	}
	if lent != want {
		w.fail("%d buffers are lent and %d are in use%s", lent, want, w.whereAll())
	}
}

func (w *world) dequeuerAsleep() bool {
	for _, a := range w.living {
		switch a.calling {
		case verbNames[next], verbNames[nextBatch], verbNames[loop], verbNames[flood], verbNames[alternate]:
			return true
		}
	}
	return false
}

// checkWorkLeft looks for an operation that could make progress. An actor is in the
// poller, so there must be none.
func (w *world) checkWorkLeft() {
	for _, u := range w.uses {
		if u.handedOut {
			continue
		}
		switch stage := u.phase(); stage {
		case core.Queued:
			if why := w.couldProgress(u); why != "" {
				w.fail("%v sleeps although %s%s", u, why, w.whereAll())
				return
			}
		case core.Inside:
			if why := w.overslept(u); why != "" {
				w.fail("%v is left inside although %s%s", u, why, w.whereAll())
				return
			}
		case core.Done:
			if u.started && u.waiting && !w.asksAgain(u) {
				w.fail("%v has ended and whoever waits for it sleeps%s", u, w.whereAll())
				return
			}
		default:
			w.fail("%v is left in stage %d%s", u, stage, w.whereAll())
			return
		}
		if u.awaited != nil && u.waiting && u.awaited.err != nil && !w.asksAgain(u) {
			w.fail("%v: the context of its waiter has ended%s", u, w.whereAll())
			return
		}
	}
}

// couldProgress returns the reason why a queued operation need not wait, or "".
func (w *world) couldProgress(u *use) string {
	if u.cancelled {
		return "it is cancelled"
	}
	if u.op.conn != nil && u.op.conn.closed {
		return "its handle is closed"
	}
	if w.shutTried && sideOf(u.kind) == 0 {
		return "the port is shut down"
	}
	if u.socket != nil && w.connectHasFailed(u.socket) {
		return "its connect has failed"
	}
	if why := w.timeIsUp(u); why != "" || u.kind == backend.Timer {
		return why
	}
	if u.kind == backend.Borrow {
		if w.isEmpty(u.op.pool) {
			return ""
		}
		return "its pool has a buffer"
	}
	if isPooled(u.kind) {
		return w.couldBePerformed(u)
	}
	if (u.kind == backend.Read || u.kind == backend.Receive || u.kind == backend.PollIn) && w.waitsForBuffer(u.socket) {
		return ""
	}
	if why := u.whyNotSought(); why != "" {
		return why
	}
	return w.canMove(u)
}

// timeIsUp returns the reason why the clock ends an operation, or "".
func (w *world) timeIsUp(u *use) string {
	now := w.kernel.now
	switch {
	case u.sure && u.deadline != 0 && u.deadline <= now:
		return "its deadline has passed"
	case u.kind == backend.Timer && u.op.due <= now:
		return "it is due"
	}
	return ""
}

// canMove returns the reason why the first operation of a direction would make progress,
// with the buffer that it may need, or "".
func (w *world) canMove(u *use) string {
	s := u.socket
	if sideOf(u.kind) == 1 && s.brokenBy() != nil {
		return "it can only be aborted"
	}
	mask := w.kernel.mask(s)
	switch u.kind {
	case backend.Copy:
		return w.canCopy(u)
	case backend.Accept:
		if mask&backend.Readable != 0 || len(s.early) > 0 {
			return "somebody waits in the backlog"
		}
	case backend.Connect:
		if s.phase != pending && (u.calls > 0 || w.aloneOut(u, s)) {
			return "its connect is decided"
		}
	case backend.CloseWrite:
		if w.aloneOut(u, s) {
			return "nothing is ahead of it"
		}
	case backend.Receive, backend.Send:
		return canMoveMail(u, mask)
	}
	return w.canBeCalled(u, mask)
}

// canBeCalled is canMove for operations of connections.
func (w *world) canBeCalled(u *use, mask backend.Readiness) string {
	isUp := u.socket.phase != pending && u.socket.phase != fresh
	switch {
	case !isUp || w.behindACopy(u):
	case u.isPoll() && u.socket.layer != nil:
		if w.alone(u) {
			return "a layer takes no poll"
		}
	case (u.kind == backend.Read || u.kind == backend.PollIn) && mask&backend.Readable != 0:
		return "its socket is readable"
	case (u.kind == backend.Write || u.kind == backend.PollOut) && mask&backend.Writable != 0:
		return "its socket is writable"
	}
	return ""
}

// alone reports whether u is the only operation of its direction.
func (w *world) alone(u *use) bool {
	for _, v := range u.socket.uses {
		if v != u && sideOf(v.kind) == sideOf(u.kind) && v.unfinished() {
			return false
		}
	}
	return true
}

// aloneOut reports whether u is the only operation of its socket that is not a read.
func (w *world) aloneOut(u *use, s *socket) bool {
	for _, v := range s.uses {
		if v != u && sideOf(v.kind) == 1 && v.unfinished() {
			return false
		}
	}
	return true
}

// waitsForBuffer reports whether a pooled read of the socket may wait for a buffer that
// its pool does not have.
func (w *world) waitsForBuffer(s *socket) bool {
	for _, u := range s.uses {
		if !u.late || !u.unfinished() {
			continue
		}
		if w.isEmpty(u.op.pool) {
			return true
		}
	}
	return false
}

// isEmpty reports whether all buffers of a pool are lent.
func (w *world) isEmpty(pool *core.Pool) bool {
	return pool.Lent() >= w.plan.pools[slices.Index(w.pools, pool)].limit
}
