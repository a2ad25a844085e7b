package core

import "github.com/completionport/completion/internal/backend"

// With a Native kernel, the engine does not perform an operation when its direction is
// ready. It gives the operation to the kernel, which reports its end. In between the
// operation is Inside, for any length of time, and no operation behind it is performed.
// The goroutine that learns of the end goes on as after a call. Pooled reads are the
// exception: the kernel waits for data with a read of no bytes, and the end of that read
// counts as an edge.
//
// The end may be reported before the call returns that started the operation, or that
// asks for its early end. Event and call meet under the handle's lock, and the second of
// them applies the result.

// start gives the head of a queue to the kernel. The caller owns the direction; no lock
// is held. If the kernel has taken the operation, the caller may touch it only under the
// lock.
func (h *Handle) start(s *Slot) callResult {
	data, to := s.rest(), (*backend.Address)(nil)
	if s.flags&vectored != 0 {
		if r := h.tryVector(s); r.verdict != wouldBlock {
			return r
		}
		data = s.rest()
	}
	switch s.kind {
	case backend.Connect:
		if to = s.address(); to.BadPort {
			return h.systemFailure(s, backend.EINVAL)
		}
	case backend.Read:
		if r, over := h.startPooled(s); over {
			return r
		}
	case backend.CloseWrite, backend.Receive, backend.Send, backend.CopyIn, backend.Copy, backend.PollIn:
		return h.startOther(s)
	}
	kind := s.nativeKind()
	switch {
	case s.waitsForRoom():
		kind, data = backend.PollOut, nil
	case kind == backend.PollOut && !h.port.probes:
		return unsupported(s)
	}
	n, errno, isPending := h.port.native.Start(int(h.fd), kind, data, to)
	if isPending {
		return callResult{verdict: begunInKernel}
	}
	s.freeCopied()
	return h.outcomeOf(s, n, errno)
}

// startPooled makes the call of a pooled read that has just got its buffer, or lets the kernel
// select one. over is false for any other read.
func (h *Handle) startPooled(s *Slot) (r callResult, over bool) {
	switch {
	case s.flags&pooled == 0:
	case !s.hasBuffer() && s.record().buffer.pool.selects():
		return h.startSelected(s.record().buffer.pool), true
	case s.hasBuffer() && s.record().n == 0:
		return h.read(s), true // there is data: the read got its buffer for that
	}
	return callResult{}, false
}

// freeCopied gives back memory that the kernel does not send from any more.
func (s *Slot) freeCopied() {
	if s.flags&vectored != 0 {
		s.vector().copied.free()
	}
}

// waitsForRoom reports whether a Native kernel must not send the bytes of s by itself: they are
// those of a file, which it would need in memory, or descriptors go with the first of them. Then
// it waits for room, and the call that does not wait is made again.
func (s *Slot) waitsForRoom() bool {
	if s.flags&vectored == 0 || s.kind != backend.Write {
		return false
	}
	return s.vector().Source != nil && s.vector().copied.memory == nil || s.hasRights() && s.record().n == 0
}

// address returns the address of a connect, which stays reachable while the kernel uses it.
func (s *Slot) address() *backend.Address {
	req := new(Request)
	s.op.Describe(req)
	return req.Address
}

// outcomeOf returns the result of an operation that a Native kernel has ended with n and
// errno. The caller owns the direction; no lock is held.
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
		return haveWritten(n, s.left())
	case backend.Receive, backend.Send:
		return h.messageEnded(s)
	case backend.CopyIn:
		return callResult{verdict: progressed} // counts as an edge
	case backend.Copy:
		return copyingOf(s.op).sent(s, n)
	case backend.PollIn, backend.PollOut:
		return callResult{verdict: moved}
	}
	if !s.hasBuffer() {
		return callResult{verdict: progressed} // counts as an edge
	}
	return s.haveRead(n, len(s.rest()))
}

func (h *Handle) outcomeOfErrno(s *Slot, n int, errno backend.Errno) callResult {
	if s.kind != backend.Read && !s.sends() {
		n = 0
	}
	switch h.port.kernel.Classify(s.kind, errno) {
	case backend.Again:
		if s.sends() {
			r := h.systemFailure(s, errno)
			r.n, r.cut = n, true
			return r
		}
		return s.tryAgain(n)
	case backend.WouldBlock:
		return s.tryAgain(n)
	case backend.BrokenPipe:
		return callResult{verdict: ended, gone: true, n: n}
	}
	if s.isPoll() && h.port.endedBy(errno) == "" { // a read would not wait, either: it would fail
		return callResult{verdict: moved}
	}
	r := h.systemFailure(s, errno)
	r.n = n
	return r
}

