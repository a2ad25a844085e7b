package core

import "github.com/completionport/completion/internal/backend"

// What differs with a Native kernel: an operation is not performed when
// something is ready, but given to the kernel, which tells of its end. In
// between it is Inside, for as long as it takes, and nothing behind it is
// performed. Whoever learns of the end goes on as after a call. Pooled reads are
// the exception: the kernel waits for them with a read of no bytes, and then all
// is as with an edge.
//
// The end may be told before the call has returned that began it, or that asks
// for its end. Under the handle's lock the two meet, and the second applies the
// result.

// start gives the head of a queue to the kernel. The caller owns the direction;
// no lock is held. Nothing of the operation may be touched afterwards if the
// kernel has it, but under the lock.
func (h *Handle) start(s *Slot) callResult {
	var data []byte
	var to *backend.Address
	rec := s.record()
	switch s.kind {
	case backend.CloseWrite:
		return h.closeWrite(s)
	case backend.Connect:
		req := new(Request)
		s.op.Describe(req)
		if to = req.Address; to.BadPort {
			return h.systemFailure(s, backend.EINVAL)
		}
	case backend.Write:
		data = s.rest()
	case backend.Read:
		if s.flags&pooled != 0 && s.hasBuffer() && rec.n == 0 {
			return h.read(s) // there is something: it got the buffer for that
		}
		data = s.rest()
	}
	n, errno, isPending := h.port.native.Start(int(h.fd), s.kind, data, to)
	if isPending {
		return callResult{verdict: begunInKernel}
	}
	return h.outcomeOf(s, n, errno)
}

// outcomeOf is what the end of an operation inside the kernel means. The caller
// owns the direction; no lock is held.
func (h *Handle) outcomeOf(s *Slot, n int, errno backend.Errno) callResult {
	if errno != 0 {
		return h.outcomeOfErrno(s, n, errno)
	}
	switch s.kind {
	case backend.Accept:
		return h.haveAccepted(n)
	case backend.Connect:
		return callResult{verdict: ended}
	case backend.Write:
		return haveWritten(n, len(s.rest()))
	}
	if !s.hasBuffer() {
		return callResult{verdict: progressed} // as an edge
	}
	return s.haveRead(n, len(s.rest()))
}

func (h *Handle) outcomeOfErrno(s *Slot, n int, errno backend.Errno) callResult {
	if s.kind != backend.Read && s.kind != backend.Write {
		n = 0
	}
	switch h.port.kernel.Classify(s.kind, errno) {
	case backend.Again:
		if s.kind == backend.Write {
			r := h.systemFailure(s, errno)
			r.n, r.cut = n, true
			return r
		}
		return tryAgain(n)
	case backend.WouldBlock:
		return tryAgain(n)
	case backend.BrokenPipe:
		return callResult{verdict: ended, gone: true, n: n}
	}
	r := h.systemFailure(s, errno)
	r.n = n
	return r
}

// tryAgain is the result of an operation that has moved n bytes and must be begun
// anew to move more.
func tryAgain(n int) callResult {
	if n > 0 {
		return callResult{verdict: progressedAndExhausted, n: n}
	}
	return callResult{verdict: wouldBlock}
}

// endedInCall reports whether the operation that the kernel has taken has ended
// during a call about it, and with what result. If not, whoever learns of its end goes on
// with the direction. The lock may be released in between.
func (h *locked) endedInCall(d direction, s *Slot, r *callResult) bool {
	if h.latch[d]&endedEarly != 0 {
		h.latch[d] &^= endedEarly | abandoned
		*r = h.finish(s)
		return true
	}
	s.enter(Inside)
	// The other direction can't learn from this one for as long as it is there.
	h.decideOther(d)
	if h.intentOf(s) != noIntent { // perhaps recorded while nobody could act on it
		h.listInside(d)
	}
	return false
}

