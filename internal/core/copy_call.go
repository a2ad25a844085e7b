package core

import "github.com/completionport/completion/internal/backend"

// splicedBytes is the largest number of bytes that one call takes into a pipe.
const splicedBytes = 1024 << 10

// takeIn makes the call of the half in, whose turn it is, and lets the half out go on with
// what it has taken.
func (h *Handle) takeIn(s *Slot) callResult {
	c := copyingOf(s.op)
	r, spliced := callResult{}, false
	if p := h.port; p.splicer != nil && !c.unpiped && p.splicer.PaysToSplice(c.most(c.last)) {
		r, spliced = h.spliceIn(s, c)
	}
	if !spliced {
		r = h.copyIn(s, c)
	}
	return c.took(r)
}

// took returns the result of a call of the half in, after the half out was given its turn.
func (c *Copying) took(r callResult) callResult {
	exhausted := r.verdict == progressedAndExhausted
	if r.n == 0 {
		if c.Some && c.taken > 0 && r.verdict == wouldBlock {
			r.verdict = endedAndExhausted
		}
		return r
	}
	last := c.Count > 0 && c.taken+int64(r.n) == c.Count || c.Some && exhausted && !c.short
	switch over := c.passTurn(r.n, last) || last; {
	case over && exhausted:
		r.verdict = movedAndExhausted
	case over:
		r.verdict = moved
	}
	return r
}

// passTurn gives the turn to the half out, after the half in has taken n bytes, and performs
// that half if it can be performed now: a copy between two sockets that are ready goes on
// without the ready list. last tells that the half in ends after that. passTurn reports whether
// the half out has ended. No lock is held.
func (c *Copying) passTurn(n int, last bool) (over bool) {
	c.taken += int64(n)
	c.last = n
	for {
		turn := c.turn.Load()
		if turn&outEnded != 0 { // nobody will send it, and the turn stays here
			c.free()
			return true
		}
		next := turn &^ (inHasTurn | inWaits)
		if last {
			next |= takesNoMore
		}
		// The exchange fails if the half out ends meanwhile: it frees nothing, since it has
		// not got the turn.
		if c.turn.CompareAndSwap(turn, next) {
			break
		}
	}
	to := c.To.lock()
	to.run(out)
	to.unlock()
	return c.turn.Or(inWaits)&outEnded != 0 // for inWaits, see giveTurn
}

// spliceIn moves bytes from the socket to a pipe. ok is false if that is not possible: then
// nothing was moved. The pipe is empty, so if the call would block, the socket is empty.
func (h *Handle) spliceIn(s *Slot, c *Copying) (r callResult, ok bool) {
	p := h.port
	if _, layered := p.layers.Load(c.To); layered || !p.splicer.CanSplice(int(h.fd), int(c.To.fd)) || !c.getPipe(p) {
		c.unpiped = true
		return r, false
	}
	for {
		n, errno, supported := p.splicer.SpliceIn(int(h.fd), c.pipe, c.most(splicedBytes))
		if n > 0 {
			return callResult{verdict: progressed, n: n}, true
		}
		if supported && errno != 0 && p.kernel.Classify(s.kind, errno) == backend.Again {
			continue
		}
		c.putPipe(p)
		if c.unpiped = !supported; c.unpiped {
			return r, false
		}
		if r = h.tookNothing(s, errno); r.failure != nil {
			r.failure.Call = "splice"
		}
		return r, true
	}
}

// copyIn moves bytes from the socket to memory. A short read has emptied the socket, as in
// haveRead.
func (h *Handle) copyIn(s *Slot, c *Copying) callResult {
	c.memory = copies.Get().(*[copiedBytes]byte)
	for {
		most := c.most(copiedBytes)
		n, errno := h.port.kernel.Read(int(h.fd), c.memory[:most])
		if errno == 0 && n > 0 {
			c.used = n
			if n < most {
				return callResult{verdict: progressedAndExhausted, n: n}
			}
			return callResult{verdict: progressed, n: n}
		}
		if errno == 0 || h.port.kernel.Classify(s.kind, errno) != backend.Again {
			c.freeMemory()
			return h.tookNothing(s, errno)
		}
	}
}

// tookNothing returns the result of a call of the half in that moved no bytes: errno is 0 at
// the end of the stream.
func (h *Handle) tookNothing(s *Slot, errno backend.Errno) callResult {
	switch {
	case errno == 0:
		return callResult{verdict: ended, gone: true}
	case h.port.kernel.Classify(s.kind, errno) == backend.WouldBlock:
		return callResult{verdict: wouldBlock}
	}
	return h.systemFailure(s, errno)
}

// sendOut makes the call of the half out. If nothing is between the halves, the half in has
// ended, and this half ends as well.
func (h *Handle) sendOut(s *Slot) callResult {
	c := copyingOf(s.op)
	held := c.held(s)
	if held == 0 {
		return h.nothingHeld(s, c)
	}
	for {
		var n int
		var errno backend.Errno
		if c.memory != nil {
			n, errno = h.port.kernel.Write(int(h.fd), c.rest(held))
		} else {
			n, errno = h.port.splicer.SpliceOut(c.pipe, int(h.fd), held)
		}
		if errno == 0 {
			return c.sent(s, n)
		}
		if r, again := h.writeRefused(s, errno); !again {
			if r.failure != nil && c.memory == nil {
				r.failure.Call = "splice"
			}
			return r
		}
	}
}

// nothingHeld returns the result of a half out that is performed with nothing to send.
func (h *Handle) nothingHeld(s *Slot, c *Copying) callResult {
	if c.Count < 0 {
		return h.systemFailure(s, backend.EINVAL)
	}
	return callResult{verdict: moved, failure: c.outcome()}
}

// rest returns what is left to send of the memory.
func (c *Copying) rest(held int) []byte { return c.memory[c.used-held : c.used] }

// sent returns the result of a call of the half out that has moved n bytes. If these were all,
// the half in has the turn.
func (c *Copying) sent(s *Slot, n int) callResult {
	if n < c.held(s) {
		return callResult{verdict: progressed, n: n} // the next call finds out why
	}
	if c.freeMemory(); c.pipe != (backend.Pipe{}) {
		c.putPipe(c.To.port)
	}
	if c.turn.Load()&takesNoMore != 0 {
		return callResult{verdict: moved, n: n}
	}
	if c.giveTurn() {
		return callResult{verdict: moved, n: n, failure: c.outcome()}
	}
	return callResult{verdict: progressed, n: n}
}