// tryAgain returns the result of an operation that has moved n bytes and must be started
// again to move more.
func (s *Slot) tryAgain(n int) callResult {
	switch {
	case n > 0 && s.kind == backend.Read && s.seeks():
		return s.haveSought(n, len(s.rest()), true)
	case n > 0:
		return callResult{verdict: progressedAndExhausted, n: n}
	}
	return callResult{verdict: wouldBlock}
}

// endedInCall reports whether the operation that the kernel has taken ended during a call
// for it, and then sets r to its result. Otherwise the goroutine that learns of its end
// goes on with the direction. The lock may be released in between.
func (h *locked) endedInCall(d direction, s *Slot, r *callResult) bool {
	if h.latch[d]&endedEarly != 0 {
		h.latch[d] &^= endedEarly | abandoned
		*r = h.finish(s)
		return true
	}
	s.enter(Inside)
	// While the operation is inside, the other direction can't learn from it.
	h.decideOther(d)
	if h.intentOf(s) != noIntent { // perhaps recorded during the call: nobody has acted on it
		h.listInside(d)
	}
	return false
}

// finish returns the result of an operation that has ended inside the kernel. The
// operation is Calling. The lock is released in between.
func (h *locked) finish(s *Slot) (r callResult) {
	finish := (*Handle).callFinish
	if h.state&layered != 0 {
		finish = (*Handle).finishLayer
	}
	h.mu.Unlock()
	if h.port.observer == nil {
		r = finish(h.Handle, s)
	} else {
		r = h.observedCall(s, finish)
	}
	h.lockMutex()
	if r.buffer != nil {
		s.record().buffer = r.buffer
	}
	return r
}

func (h *Handle) callFinish(s *Slot) callResult {
	n, errno := h.port.native.Finish(int(h.fd), s.nativeKind())
	s.freeCopied()
	if s.kind == backend.Read && s.flags&pooled != 0 && !s.hasBuffer() {
		return h.finishSelected(s, n, errno)
	}
	return h.outcomeOf(s, n, errno)
}

// finishSelected returns the result of a pooled read that has had no buffer, with the one that it
// has taken. The caller owns the direction; no lock is held.
func (h *Handle) finishSelected(s *Slot, n int, errno backend.Errno) callResult {
	if h.port.selector == nil {
		return h.outcomeOf(s, n, errno)
	}
	pool := s.record().buffer.pool
	number, lacked := h.port.selector.Selected(int(h.fd))
	if lacked {
		pool.lacked()
	}
	if number < 0 {
		return h.outcomeOf(s, n, errno)
	}
	b := pool.selected(number)
	r := callResult{}
	if errno != 0 || n == 0 {
		r = h.outcomeOf(s, n, errno)
	} else {
		r = s.haveRead(n, len(b.data))
	}
	r.buffer = b
	return r
}

// abandon asks the kernel to end the operation of d that is inside it, if that operation
// has an intent, and reports whether it asked. The request must not hit the operation
// behind: as during a start, a goroutine that learns of the end meanwhile leaves the
// result to the caller of abandon. The lock is released in between.
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
		heard = h.port.native.Abandon(int(h.fd), s.nativeKind())
		return false
	})
	if !hasEnded && !heard {
		h.latch[d] &^= abandoned
		h.port.listUnheard(h.Handle, d)
		h.listed = true // so that a leader that sleeps is woken for the new deadline
	}
	return true
}

// askAgainAfter is how many nanoseconds the leader waits for an event after an Abandon that
// was not heard. Mostly the event is in the poller already, and the next poll returns it.
const askAgainAfter = 1_000_000

// listUnheard makes the leader abandon the operation inside the kernel once more if its
// end does not come soon. Meanwhile nobody asks again and again: an operation that has
// ended can't be abandoned any more, and only the poller reports its end. An entry may be
// stale when its time comes: then abandon finds nothing to do, or an operation that must
// be abandoned anyway. A handle's lock is held.
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

