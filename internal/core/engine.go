package core

import "github.com/completionport/completion/internal/backend"

// turnBudget is how many calls one owner makes before others get a turn.
const turnBudget = 16

// enqueue puts s behind the others of its direction, or ends it if it is
// refused. h.mu is held.
func (h *Handle) enqueue(s *Slot, after *aftermath) {
	d := directionOf(s.kind)
	refusal := s.refusal()
	switch {
	case h.state&closing != 0, h.state&draining != 0 && s.kind != backend.Write && s.kind != backend.CloseWrite:
		if s.intent == noIntent { // else somebody was told that it is recorded
			s.intent = toClose
		}
		h.end(d, s, s.intent.failure(), after)
	case refusal != noRefusal && (s.kind != backend.Connect || h.state&(connecting|connected) != 0):
		h.end(d, s, refusal, after)
	case h.state&failed != 0:
		h.end(d, s, h.notConnected(s.kind), after)
	case s.kind == backend.Timer: // it waits in the heap, where commit has put it
		s.progress |= begun
	default:
		if s.kind == backend.Connect && h.state&(connected|connecting) == 0 {
			h.state |= connecting
			s.progress |= opens
		}
		s.progress |= begun
		h.queue[d].push(s)
	}
}

// noRefusal can be told from a timer's nil failure.
var noRefusal = &Failure{}

// refusal is how an operation ends that must not reach the kernel: something
// was recorded before it was begun. The first connect of a socket is queued all
// the same, so that what was submitted behind it shares its failure.
func (s *Slot) refusal() *Failure {
	if s.intent != noIntent {
		return s.intent.failure()
	}
	return noRefusal
}

// run performs operations of d until none can be performed now. It does
// nothing if another goroutine owns the direction: that one will see what we
// changed, since it looks again under the lock after each call. h.mu is held,
// and let go of during each call.
func (h *Handle) run(d direction, after *aftermath) {
	if h.latch[d]&owned != 0 && !h.acceptMore(d, after) {
		return
	}
	for budget := turnBudget; ; budget-- {
		s := h.performable(d, after)
		if s == nil {
			return
		}
		if budget == 0 {
			// No new edge will come for what is left.
			h.listReady(d, after)
			return
		}
		// The latch is cleared before the call: an edge that comes during it
		// sets it again, and we try once more. Cleared after the call, that
		// edge would be lost and the operation would sleep for ever. What it says
		// of short reads is the same: a call that finds nothing ends it, but not
		// what an edge has said since.
		short := h.latch[d] & stopsShort
		h.latch[d] = h.latch[d]&^(ready|stopsShort) | owned
		h.mu.Unlock()
		var r callResult
		if h.port.observe == nil {
			r = h.perform(s)
		} else {
			r = h.observedCall(s, (*Handle).perform)
		}
		h.lock()
		if r.verdict == begunInKernel && !h.endedInCall(d, s, &r, after) {
			if h.acceptMore(d, after) {
				continue
			}
			return
		}
		h.latch[d] &^= owned
		if r.verdict != wouldBlock {
			h.latch[d] |= short
		}
		h.settle(d, s, r, after)
	}
}

// performable returns the head of d if a call could make progress on it, and
// ends heads that need no call. h.mu is held.
func (h *Handle) performable(d direction, after *aftermath) *Slot {
	for {
		s := h.queue[d].head()
		switch {
		case s == nil:
			return nil
		case h.state&dooming != 0 && h.doom(d) != nil:
			if h.endDoomed(d, after) {
				h.listReady(d, after)
				return nil
			}
			continue
		case d == in && h.state&connecting != 0:
			return nil
		case (s.flags&vacant != 0 || s.kind == backend.Connect) && h.endUncalled(d, s, after):
			continue
		case s.kind == backend.CloseWrite: // needs no room: it never would block
			return s
		case h.latch[d]&(ready|undecided) != ready:
			if h.port.native != nil && h.latch[d]&undecided == 0 {
				return s // the kernel waits for what it needs
			}
			return nil
		case s.flags&late != 0 && !h.borrow(s):
			return nil
		}
		return s
	}
}

