package core

import "github.com/completionport/completion/internal/backend"

// turnBudget is how many calls one goroutine makes for a direction before others get a
// turn.
const turnBudget = 16

// enqueue puts s at the end of its queue, or completes it if it is refused.
func (h *locked) enqueue(s *Slot) {
	d := directionOf(s.kind)
	refusal := s.refusal()
	switch {
	case h.state&closing != 0, h.state&draining != 0 && !s.isWrite() && s.kind != backend.PollOut:
		if s.intent == noIntent { // else somebody recorded another, and knows that
			s.intent = toClose
		}
		h.complete(s, s.intent.failure())
	case refusal != noRefusal && (s.kind != backend.Connect || h.state&(connecting|connected) != 0):
		h.complete(s, refusal)
	case h.state&failed != 0:
		h.complete(s, h.notConnected(s.kind))
	case h.state&shaking != 0 && s.flags&beneath == 0:
		h.complete(s, shutOutFailure)
	case isWork(s.kind):
		s.enter(Queued)
		h.port.worker.begin(s)
	case s.kind == backend.Timer: // it waits in the heap: accept has put it there
		s.enter(Queued)
	default:
		if s.kind == backend.Connect && h.state&(connected|connecting) == 0 {
			h.state |= connecting
			s.progress |= opens
		}
		s.enter(Queued)
		h.queue[d].push(s)
	}
}

// noRefusal means that nothing was refused. It differs from nil, with which a timer ends.
var noRefusal = &Failure{}

// refusal returns how an operation ends that must not reach the kernel, because an
// intent was recorded before it was queued. It returns noRefusal for any other. The first
// connect of a socket is queued all the same, so that the operations submitted behind it
// share its failure.
func (s *Slot) refusal() *Failure {
	if s.intent != noIntent {
		return s.intent.failure()
	}
	return noRefusal
}

// run performs operations of d until none can be performed now. It does nothing if
// another goroutine is in a call for d: that goroutine looks again under the lock after
// each call, so it sees what the caller of run has changed. The lock is released during
// each call.
func (h *locked) run(d direction) {
	if h.isBusy(d) && !h.acceptMore(d) {
		return
	}
	for budget := turnBudget; ; budget-- {
		s := h.toPerform(d)
		if s == nil {
			return
		}
		if budget <= 0 {
			// No new edge will come for the operations that are left.
			h.list(d)
			return
		}
		if s.next != s && d == out { // more is queued behind it
			if g := h.gather(s); g != nil {
				h.sendTogether(g)
				budget -= gatheredCost - 1
				continue
			}
		}
		short := h.latch[d] & stopsShort
		r := h.call(d, s)
		if r.verdict == begunInKernel && !h.endedInCall(d, s, &r) {
			if h.acceptMore(d) {
				continue
			}
			return
		}
		if r.verdict != wouldBlock {
			h.latch[d] |= short
		}
		h.apply(d, s, r)
	}
}

// call makes the call that the head of d waits for. The lock is released during it. A
// Borrow needs no call.
//
// The latch is cleared before the call: an edge that arrives during the call sets it
// again, and run tries once more. If the latch were cleared after the call, that edge
// would be lost, and the operation would sleep for ever. The same holds for stopsShort:
// a call that finds nothing clears it, but not if an edge has set it since.
func (h *locked) call(d direction, s *Slot) (r callResult) {
	if s.kind == backend.Borrow { // performable got its buffer
		s.enter(Calling)
		return callResult{verdict: ended, n: len(s.record().buffer.data)}
	}
	if h.state&layered != 0 {
		return h.callLayer(d, s)
	}
	h.latch[d] &^= ready | stopsShort
	s.enter(Calling)
	h.mu.Unlock()
	if h.port.observer == nil {
		r = h.perform(s)
	} else {
		r = h.observedCall(s, (*Handle).perform)
	}
	h.lockMutex()
	h.counts.calls++
	if r.verdict == wouldBlock {
		h.counts.wouldBlocks++
	}
	return r
}

// toPerform is performable, and ends a connect that must not wait for it.
func (h *locked) toPerform(d direction) *Slot {
	s := h.performable(d)
	for s == nil && d == out && h.endRefusedConnect() {
		s = h.performable(d)
	}
	return s
}