// askAgain puts the directions in which the kernel found nothing to abandon on the ready
// list.
func (st *state) askAgain() {
	for _, r := range st.unheard.directions {
		st.ready.push(r)
	}
	clear(st.unheard.directions)
	st.unheard.directions = st.unheard.directions[:0]
}

// callAbout makes a call for the head of d, which is inside the kernel. The call reports
// whether the head ended during it without an event. If the head has ended, whether the
// call or an event has reported it, callAbout applies the result and reports true. The
// lock is released during the call.
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

// acceptsAhead is the largest number of accepts of a listener that a Native kernel is
// told to expect.
const acceptsAhead = 16

// acceptMore tells the kernel how many accepts are queued, if the head is one that is
// inside. It reports whether the head has ended meanwhile, and its result was applied.
// The lock is released in between.
func (h *locked) acceptMore(d direction) (ended bool) {
	s := h.queue[d].head()
	if h.port.native == nil || s == nil || s.kind != backend.Accept {
		return false
	}
	// Look again after the call: a goroutine that queued more meanwhile could not call.
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

// startMessage is start for a Receive and a Send. What is there already, or has room, needs
// no operation inside the kernel.
func (h *Handle) startMessage(s *Slot) callResult {
	d := datagramsOf(s.op)
	m := &d.wait
	switch {
	case s.kind == backend.Send:
		if r := h.sendMessages(s); r.verdict != wouldBlock {
			return r
		}
		m = &d.Messages[d.Done]
	case s.flags&pooled == 0 && !d.callsFirst():
		m = &d.toReceive(s, s.record())[0]
	case s.hasBuffer():
		if r := h.receive(s); r.verdict != wouldBlock || s.flags&pooled != 0 {
			return r
		}
	}
	n, errno, isPending := h.port.native.StartMessage(int(h.fd), s.kind, m)
	if isPending {
		return callResult{verdict: begunInKernel}
	}
	return h.outcomeOf(s, n, errno)
}

// messageEnded is outcomeOf for a message that a Native kernel has received or sent, or for
// which it has waited.
func (h *Handle) messageEnded(s *Slot) callResult {
	switch d := datagramsOf(s.op); {
	case s.kind == backend.Send:
		return d.haveSent(1)
	case d.callsFirst() || s.flags&pooled != 0:
		return callResult{verdict: progressed} // counts as an edge
	}
	return h.haveReceived(s, 1, 0)
}

// startIn is takeIn for a Native kernel: without data, the kernel waits for it with a read of
// no bytes, also while it is the turn of the half out.
func (h *Handle) startIn(s *Slot) callResult {
	if c := copyingOf(s.op); c.readable {
		c.readable = false
		return h.takeIn(s)
	}
	return h.startWait(s, backend.Read)
}

// startWait begins a wait for data, which moves nothing.
func (h *Handle) startWait(s *Slot, kind backend.Kind) callResult {
	n, errno, isPending := h.port.native.Start(int(h.fd), kind, nil, nil)
	if isPending {
		return callResult{verdict: begunInKernel}
	}
	return h.outcomeOf(s, n, errno)
}

// startOut is sendOut for a Native kernel, which owns the memory until the write has ended.
func (h *Handle) startOut(s *Slot) callResult {
	c := copyingOf(s.op)
	held := c.held(s)
	if held == 0 {
		return h.nothingHeld(s, c)
	}
	n, errno, isPending := h.port.native.Start(int(h.fd), backend.Write, c.rest(held), nil)
	if isPending {
		return callResult{verdict: begunInKernel}
	}
	return h.outcomeOf(s, n, errno)
}

// startOther is start for kinds that have their own way.
func (h *Handle) startOther(s *Slot) callResult {
	switch s.kind {
	case backend.CloseWrite:
		return h.closeWrite(s)
	case backend.CopyIn:
		return h.startIn(s)
	case backend.Copy:
		return h.startOut(s)
	case backend.PollIn:
		if h.port.probes {
			return h.startWait(s, backend.PollIn)
		}
		return h.startWait(s, backend.Read)
	}
	return h.startMessage(s)
}

// forKernel returns s, which a Native kernel may take although its direction is not ready, or
// nil for a half of a Copy that has nothing to send.
func (h *locked) forKernel(s *Slot) *Slot {
	if s.kind == backend.Copy && !h.hasTurn(s) {
		return nil
	}
	return s
}
