package core

import (
	"github.com/completionport/completion/internal/assert"
	"github.com/completionport/completion/internal/backend"
)

// record records an intent for the operation that t names, and reports whether it did so
// while the operation was in flight. An operation that is Queued completes at once. No
// lock is held.
func (p *Port) record(t Ticket, i intent) bool {
	if t.slot == nil {
		return false
	}
	// The slot may be reused at any time until its handle's lock is held and the ticket
	// is compared. Until then, handle is only a guess. After that, the operation can't
	// end before the lock is released.
	p.step()
	handle := t.slot.handle.Load()
	if handle == nil || handle.port != p {
		return false
	}
	s := t.slot
	h := handle.lock()
	if !s.has(t) || s.handle.Load() != handle || h.intentOf(s) != noIntent {
		h.mu.Unlock()
		return false
	}
	if i == toExpire {
		if i = h.intentAtDeadline(s, t); i == noIntent {
			h.unlock()
			return false
		}
	}
	s.intent = i
	h.useIntent(s)
	h.unlock()
	return true
}

// useIntent lets an intent that was recorded for s take effect.
func (h *locked) useIntent(s *Slot) {
	switch {
	case s.phase() == Queued:
		h.endByIntent(s)
	case isWork(s.kind):
		h.port.worker.interrupt(s)
	case onPool(s.kind):
		h.port.workPool.interrupt(s)
	default:
		h.listInside(directionOf(s.kind))
	}
}

// intentAtDeadline returns what becomes of an operation that a turn found due: noIntent if
// it goes on, or has ended. The lock is released in between.
func (h *locked) intentAtDeadline(s *Slot, t Ticket) intent {
	switch {
	case h.port.isPostponed(s):
		if s.kind == backend.Timer && h.state&(closing|draining) != 0 {
			return toClose // the close has looked for timers while this one was not in the heap
		}
		return noIntent
	case h.tryOnceMore(s, t):
		return noIntent
	}
	return toExpire
}

// endByIntent completes a queued operation with its intent, and lets the operation behind
// it go on.
func (h *locked) endByIntent(s *Slot) {
	if s.kind == backend.Timer || isWork(s.kind) { // in no queue
		h.complete(s, s.intent.failure())
		return
	}
	if onPool(s.kind) {
		h.endWaiting(s)
		return
	}
	h.endInQueue(s, s.intent.failure())
}

// tryOnceMore performs an operation that has timed out once more, and reports whether it
// has ended or gets another turn. What arrived before the deadline is the result, also if
// the port looks late: behind a long loop body, or because more is ready than one poll
// reports. So tryOnceMore makes the call, whatever the latch says. A write is not tried:
// room does not arrive, and a peer that reads nothing would get the time twice. The lock
// is released in between; the ticket shows whether another goroutine has ended the
// operation meanwhile.
func (h *locked) tryOnceMore(s *Slot, t Ticket) (settled bool) {
	d := directionOf(s.kind)
	waits := d == in && h.state&connecting != 0 // then run makes no call, and the latch stays set
	switch {
	case s.kind == backend.Timer || s.isWrite() || isWork(s.kind) || onPool(s.kind):
		return false
	case h.port.native != nil && s.kind != backend.Borrow || s.phase() == Accepted || h.isBusy(d) || waits:
		return false
	}
	head := h.queue[d].head().ticket()
	h.latch[d] |= ready
	h.run(d)
	if !s.has(t) || h.intentOf(s) != noIntent {
		return true
	}
	if h.state&(listedIn<<d) == 0 || h.latch[d]&ready == 0 {
		return false
	}
	// One turn was not enough: many operations are ahead of it, or much has arrived. But a
	// read that goes on and on gets what arrives now, and must not postpone the deadline
	// until it is full.
	if head.slot.has(head) {
		if s.progress >= allTurns {
			return false
		}
		s.progress += oneTurn
	}
	st := h.port.lock()
	st.schedule(s)
	st.unlockQuietly()
	return true
}

// isPostponed reports whether the deadline of s is another one by now, which has not
// passed: SetDeadline came between the turn that found s due and this moment. The lock of
// its handle is held, so s has the same operation as then.
func (p *Port) isPostponed(s *Slot) bool {
	st := p.lock()
	defer st.unlockQuietly()
	return s.deadline == 0 || s.deadline > p.kernel.Now()
}

// endInQueue completes an operation in a queue, and lets the one behind it go on.
func (h *locked) endInQueue(s *Slot, f *Failure) {
	d := directionOf(s.kind)
	wasHead := s == h.queue[d].head()
	h.takeOut(d, s)
	h.complete(s, f)
	if !wasHead && h.state&failed == 0 { // a connect fails what is ahead of it, too
		return
	}
	h.endDoomed(d)
	if h.queue[d].tail != nil {
		// The operation behind may be performable, or must end, and no edge will come
		// for it. The leader runs it: a canceller makes no call itself.
		h.list(d)
	}
}

// endPartner is called for a half of a Copy whose other half has ended: the half in is
// cancelled, and the half out ends if nothing is left to be sent. A goroutine that is in a
// call for it sees that itself. No lock is held.
func (p *Port) endPartner() {
	st := p.lock()
	t := st.partners.pop()
	st.unlockQuietly()
	if t.slot == nil { // it has ended, too
		return
	}
	handle := t.slot.handle.Load()
	h := handle.lock()
	s := t.slot
	if s.handle.Load() != handle || !s.has(t) { // as in record
		h.mu.Unlock()
		return
	}
	c := copyingOf(s.op)
	if assert.Enabled {
		assert.That(s == c.in || s.phase() != Accepted, "a half in has ended before its half out was queued: see outFirst")
	}
	switch {
	case s == c.in:
		if h.intentOf(s) == noIntent {
			s.intent = toCancelAsked
			h.useIntent(s)
		}
	case s.phase() == Queued && (c.turn.Load()&inHasTurn != 0 || c.held(s) == 0):
		h.endInQueue(s, c.outcome())
	}
	h.unlock()
}