// performable returns the head of d if a call could make progress on it, and
// completes heads that need no call.
func (h *locked) performable(d direction) *Slot {
	for {
		s := h.queue[d].head()
		switch {
		case s == nil:
			return nil
		case h.state&dooming != 0 && h.doom(d) != nil:
			if h.endDoomed(d) {
				h.list(d)
				return nil
			}
			continue
		case d == in && h.state&connecting != 0:
			return h.waitForConnect(s)
		case (s.flags&vacant != 0 || s.kind == backend.Connect) && h.endUncalled(d, s):
			continue
		case s.isUnasked(h.port), s.kind == backend.CloseWrite && h.state&layered == 0: // needs no room: it never blocks
			return s
		case s.kind == backend.CloseWrite && h.state&layered != 0 && s.progress&shutting == 0: // the layer must know
			return s
		case h.latch[d]&(ready|undecided) != ready:
			if h.port.native != nil && h.latch[d]&undecided == 0 {
				return h.forKernel(s) // it waits for data or room
			}
			const shut = layered | finSent
			if s.kind == backend.Write && h.state&shut == shut && h.latch[d]&undecided == 0 {
				return s // it finds EPIPE, and needs no room for that
			}
			return nil
		case s.flags&pooled != 0 && !h.getBuffer(s):
			return nil
		}
		return s
	}
}

// waitForConnect is called for the head s, which waits for a connect, and returns nil. A buffer that
// is reserved for s goes to others meanwhile: the connect may take long.
func (h *locked) waitForConnect(s *Slot) *Slot {
	if h.latch[in]&wantsBuffer != 0 {
		h.stopWaiting(s.record())
	}
	return nil
}

// endRefusedConnect completes a first connect that must not reach the kernel, and waits behind an
// operation that can't be performed now: a Copy may wait for data for ever. It reports whether
// there was one. What is queued shares its failure.
func (h *locked) endRefusedConnect() bool {
	if h.state&connecting == 0 {
		return false
	}
	for s := h.queue[out].head(); s != nil; s = s.next {
		switch {
		case s.progress&opens != 0 && s.refusal() != noRefusal && s.phase() == Queued:
			h.takeOut(out, s)
			h.complete(s, s.refusal())
			return true
		case s.progress&opens != 0, s == h.queue[out].tail:
			return false
		}
	}
	return false
}

// isUnasked reports whether s is a connect that is still to be asked for, of a kernel of readiness.
// A Poll may have found the socket not writable, and on some systems no edge comes before it is
// connected.
func (s *Slot) isUnasked(p *Port) bool {
	return s.kind == backend.Connect && p.native == nil && s.record().n == 0
}

// endUncalled completes a head that needs no call, and reports whether it did.
func (h *locked) endUncalled(d direction, s *Slot) bool {
	f := (*Failure)(nil)
	switch {
	case s.kind == backend.Read: // it seeks, see seeking
		return false
	case s.flags&vacant != 0 && s.isPoll():
		f = unsupported(s).failure
	case s.flags&vacant != 0:
	case s.refusal() != noRefusal:
		f = s.refusal()
	case s.progress&opens == 0:
		// The kernel is not asked: Linux takes the second call for a question about
		// the first.
		f = &Failure{Code: System, Kind: backend.Connect, Errno: backend.EISCONN, Handle: h.Handle}
	default:
		return false
	}
	h.takeOut(d, s)
	h.complete(s, f)
	return true
}

// perform makes the one call that the head of a queue waits for. The caller owns the
// direction; no lock is held.
func (h *Handle) perform(s *Slot) callResult {
	if h.port.native != nil {
		return h.start(s)
	}
	switch s.kind {
	case backend.Read:
		if s.flags&vectored != 0 {
			return h.readV(s)
		}
		return h.read(s)
	case backend.Write:
		if s.flags&vectored != 0 {
			return h.writeV(s)
		}
		return h.write(s)
	case backend.Accept:
		return h.accept(s)
	case backend.Connect:
		return h.connect(s)
	case backend.CloseWrite:
		return h.closeWrite(s)
	case backend.Receive:
		return h.receive(s)
	case backend.Send:
		return h.sendMessages(s)
	case backend.CopyIn:
		return h.takeIn(s)
	case backend.Copy:
		return h.sendOut(s)
	case backend.PollIn, backend.PollOut:
		return h.probe(s)
	}
	panic("completion: a defect of the engine: no call for a " + s.kind.String())
}
