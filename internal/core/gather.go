package core

import "github.com/completionport/completion/internal/backend"

// Writes that are queued behind one another leave together, in one call. Each of them is
// Calling meanwhile, so that intents are recorded as for any other, and each gets its own
// part of the result:
//
//   - The count of the call ends the first writes, as far as it reaches. The next one has
//     moved the rest of it, and goes on waiting.
//   - An errno belongs to the head, which it ends or not. The others have taken no part in
//     such a call.
//   - What has not ended is Queued again, or ends by an intent that was recorded during the
//     call. A write that ends after some of its bytes breaks the direction for those
//     behind it, as always: they are Queued by then, and have sent nothing.
//
// A kernel performs such calls without waiting, also a Native one: there, what finds no
// room goes on alone, inside the kernel. Nobody knows how much of a call is sent that was
// abandoned inside the kernel, so a cancel would hit all of its writes.

const (
	// gatheredBytes is the largest number of bytes that leave together, so that the call
	// is short. What saves calls are small writes.
	gatheredBytes = 256 << 10
	// gatheredCost is how many other calls such a call counts as in a turn. It moves more
	// bytes than most, and ends up to MostParts operations: a turn still takes less than a
	// millisecond, and ends 256 operations.
	gatheredCost = 4
)

// gather returns the writes that leave together with s, the head of the direction out: nil
// if it leaves alone. Nothing is tried again that has found no room, and a layer takes one
// write at a time.
func (h *locked) gather(s *Slot) *gathering {
	if h.latch[out]&ready == 0 || h.state&layered != 0 || !s.joins(0) || !s.next.joins(s.left()) {
		return nil
	}
	g := newGathering()
	for g.join(s) && s != h.queue[out].tail && s.next.joins(g.total) {
		s = s.next
	}
	if g.count < 2 {
		g.free()
		return nil
	}
	return g
}

// joins reports whether s can leave together with the writes of so many bytes before it.
func (s *Slot) joins(bytes int) bool {
	if s.kind != backend.Write || s.flags&vacant != 0 || s.left() > gatheredBytes-bytes {
		return false
	}
	return s.flags&vectored == 0 || s.vector().Source == nil && s.vector().Control == nil
}

// join adds s if all of it has room.
func (g *gathering) join(s *Slot) bool {
	used, total := g.used, g.total
	switch {
	case used == len(g.parts):
		return false
	case s.flags&vectored == 0:
		g.add(s.rest())
	case !s.vector().fill(g, int(s.record().n)):
		clear(g.parts[used:g.used])
		g.used, g.total = used, total
		return false
	}
	g.ops[g.count], g.sizes[g.count] = s, g.total-total
	g.count++
	return true
}

// sendTogether sends the writes of g, which are at the head of the queue, and applies the
// result. The lock is released during the call. See call for the latch.
func (h *locked) sendTogether(g *gathering) {
	h.latch[out] &^= ready
	for _, s := range g.ops[:g.count] {
		s.enter(Calling)
	}
	h.mu.Unlock()
	var r callResult
	if h.port.observer == nil {
		r = h.send(g.ops[0], g)
	} else {
		r = h.observedSend(g)
	}
	h.lockMutex()
	h.counts.calls++
	if r.verdict == wouldBlock {
		h.counts.wouldBlocks++
	}
	h.applyTogether(g, r)
	g.free()
}

// applyTogether gives each write of g its part of the result.
func (h *locked) applyTogether(g *gathering, r callResult) {
	left := r.n
	for i, s := range g.ops[:g.count] {
		switch size := g.sizes[i]; {
		case left >= size:
			left -= size
			h.apply(out, s, callResult{verdict: endedAndExhausted, n: size})
		case left > 0:
			h.apply(out, s, callResult{verdict: progressedAndExhausted, n: left})
			left = 0
		case i == 0:
			h.apply(out, s, r)
		default: // it took no part
			s.enter(Queued)
			h.goOnWaiting(out, s, callResult{verdict: wouldBlock})
		}
	}
	h.setLatch(out, r.verdict)
}

// observedSend is send with an observer. It reports the call for each operation that has
// moved bytes in it, or for the head.
func (h *Handle) observedSend(g *gathering) callResult {
	p := h.port
	begin := p.kernel.Now()
	r := h.send(g.ops[0], g)
	end := p.kernel.Now()
	left := r.n
	for i, s := range g.ops[:g.count] {
		if i > 0 && left == 0 {
			break
		}
		t := p.observer.trace(StepCalled, s)
		t.Time, t.Took, t.N = end, end-begin, int64(min(left, g.sizes[i]))
		left -= int(t.N)
		if r.verdict == wouldBlock {
			t.Errno = backend.EAGAIN
		} else if r.failure != nil {
			t.Errno = r.failure.Errno
		}
		p.observer.tell(t)
	}
	return r
}

// goesOn reports whether a read of several buffers that has moved n more bytes must fill
// others.
func (s *Slot) goesOn(n int) bool {
	const both = vectored | full
	return s.flags&both == both && int(s.record().n)+n < s.vector().total
}

// tryVector performs an operation with several buffers without waiting, on any kernel.
func (h *Handle) tryVector(s *Slot) callResult {
	if s.kind == backend.Read {
		return h.readV(s)
	}
	return h.writeV(s)
}

// readV is read for several buffers.
func (h *Handle) readV(s *Slot) callResult {
	g := newGathering()
	defer g.free()
	v, moved := s.vector(), int(s.record().n)
	v.fill(g, moved)
	for {
		v.returnMemory(moved)
		n, errno := h.readParts(v, g.parts[:g.used])
		v.lendMemory()
		if errno == 0 {
			if r := s.haveRead(n, g.total); n < g.total || !s.goesOn(n) {
				return r
			}
			return callResult{verdict: progressed, n: n}
		}
		switch h.port.kernel.Classify(s.kind, errno) {
		case backend.Again:
			continue
		case backend.WouldBlock:
			return callResult{verdict: wouldBlock}
		}
		return h.systemFailure(s, errno)
	}
}

// readParts is ReadV, with what accompanies the bytes. Where nothing can, there is nothing.
func (h *Handle) readParts(v *Vector, parts [][]byte) (int, backend.Errno) {
	if m, ok := h.port.kernel.(backend.Messenger); ok && v.Control != nil {
		return m.ReadControl(int(h.fd), parts, v.Control)
	}
	return h.port.kernel.ReadV(int(h.fd), parts)
}

// writeV is write for several buffers.
func (h *Handle) writeV(s *Slot) callResult {
	if s.vector().Source != nil {
		return h.sendSource(s)
	}
	g := newGathering()
	defer g.free()
	all := s.vector().fill(g, int(s.record().n))
	r := h.send(s, g)
	if r.verdict == ended && r.n == g.total && !all {
		r.verdict = progressed
	}
	return r
}