// finish learns how an operation has ended. It is Calling. The lock is released in
// between.
func (h *locked) finish(s *Slot) (r callResult) {
	h.mu.Unlock()
	if h.port.observer == nil {
		r = h.callFinish(s)
	} else {
		r = h.observedCall(s, (*Handle).callFinish)
	}
	h.lockMutex()
	return r
}

func (h *Handle) callFinish(s *Slot) callResult {
	n, errno := h.port.native.Finish(int(h.fd), s.kind)
	return h.outcomeOf(s, n, errno)
}

// abandon ends what is inside the kernel in d if that is wanted, and reports whether it
// was. It must not hit an operation behind: as while one is begun, who learns of
// the end meanwhile leaves it to us. The lock is released in between.
func (h *locked) abandon(d direction) bool {
	if !h.isInside(d) || h.latch[d]&abandoned != 0 {
		return false
	}
	s := h.queue[d].head()
	if h.intentOf(s) == noIntent {
		return false
	}
	h.latch[d] |= abandoned
	heard := false
	hasEnded := h.callAbout(d, s, func() bool {
		heard = h.port.native.Abandon(int(h.fd), s.kind)
		return false
	})
	if !hasEnded && !heard {
		h.latch[d] &^= abandoned
		h.port.listUnheard(h.Handle, d)
		h.listed = true // a leader that sleeps has another time-out
	}
	return true
}

// askAgainAfter is how many nanoseconds the leader waits for the end of what the
// kernel has found nothing to abandon of. Mostly it is in the poller already, and
// the next look brings it.
const askAgainAfter = 1_000_000

// listUnheard has the leader abandon what is inside the kernel once more if its end does
// not come soon. Nobody asks on and on meanwhile: what has ended can't be abandoned
// any more, and its end is heard of in the poller only. An entry may be stale when
// its time comes; then abandon finds nothing to do, or what is to be abandoned
// anyway. A handle's lock is held.
func (p *Port) listUnheard(h *Handle, d direction) {
	st := p.lock()
	u := &st.unheard
	u.directions = append(u.directions, readyDirection{handle: h, direction: d})
	if u.slot.heap == 0 {
		u.slot.deadline = p.kernel.Now() + askAgainAfter
		st.schedule(&u.slot)
	}
	st.unlockQuietly()
}

// askAgain puts what was not heard on the ready list.
func (st *state) askAgain() {
	for _, r := range st.unheard.directions {
		st.ready.push(r)
	}
	clear(st.unheard.directions)
	st.unheard.directions = st.unheard.directions[:0]
}

// callAbout makes a call about the head of d, which is inside the kernel. The call
// reports whether that has ended during it, and no event will say so. If it has ended,
// however that was told, callAbout applies the result and reports true. The lock is
// released during the call.
func (h *locked) callAbout(d direction, s *Slot, call func() (ended bool)) bool {
	s.enter(Calling)
	h.mu.Unlock()
	ended := call()
	h.lockMutex()
	h.counts.calls++
	if ended {
		h.latch[d] |= endedEarly
	}
	var r callResult
	if !h.endedInCall(d, s, &r) {
		return false
	}
	h.apply(d, s, r)
	return true
}

// acceptsAhead is how many accepts of a listener a Native kernel is told of.
const acceptsAhead = 16

// acceptMore tells the kernel of the accepts that are queued behind one that is
// inside. It reports whether that has ended meanwhile, and its result was applied. The
// lock is released in between.
func (h *locked) acceptMore(d direction) (ended bool) {
	s := h.queue[d].head()
	if h.port.native == nil || s == nil || s.kind != backend.Accept {
		return false
	}
	// Again if there are more after the call: who queued them could not tell.
	for told := 1; s.phase() == Inside && h.intentOf(s) == noIntent; {
		n := h.queue[d].atMost(acceptsAhead)
		if n <= told {
			return false
		}
		told = n
		if h.callAbout(d, s, func() bool { return h.port.native.AcceptAhead(int(h.fd), n) }) {
			return true
		}
	}
	return false
}