// endUncalled ends a head that needs no call, and reports whether it did. h.mu
// is held.
func (h *Handle) endUncalled(d direction, s *Slot, after *aftermath) bool {
	f := (*Failure)(nil)
	switch {
	case s.flags&vacant != 0:
	case s.refusal() != noRefusal:
		f = s.refusal()
	case s.progress&opens == 0:
		// Not for the kernel to say: Linux takes the second call for a question
		// about the first.
		f = &Failure{Code: System, Kind: backend.Connect, Errno: backend.EISCONN, Handle: h}
	default:
		return false
	}
	h.takeOut(d, s, after)
	h.end(d, s, f, after)
	return true
}

// settle draws the conclusions from a call: its result, or else the intent
// recorded meanwhile. h.mu is held.
func (h *Handle) settle(d direction, s *Slot, r callResult, after *aftermath) {
	if r.isTransfer() && h.latch[1-d]&undecided == 0 {
		h.transferred(d, s, r, after)
		return
	}
	h.setLatch(d, r.verdict)
	rec := s.record()
	rec.n += int64(r.n)
	if h.errno == 0 && r.fatal {
		h.errno = uint16(r.failure.Errno)
	}
	h.settleOther(d, after)
	if r.cut {
		s.progress |= cutShort
		if wanted := h.intentOf(s); wanted != noIntent {
			r.failure = wanted.failure()
		}
	}
	if r.gone {
		// The kernel tells a reset to one call only. If one is under way in the
		// other direction, it may be that one.
		if h.errno == 0 && h.latch[1-d]&(owned|pending) == owned {
			h.latch[d] |= undecided
			r.verdict = wouldBlock
		} else {
			r.failure = h.whyGone(s)
		}
	}
	switch r.verdict {
	case ended, endedAndExhausted:
		h.takeOut(d, s, after)
		if r.failure == nil && s.kind == backend.Accept {
			s.op.Deliver(Result{Accepted: r.accepted})
		}
		h.end(d, s, r.failure, after)
	default:
		if s.flags&late != 0 && rec.n == 0 {
			h.returnUnused(rec, after)
		}
		if i := h.intentOf(s); i != noIntent && (i != toExpire || !h.mayRead(s, r)) {
			h.takeOut(d, s, after)
			h.end(d, s, i.failure(), after)
		}
	}
}

// mayRead tells whether a late read whose time is up has just learned from a Native
// kernel that there is data, and gets it a buffer: the read comes first, as in
// tryOnceMore. h.mu is held.
func (h *Handle) mayRead(s *Slot, r callResult) bool {
	return h.port.native != nil && r.verdict == progressed && s.flags&late != 0 && !s.hasBuffer() && h.borrow(s)
}

// transferred is settle for what mostly happens: bytes were moved, and the
// operation has ended well. h.mu is held.
func (h *Handle) transferred(d direction, s *Slot, r callResult, after *aftermath) {
	if r.verdict == ended || h.latch[d]&stopsShort != 0 {
		h.latch[d] |= ready // as in setLatch
	}
	h.queue[d].pop()
	rec := s.record()
	rec.n += int64(r.n)
	if s.kind == backend.Read {
		if s.flags&late != 0 {
			s.op.Deliver(Result{Buffer: rec.buffer})
		}
		rec.buffer.n += int(rec.n)
	}
	s.use.Store(s.use.Load() + 1)
	after.finished.push(s)
}

// setLatch notes whether the call has exhausted its direction. h.mu is held.
func (h *Handle) setLatch(d direction, v verdict) {
	switch v {
	case ended, progressed:
		h.latch[d] |= ready
	case endedAndExhausted, progressedAndExhausted:
		// A short read or write. No edge will come for what a read has left.
		if h.latch[d]&stopsShort != 0 {
			h.latch[d] |= ready
		}
	}
}

