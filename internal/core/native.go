package core

import "github.com/completionport/completion/internal/backend"

// What differs with a Native kernel: an operation is not performed when
// something is ready, but given to the kernel, which tells of its end. In
// between its direction stays owned, for as long as it takes, and whoever
// learns of the end goes on as after a call. Reads that take their buffer late
// are the exception: the kernel waits for them with a read of no bytes, and
// then all is as with an edge.
//
// The end may be told before the call has returned that began it, or that asks
// for its end. Under the handle's lock the two meet, and the second settles.

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
		if s.flags&late != 0 && s.hasBuffer() && rec.n == 0 {
			return h.read(s) // there is something: it got the buffer for that
		}
		data = s.rest()
	}
	n, errno, isPending := h.port.native.Start(int(h.fd), s.kind, data, to)
	if isPending {
		return callResult{verdict: begunInKernel}
	}
	return h.outcome(s, n, errno)
}

// hasBuffer tells whether s is not a late read that waits without one.
func (s *Slot) hasBuffer() bool { return !s.record().buffer.isDoor() }

// rest is the memory that is still to be filled, or written from.
func (s *Slot) rest() []byte {
	rec := s.record()
	switch {
	case s.kind == backend.Write:
		return rec.buffer.data[rec.n:rec.buffer.n]
	case s.kind == backend.Read && s.hasBuffer():
		return rec.buffer.data[rec.buffer.n+int(rec.n):] // before it are those that count
	}
	return nil
}

