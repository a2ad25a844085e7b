package core

import "github.com/completionport/completion/internal/backend"

// list puts a direction of the handle on the ready list, unless it is there. Otherwise
// each event that arrives meanwhile would add a turn, and the direction with the longest
// queue would leave the fewest turns to the others.
func (h *locked) list(d direction) {
	if h.state&(listedIn<<d) != 0 {
		return
	}
	h.state |= listedIn << d
	h.port.list(readyDirection{h.Handle, d, true})
	h.listed = true
}

// isBusy reports whether the kernel may be at work on the head of d, in a call or
// inside: then only the goroutine that is in the call, or that learns of the end,
// performs operations of d.
func (h *locked) isBusy(d direction) bool {
	s := h.queue[d].head()
	return s != nil && s.phase().inCall()
}

// isInside reports whether the head of d is inside a Native kernel, with no call for it
// under way.
func (h *locked) isInside(d direction) bool {
	s := h.queue[d].head()
	return s != nil && s.phase() == Inside
}

// takeOut removes s from its queue, and the handle from the pool's queue if s waits for
// a buffer. The caller owns the outcome from here on.
func (h *locked) takeOut(d direction, s *Slot) {
	if d == in && h.latch[in]&wantsBuffer != 0 && s == h.queue[in].head() {
		h.leavePlace(s)
	}
	if s.progress&lastAborted != 0 {
		h.unmark(s)
	}
	h.queue[d].remove(s)
}

// getBuffer gets a buffer for the pooled read s. It reports false if s must wait for one. A
// half of a Copy waits for its turn instead.
func (h *locked) getBuffer(s *Slot) bool {
	if s.isHalf() {
		return h.hasTurn(s)
	}
	rec := s.record()
	if !rec.buffer.isPlaceholder() {
		return true // a full read that has some of its bytes
	}
	if !rec.buffer.pool.get(h.Handle, rec) {
		if h.latch[in]&wantsBuffer == 0 {
			h.counts.poolWaits++
		}
		h.latch[in] |= wantsBuffer
		return false
	}
	h.latch[in] &^= wantsBuffer
	return true
}

// leavePlace ends the wait of s, the head, for a buffer. A Borrow leaves its place to the
// one behind it, which waits for the same pool.
func (h *locked) leavePlace(s *Slot) {
	rec := s.record()
	if s.kind != backend.Borrow || s.next == s {
		h.stopWaiting(rec)
		return
	}
	s.next.record().buffer = rec.buffer
	rec.buffer = &rec.buffer.pool.placeholder
}

// stopWaiting takes h out of the queue of the pool that its head waits for.
func (h *locked) stopWaiting(rec *Record) {
	h.latch[in] &^= wantsBuffer
	at := rec.buffer.place
	pool := at.placeholder.pool
	rec.buffer = &pool.placeholder
	if pool.leave(at) {
		h.listed = true
	}
}

// putBack puts the buffer of a pooled read that found no data back into the pool, for
// the next handle that waits. The read gets a buffer again at its next edge.
func (h *locked) putBack(rec *Record) {
	b := rec.buffer
	if b == nil || b.isPlaceholder() { // nil for a half of a Copy
		return
	}
	rec.buffer = &b.pool.placeholder
	b.owner.Store(ownedByPool)
	if b.pool.put(b) {
		h.listed = true
	}
}

// idle returns the first operation of d that is not in a call or inside the kernel. Writes
// that leave together are in one call.
func (h *locked) idle(d direction) *Slot {
	s := h.queue[d].head()
	for s != nil && s.phase().inCall() {
		if s == h.queue[d].tail {
			return nil
		}
		s = s.next
	}
	return s
}

// unmark is called when s, the last operation to abort, leaves its queue. Then the one
// before it is the last, or none is left and the handle is not broken any more.
func (h *locked) unmark(s *Slot) {
	if s == h.queue[out].head() {
		h.state &^= broken
	} else {
		s.prev.progress |= lastAborted
	}
}

// listInside makes the leader abandon the operation inside the kernel: a goroutine that
// records an intent makes no call.
func (h *locked) listInside(d direction) {
	if h.isInside(d) && h.latch[d]&abandoned == 0 {
		h.list(d)
	}
}