// settleOther lets the other direction look again if it has waited for the call
// that is over now. h.mu is held.
func (h *Handle) settleOther(d direction, after *aftermath) {
	if h.latch[1-d]&undecided != 0 {
		h.latch[1-d] &^= undecided
		h.listReady(1-d, after)
	}
}

// takeOut removes s from its queue, and from its pool's if it waits there.
// The caller owns the outcome from here on. h.mu is held.
func (h *Handle) takeOut(d direction, s *Slot, after *aftermath) {
	if d == in && h.latch[in]&wantsBuffer != 0 && s == h.queue[in].head() {
		h.stopWaiting(s.record(), after)
	}
	if s.progress&lastAborted != 0 {
		h.unmark(s)
	}
	h.queue[d].remove(s)
}

// end gives s, which stands in no queue any more, its outcome. What follows from
// it for those behind the state of h says, and the caller sees to it. h.mu is
// held.
func (h *Handle) end(d direction, s *Slot, f *Failure, after *aftermath) {
	rec := s.record()
	isShort := rec.n > 0 || s.progress&cutShort != 0
	if s.kind == backend.Write && f != nil && isShort && h.state&closing == 0 {
		f = h.breakOff(f)
	}
	rec.failure = f
	if f != nil && f.Code == System {
		after.failed = true
		if s.kind == backend.Connect && f.Err == nil {
			f.Target = s.target()
		}
	}
	h.conclude(s, rec, f, after)
	after.finished.push(s)
	switch {
	case s.progress&opens != 0:
		h.connectEnded(f, after)
	case s.kind == backend.CloseWrite && f == nil:
		h.state |= finSent
	}
}

// target is where a connect was to lead, as the program gave it.
func (s *Slot) target() any {
	var req Request
	s.op.Describe(&req)
	return req.Target
}

// conclude fixes the count, the buffer and the state of an operation that has
// its outcome.
func (h *Handle) conclude(s *Slot, rec *Record, f *Failure, after *aftermath) {
	switch s.kind {
	case backend.Read:
		if s.flags&late != 0 {
			h.deliverLate(s, rec, after)
		}
		if rec.buffer != nil {
			rec.buffer.n += int(rec.n)
		}
	case backend.Accept:
		if f != nil {
			s.op.Deliver(Result{})
		}
	case backend.Connect:
		rec.n = 0
	}
	s.use.Store(s.use.Load() + 1) // over: tickets of this use go stale
}

// edge takes in what the poller saw and performs what has become possible. What
// follows from it is left to the caller to publish.
func (p *Port) edge(e backend.Event, after *aftermath) {
	p.turn()
	h := p.table.get(e.FD)
	// A stale event: the number went to another descriptor meanwhile.
	if h == nil || h.generation != e.Generation {
		p.stale.Add(1)
		return
	}
	if p.observe != nil {
		p.tell(Trace{Step: StepReady, FD: e.FD})
	}
	h.lock()
	if e.Ready&(backend.EndedIn|backend.EndedOut) != 0 {
		h.ended(e.Ready, after)
		h.unlock(after)
		return
	}
	if e.Ready&(backend.Readable|backend.HungUp) != 0 {
		h.latch[in] |= ready
	}
	if e.Ready&(backend.HungUp|backend.StopsShort) != 0 {
		h.latch[in] |= stopsShort
	}
	if e.Ready&backend.Writable != 0 {
		h.latch[out] |= ready
	}
	h.run(in, after)
	if h.queue[out].tail != nil {
		h.run(out, after)
	}
	h.unlock(after)
}

// resume runs a direction that was put on the ready list.
func (p *Port) resume(r readyDirection) {
	var after aftermath
	r.handle.lock()
	if r.noted { // before it is run: what comes during a call lists it again
		r.handle.state &^= listedIn << r.direction
	}
	if p.native != nil {
		r.handle.abandon(r.direction, &after)
	}
	r.handle.run(r.direction, &after)
	r.handle.leave(&after)
}