// outcome is what the end of an operation inside the kernel means. The caller
// owns the direction; no lock is held.
func (h *Handle) outcome(s *Slot, n int, errno backend.Errno) callResult {
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

// endedInCall tells whether the operation that the kernel has taken has ended
// during a call about it, and with what result. If not, whoever learns of its end goes on
// with the direction. h.mu is held, and may be let go of in between.
func (h *Handle) endedInCall(d direction, s *Slot, r *callResult, after *aftermath) bool {
	if h.latch[d]&endedEarly != 0 {
		h.latch[d] &^= endedEarly | abandoned
		*r = h.finish(s)
		return true
	}
	h.latch[d] |= pending
	// The other direction can't learn from this one for as long as it is there.
	h.settleOther(d, after)
	if h.intentOf(s) != noIntent { // perhaps recorded while nobody could act on it
		h.listPending(d, after)
	}
	return false
}

// finish learns how an operation has ended. h.mu is held on entry and on
// return, and let go of in between: the direction is owned.
func (h *Handle) finish(s *Slot) callResult {
	h.mu.Unlock()
	var r callResult
	if h.port.observe == nil {
		r = h.callFinish(s)
	} else {
		r = h.observedCall(s, (*Handle).callFinish)
	}
	h.lock()
	return r
}

func (h *Handle) callFinish(s *Slot) callResult {
	n, errno := h.port.native.Finish(int(h.fd), s.kind)
	return h.outcome(s, n, errno)
}

// ended takes in that operations inside the kernel have ended, and runs what is
// behind them. h.mu is held, and let go of in between.
func (h *Handle) ended(which backend.Readiness, after *aftermath) {
	for d, bit := range [...]backend.Readiness{in: backend.EndedIn, out: backend.EndedOut} {
		if which&bit == 0 {
			continue
		}
		d := direction(d)
		if h.latch[d]&pending == 0 { // somebody is in a call about it, and goes on
			h.latch[d] |= endedEarly
			continue
		}
		h.latch[d] &^= pending | abandoned
		s := h.queue[d].head()
		r := h.finish(s)
		h.latch[d] &^= owned
		h.settle(d, s, r, after)
		h.run(d, after)
	}
}

// listPending has the leader abandon what is pending: who records an intent
// makes no call. h.mu is held.
func (h *Handle) listPending(d direction, after *aftermath) {
	if h.latch[d]&(pending|abandoned) == pending {
		h.listReady(d, after)
	}
}

// abandon ends what is pending in d if that is wanted, and reports whether it
// was. It must not hit an operation behind: as while one is begun, who learns of
// the end meanwhile leaves it to us. h.mu is held, and let go of in between.
func (h *Handle) abandon(d direction, after *aftermath) bool {
	s := h.queue[d].head()
	if s == nil || h.latch[d]&(pending|abandoned) != pending || h.intentOf(s) == noIntent {
		return false
	}
	h.latch[d] |= abandoned
	heard := false
	settled := h.aboutPending(d, s, after, func() bool {
		heard = h.port.native.Abandon(int(h.fd), s.kind)
		return false
	})
	if !settled && !heard {
		h.latch[d] &^= abandoned
		h.port.listUnheard(h, d, after)
	}
	return true
}

// askAgainAfter is how many nanoseconds the leader waits for the end of what the
// kernel has found nothing to abandon of. Mostly it is in the poller already, and
// the next look brings it.
const askAgainAfter = 1_000_000

// listUnheard has the leader abandon what is pending once more if its end does not
// come soon. Nobody asks on and on meanwhile: what has ended can't be abandoned
// any more, and its end is heard of in the poller only. An entry may be stale when
// its time comes; then abandon finds nothing to do, or what is to be abandoned
// anyway. A handle's lock is held.
func (p *Port) listUnheard(h *Handle, d direction, after *aftermath) {
	p.lock()
	p.unheard = append(p.unheard, readyDirection{handle: h, direction: d})
	if p.asking.heap == 0 {
		p.asking.deadline = p.kernel.Now() + askAgainAfter
		p.schedule(&p.asking)
	}
	p.mu.Unlock()
	after.kick = true // a leader that sleeps has another time-out
}

// askAgain puts what was not heard on the ready list. mu is held.
func (p *Port) askAgain() {
	for _, r := range p.unheard {
		p.ready.push(r)
	}
	clear(p.unheard)
	p.unheard = p.unheard[:0]
}

// aboutPending makes a call about what is pending in d. The call tells whether
// that has ended during it, and nobody else will. If it has ended, however that
// was told, aboutPending settles it and reports true. h.mu is held, and let go
// of during the call.
func (h *Handle) aboutPending(d direction, s *Slot, after *aftermath, call func() (ended bool)) bool {
	h.latch[d] &^= pending
	h.mu.Unlock()
	ended := call()
	h.lock()
	if ended {
		h.latch[d] |= endedEarly
	}
	var r callResult
	if !h.endedInCall(d, s, &r, after) {
		return false
	}
	h.latch[d] &^= owned
	h.settle(d, s, r, after)
	return true
}

// acceptsAhead is how many accepts of a listener a Native kernel is told of.
const acceptsAhead = 16

// acceptMore tells the kernel of the accepts that are queued behind one that is
// pending. It reports whether that has ended meanwhile, and was settled. h.mu is
// held, and let go of in between.
func (h *Handle) acceptMore(d direction, after *aftermath) (ended bool) {
	s := h.queue[d].head()
	if h.port.native == nil || s == nil || s.kind != backend.Accept {
		return false
	}
	// Again if there are more after the call: who queued them could not tell.
	for told := 1; h.latch[d]&pending != 0 && h.intentOf(s) == noIntent; {
		n := h.queue[d].atMost(acceptsAhead)
		if n <= told {
			return false
		}
		told = n
		if h.aboutPending(d, s, after, func() bool { return h.port.native.AcceptAhead(int(h.fd), n) }) {
			return true
		}
	}
	return false
}

// takeEndsIn works on what can be seen now if nobody else does: what was
// abandoned has mostly ended when the call returns.
func (p *Port) takeEndsIn() {
	if p.native == nil {
		return
	}
	p.lock()
	defer p.unlock()
	if p.leader != nil || p.closed {
		return
	}
	w, _ := p.enlist(heedNone, anItem)
	if p.leader == nil && !p.closed {
		p.leader = w
		p.work(0)
		p.round(w)
		p.resign(w)
	}
	p.dismiss(w)
}

// drainNative takes in the ends of all that is inside the kernel, which needs
// somebody who polls: Close does, when the last leader has left. mu is held on
// entry and on return.
func (p *Port) drainNative() {
	for p.polling {
		p.awaitSettled()
	}
	w := &waiter{port: p, want: drained}
	p.leader = w
	for p.inFlight() > 0 || p.handles > 0 {
		switch {
		case len(p.seen) > 0:
			p.serveNext()
		case p.ready.count > 0 || p.timers.next() <= p.kernel.Now():
			// And then a look, whatever is left: when the calls take long, there is
			// always something to ask again, whose end waits in the poller.
			p.work(p.kernel.Now())
			p.pollClosed(backend.Look)
		default:
			p.pollClosed(backend.Block)
		}
	}
	p.leader = nil
}

// pollClosed is poll for a port that is closed. What somebody else does
// meanwhile that brings it nearer to its end wakes it. mu is held on entry and
// on return.
func (p *Port) pollClosed(how backend.Waiting) {
	p.polls++
	p.until, p.how = p.timers.next(), how
	p.polling, p.parked = true, how != backend.Look
	until := p.until
	p.unlock()
	if how != backend.Look {
		p.poller.SetTimeout(until)
	}
	n, _ := p.poller.Wait(how, p.events, func(n int) (int, bool) { return n, false })
	p.lock()
	p.parked, p.polling = false, false
	p.seen = p.events[:n]
}
