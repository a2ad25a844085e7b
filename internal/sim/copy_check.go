package sim

import (
	"bytes"
	"slices"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// without removes u from a list.
func without(list []*use, u *use) []*use {
	return slices.DeleteFunc(list, func(v *use) bool { return v == u })
}

// copyHalfWay reports whether u is a copy that has ended with an error after some bytes.
func (u *use) copyHalfWay() bool {
	switch {
	case u.moved == 0 && !u.cut:
		return false
	case u.handedOut:
		return u.failure != nil
	}
	return !u.unfinished() && core.FailureOf(u.op) != nil
}

// checkMost: a copy takes no more than its count.
func (w *world) checkMost(u *use, n, most int) {
	if u.op.count > 0 {
		most = min(most, int(u.op.count)-len(u.copied))
	}
	if n != most || n <= 0 {
		w.fail("%v is to take %d bytes, and may take %d", u, n, most)
	}
}

// checkCopyIn: a half in takes bytes when all that it has taken before has reached the
// target, and when its copy is the first in both queues.
func (w *world) checkCopyIn(half *use, s *socket) {
	u := half.whole
	if u.held() > 0 {
		w.fail("%v is to take more, and %d bytes have not reached its target", u, u.held())
	}
	if u.op.count < 0 {
		w.fail("%v has a negative count, and is to take something", u)
	}
	for _, v := range u.socket.uses {
		if v != u && v.before(u) && v.unfinished() && sideOf(v.kind) == 1 {
			w.fail("%v takes bytes ahead of %v", u, v)
		}
	}
	if _, atTo := core.CopyingOf(&u.op.Copier).AtHeads(); u.phase() == core.Queued && !atTo {
		w.fail("%v takes bytes and is not the first at its target", u)
	}
	if s == u.socket {
		w.fired[sameSocket]++
	}
}

// checkCopyOut: p is what a copy has taken and not sent yet.
func (w *world) checkCopyOut(u *use, s *socket, p []byte) {
	all := w.kernel.ring == nil || s.layer == nil // else a part of it
	if !bytes.HasPrefix(u.copied[u.moved:], p) || all && len(p) != u.held() || len(p) == 0 {
		w.fail("%v is to send %v, it has taken %v", u, p, u.copied[u.moved:])
	}
	w.checkAborted(u, s)
}

// checkCopied checks the outcome of a copy: its counts, and that it has a reason to end. What
// became of the bytes, the calls have checked.
func (w *world) checkCopied(u *use) {
	c := core.CopyingOf(&u.op.Copier)
	switch {
	case u.n != int64(u.moved) || c.Progress() != u.n || c.Taken() != int64(len(u.copied)):
		w.fail("%v tells of %d bytes, %d in the end, and %d taken; %d were sent of %d", u, c.Progress(), u.n, c.Taken(), u.moved, len(u.copied))
	case c.HasRest():
		w.fail("%v has ended, and has a pipe or memory", u)
	case u.half.unfinished():
		w.fail("%v has ended, and its half in has not", u)
	case u.refusedAtOnce && u.half.calls > 0:
		w.fail("%v was over before it began, and has taken something", u)
	case u.held() > 0 && !w.mayLose(u):
		w.fail("%v has lost %d bytes, and ends with %+v", u, u.held(), u.failure)
	case u.failure == nil && !w.copiedAll(u):
		w.fail("%v ends well after %d bytes of %d, some %v", u, u.moved, u.op.count, u.op.some)
	}
	if u.held() > 0 {
		w.fired[copyLost]++
	}
}

// copiedAll reports whether a copy has a reason to end with success.
func (w *world) copiedAll(u *use) bool {
	o, half := u.op, u.half
	switch {
	case o.count < 0:
		return false
	case o.count > 0 && int64(u.moved) == o.count:
		return true
	case half.sawEnd && (o.count == 0 || o.some):
		return half.socket.fatal == 0 // else a reset is taken for the end of the stream
	}
	return o.some && u.moved > 0 && (half.errno == syscall.EAGAIN || half.short)
}

// mayLose reports whether the outcome of a copy is one that loses bytes: not one that comes
// from its source.
func (w *world) mayLose(u *use) bool {
	switch f := u.failure; codeOf(f) {
	case core.Canceled, core.DeadlineExceeded:
		return true
	case core.Closed:
		return u.endsUnconnected() || u.op.conn.closeTried || w.closeTried || slices.ContainsFunc(w.impatient, func(c *simContext) bool { return c.err != nil })
	case core.LimitExceeded:
		return u.endsUnconnected() // that of the connect
	case core.Foreign:
		return u.socket.layer != nil && u.socket.layer.torn
	case core.System:
		return w.knownTo(u, f)
	}
	return false
}

// endsUnconnected reports whether u may be a copy that has taken something before a connect of
// its target began. A shutdown ends what waits for a connect.
func (u *use) endsUnconnected() bool {
	return slices.ContainsFunc(u.socket.uses, func(v *use) bool { return v.kind == backend.Connect && !v.before(u) })
}

// endedByItsSource reports whether u is a copy that ends as its half in, which may have ended with
// a connect of its source.
func (w *world) endedByItsSource(u *use, code core.Code) bool {
	return u.half != nil && u.held() == 0 && (code == core.Closed || w.fromConnect(u.half, code))
}

// checkPipes: the port has closed all pipes, and has cut nothing short of which it says so.
func (w *world) checkPipes() {
	for i, p := range w.pipes {
		if p.open {
			w.fail("pipe %d is never closed, of %d", i, len(w.pipes))
		}
	}
	for _, u := range w.uses {
		if w.allWritten && u.held() > 0 && codeOf(u.failure) == core.Closed && !u.socket.conn.closeTried && !u.endsUnconnected() {
			w.fail("%v was cut short, and Shutdown says that nothing was", u)
		}
	}
}

// connectHasFailed reports whether the connect of a socket has ended, and not well.
func (w *world) connectHasFailed(s *socket) (failed bool) {
	if !s.late || s.phase == connected {
		return false
	}
	for _, v := range s.uses {
		switch {
		case v.kind != backend.Connect:
		case v.unfinished():
			return false
		default:
			f := core.FailureOf(v.op)
			if v.handedOut {
				f = v.failure
			}
			failed = failed || f != nil && f.Code != core.Closed
		}
	}
	return failed
}

// behindACopy reports whether a copy is the first in the queue of u, which is none.
func (w *world) behindACopy(u *use) bool {
	for _, v := range u.socket.uses {
		if sideOf(v.kind) != sideOf(u.kind) || !v.isFirst() {
			continue
		}
		return true
	}
	return false
}

// isFirst reports whether u is a half of a copy and the first of its queue.
func (u *use) isFirst() bool {
	if v := u.submitted(); v.half == nil || !u.unfinished() || u.op.use != v {
		return false
	}
	atFrom, atTo := core.CopyingOf(&u.op.Copier).AtHeads()
	return u.whole != nil && atFrom || u.whole == nil && atTo
}

// canCopy returns the reason why a copy would make progress, or "".
func (w *world) canCopy(u *use) string {
	from, to := u.half.socket, u.socket
	writable := to.phase != fresh && w.kernel.mask(to)&backend.Writable != 0
	switch {
	case u.held() > 0 && writable:
		return "it has bytes and its target is writable"
	case u.held() > 0:
		return ""
	case u.half.phase() == core.Done:
		return "its half in has ended, and nothing is left to be sent"
	case u.op.some && u.moved > 0:
		return "it has copied some bytes"
	case u.op.count > 0 && int64(u.moved) == u.op.count:
		return "it has copied all bytes"
	case !u.isFirst() || !writable:
		return ""
	case u.op.count < 0:
		return "its count is negative"
	case from.phase == pending || from.phase == fresh || !u.half.isFirst() || w.kernel.mask(from)&backend.Readable == 0:
		return ""
	}
	return "its source is readable and its target is writable"
}

// checkCopies: when everybody sleeps, a copy has a pipe or memory only if that has bytes, a
// half does not outlive the other, and copies don't wait for each other.
func (w *world) checkCopies() {
	full, holding := 0, 0
	for _, p := range w.pipes {
		if p.open && len(p.bytes) > 0 {
			full++
		}
	}
	for _, u := range w.uses {
		if u.half == nil || u.handedOut {
			continue
		}
		c, half := core.CopyingOf(&u.op.Copier), u.half
		if c.HasRest() {
			holding++
		}
		switch {
		case c.HasRest() != (u.held() > 0 && u.unfinished()):
			w.fail("%v has a pipe or memory: %v, and %d bytes", u, c.HasRest(), u.held())
		case !half.unfinished() || w.asksAgain(half):
		case !u.unfinished():
			w.fail("%v has ended and its half in has not%s", u, w.whereAll())
		case half.phase() != core.Queued && half.phase() != core.Inside:
			w.fail("the half in of %v is left in stage %d%s", u, half.phase(), w.whereAll())
		case u.op.from.closed || w.shutTried:
			w.fail("%v goes on, and its source is closed%s", u, w.whereAll())
		case w.connectHasFailed(half.socket):
			w.fail("%v goes on, and the connect of its source has failed%s", u, w.whereAll())
		default:
			w.checkCircle(u)
		}
	}
	if full > holding {
		w.fail("%d pipes have bytes, and %d copies have a pipe or memory", full, holding)
	}
}

// checkCircle: no copy waits for itself. One that is not the first of a queue waits for the
// first, which may wait for another in its other queue.
func (w *world) checkCircle(u *use) {
	at := u
	for range len(w.uses) + 1 {
		next := firstCopy(at)
		if next == nil {
			next = firstCopy(at.half)
		}
		if next == nil || next == at {
			return
		}
		at = next
	}
	w.fail("%v waits for a copy that waits for it%s", u, w.whereAll())
}

// firstCopy returns the copy that is the first of a queue in front of u, nil for none.
func firstCopy(u *use) *use {
	if u.isFirst() || !u.unfinished() {
		return nil
	}
	for _, v := range u.socket.uses {
		if sideOf(v.kind) == sideOf(u.kind) && v.isFirst() {
			return v.submitted()
		}
	}
	return nil
}