// record notes an intent on the operation that a ticket names. It reports
// whether it was recorded while the operation was in flight. An operation not
// inside a call is ended at once.
func (p *Port) record(t Ticket, i intent) bool {
	if t.slot == nil {
		return false
	}
	// The slot may be used again any time until its handle's lock is held and
	// its use compared; until then h is only a guess. From then on the operation
	// can't end before the lock is released.
	p.step()
	h := t.slot.handle.Load()
	if h == nil || h.port != p {
		return false
	}
	s := t.slot
	var after aftermath
	h.lock()
	if s.use.Load() != t.use || s.handle.Load() != h || h.intentOf(s) != noIntent {
		h.mu.Unlock()
		return false
	}
	if i == toExpire && h.tryOnceMore(s, &after) {
		h.leave(&after)
		return false
	}
	s.intent = i
	if s.progress&begun != 0 && !h.isCalling(s) {
		h.endByIntent(s, &after)
	} else {
		h.listPending(directionOf(s.kind), &after)
	}
	h.leave(&after)
	return true
}

// tryOnceMore performs what has arrived for an operation whose time is up, and reports
// whether it has ended or has its turn again. What has arrived in time is its result,
// also if the port looks late: behind a long loop body, or because more is ready than
// one poll reports. So the call is asked, and not the latch. A write is not tried: room
// does not arrive, and a peer that reads nothing would have its time twice. h.mu is
// held, and let go of in between: the use of the slot tells whether somebody else has
// ended the operation meanwhile.
func (h *Handle) tryOnceMore(s *Slot, after *aftermath) (settled bool) {
	d := directionOf(s.kind)
	waits := d == in && h.state&connecting != 0 // then it would only leave the latch set
	switch {
	case s.kind != backend.Read && s.kind != backend.Accept && s.kind != backend.Connect:
		return false
	case h.port.native != nil || s.progress&begun == 0 || h.latch[d]&owned != 0 || waits:
		return false
	}
	use := s.use.Load()
	h.latch[d] |= ready
	h.run(d, after)
	if s.use.Load() != use || h.intentOf(s) != noIntent {
		return true
	}
	if h.state&(listedIn<<d) == 0 || h.latch[d]&ready == 0 {
		return false
	}
	// More is ahead of it than one turn performs.
	p := h.port
	p.lock()
	p.schedule(s)
	p.mu.Unlock()
	return true
}

// intentOf is what was recorded of s, or else of all that is queued with it. h.mu
// is held.
func (h *Handle) intentOf(s *Slot) intent {
	if s.intent == noIntent && s.progress&begun != 0 && s.kind != backend.Timer && h.closes(directionOf(s.kind)) {
		return toClose
	}
	return s.intent
}

// isCalling tells whether s is inside a system call or a Native kernel: it is
// the head of a direction that is owned. h.mu is held.
func (h *Handle) isCalling(s *Slot) bool {
	d := directionOf(s.kind)
	return h.latch[d]&owned != 0 && s == h.queue[d].head()
}

// endByIntent takes a queued operation out and lets the one behind it go on.
func (h *Handle) endByIntent(s *Slot, after *aftermath) {
	d := directionOf(s.kind)
	if s.kind == backend.Timer {
		h.end(d, s, s.intent.failure(), after)
		return
	}
	wasHead := s == h.queue[d].head()
	h.takeOut(d, s, after)
	h.end(d, s, s.intent.failure(), after)
	if !wasHead || h.latch[d]&owned != 0 {
		return
	}
	h.endDoomed(d, after)
	if h.queue[d].tail != nil {
		// The one behind may be performable, or has to end, and no edge will come
		// for it. A canceller makes no call itself.
		h.listReady(d, after)
	}
}
