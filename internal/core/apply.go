package core

import "github.com/completionport/completion/internal/backend"

// apply applies the result of a call for s, the head of d: s completes, or an intent
// that was recorded meanwhile ends it, or it goes on waiting.
func (h *locked) apply(d direction, s *Slot, r callResult) {
	if r.isTransfer() && h.latch[1-d]&undecided == 0 {
		h.transferred(d, s, r)
		return
	}
	h.setLatch(d, r.verdict)
	s.add(r.n)
	s.progress &^= cutShort // unless this call has cut it short
	if h.errno == 0 && r.fatal {
		h.errno = uint16(r.failure.Errno)
	}
	h.decideOther(d)
	h.overrule(s, &r)
	if r.cut || r.gone {
		h.findCause(d, s, &r)
	}
	switch r.verdict {
	case ended, endedAndExhausted, moved, movedAndExhausted:
		h.takeOut(d, s)
		if r.failure == nil && s.kind == backend.Accept {
			s.op.Deliver(Result{Accepted: r.accepted})
		}
		h.complete(s, r.failure)
	default:
		s.enter(Queued)
		h.goOnWaiting(d, s, r)
	}
}

// overrule changes the failure of s if it was told to end, or is about to be, and the kernel can't tell
// that from what it has found. A Mortal kernel that has ended can't be asked to end s any more.
func (h *locked) overrule(s *Slot, r *callResult) {
	if r.mayBePeer(s) && h.port.closing.Load() {
		r.gone, r.failure = false, closedFailure
		if s.intent != noIntent {
			r.failure = s.intent.failure()
		}
	}
	if i := h.intentOf(s); i != noIntent && h.isEndOfKernel(r.failure) {
		r.failure = i.failure()
	}
}

// isEndOfKernel reports whether f is the failure of an operation whose Mortal kernel has ended.
func (h *locked) isEndOfKernel(f *Failure) bool {
	return f != nil && f.Code == System && h.port.endedBy(f.Errno) != ""
}

// add counts n more bytes, which the program of a Copy can see already now.
func (s *Slot) add(n int) {
	rec := s.record()
	rec.n += int64(n)
	if s.kind == backend.Copy {
		copyingOf(s.op).sum.Store(rec.n)
	}
}

// mayBePeer reports whether the peer of h may have ended s. Port.Close closes the handles one
// after another: when it has begun, that peer may be a socket of the same port, and what it
// causes is no end of the stream.
func (r *callResult) mayBePeer(s *Slot) bool {
	isPoll := s.kind == backend.PollIn || s.kind == backend.PollOut
	return r.gone || r.fatal || isPoll && r.verdict == moved ||
		!s.sends() && (r.failure == endOfFile || r.failure == unexpectedEndOfFile)
}

// findCause sets the failure in the result of a write that was cut short, or of a call
// that found the connection gone.
func (h *locked) findCause(d direction, s *Slot, r *callResult) {
	if r.cut {
		s.progress |= cutShort
		if wanted := h.intentOf(s); wanted != noIntent {
			r.failure = wanted.failure()
		}
	}
	if !r.gone {
		return
	}
	if h.errno == 0 && h.otherMayKnow(d) {
		h.latch[d] |= undecided
		r.verdict = wouldBlock
	} else {
		r.failure = h.whyGone(s)
	}
}

// otherMayKnow reports whether the result of the other direction may say why the connection is
// gone. The kernel reports a reset to one call only: if a call is under way there, it may be
// that call. So may what is inside a kernel that ReportsOnce, and it ends soon if the connection
// is over.
func (h *locked) otherMayKnow(d direction) bool {
	other := h.queue[1-d].head()
	if other == nil {
		return false
	}
	once := h.port.reportsOnce
	return other.phase() == Calling || other.phase() == Inside && once != nil && once.IsOver(int(h.fd))
}

// goOnWaiting handles an operation that its call has not ended: an intent that was
// recorded meanwhile ends it, or else it stays queued.
func (h *locked) goOnWaiting(d direction, s *Slot, r callResult) {
	if rec := s.record(); s.flags&pooled != 0 && rec.n == 0 {
		h.putBack(rec)
		if s.kind == backend.Receive {
			h.putBackMore(s)
		}
	}
	if i := h.intentOf(s); i != noIntent && (i != toExpire || !h.mayRead(s, r)) {
		h.takeOut(d, s)
		h.complete(s, i.failure())
	}
}

// mayRead gets a buffer for a pooled read that has timed out if a Native kernel has just
// reported data for it, and reports whether it did: the read is made first, as in
// tryOnceMore. With a layer, the kernel reports data for every read. It gets none if run would not
// perform it now: a close ends it as well, or it would wait for a connect.
func (h *locked) mayRead(s *Slot, r callResult) bool {
	switch {
	case h.port.native == nil || r.verdict != progressed || r.n > 0 || s.kind != backend.Read && s.kind != backend.Receive:
		return false
	case h.state&connecting != 0 || h.doom(in) != nil:
		return false
	}
	if s.hasBuffer() || s.flags&vectored != 0 {
		return s.flags&vectored != 0 || h.state&layered != 0 || s.kind == backend.Receive
	}
	return h.getBuffer(s)
}

// transferred is apply for the common case: the call moved bytes, and the operation
// succeeded.
func (h *locked) transferred(d direction, s *Slot, r callResult) {
	if r.verdict == ended || h.latch[d]&stopsShort != 0 {
		h.latch[d] |= ready // as in setLatch
	}
	h.queue[d].pop()
	rec := s.record()
	rec.n += int64(r.n)
	if s.kind != backend.Write {
		switch {
		case s.flags&pooled != 0:
			s.op.Deliver(Result{Buffer: rec.buffer})
		case s.flags&vectored != 0:
			s.op.Deliver(Result{})
		}
		rec.buffer.n += int(rec.n)
	}
	s.enterDone()
	h.ended.push(s)
}

// setLatch records whether the call has exhausted its direction.
func (h *locked) setLatch(d direction, v verdict) {
	switch v {
	case ended, progressed, moved:
		h.latch[d] |= ready
	case endedAndExhausted, progressedAndExhausted, movedAndExhausted:
		// A short read or write. With stopsShort, no edge comes for what a read left.
		if h.latch[d]&stopsShort != 0 {
			h.latch[d] |= ready
		}
	}
}

// decideOther makes the other direction look again if it has waited for the end of this
// call.
func (h *locked) decideOther(d direction) {
	if h.latch[1-d]&undecided != 0 {
		h.latch[1-d] &^= undecided
		h.list(1 - d)
	}
}

// whyGone returns why a read returned no bytes, or why a write found a broken pipe: the
// fatal errno that any call of this handle reported, or else the end of the stream for
// the read and EPIPE for the write.
func (h *locked) whyGone(s *Slot) *Failure {
	rec := s.record()
	errno := backend.Errno(h.errno)
	switch {
	case s.sends() && (errno == 0 || h.state&finSent != 0):
		errno = backend.EPIPE
	case errno == 0 && (rec.n > 0 && s.kind != backend.CopyIn || h.state&layered != 0): // a layer reports its own end of the stream
		return unexpectedEndOfFile
	case errno == 0:
		return endOfFile
	}
	return &Failure{Code: System, Kind: s.kind, Errno: errno, Handle: h.Handle}
}
