package core

import "github.com/completionport/completion/internal/backend"

// complete gives s, which is in no queue any more, its outcome. It records in the state
// of h what follows for the operations behind s; the caller acts on that.
func (h *locked) complete(s *Slot, f *Failure) {
	rec := s.record()
	isShort := rec.n > 0 || s.progress&cutShort != 0
	if f != nil && isShort && s.sends() && h.state&closing == 0 {
		f = h.breakOff(f)
	}
	rec.failure = ofKind(f, s.kind)
	if f != nil && f.Code == System {
		h.failed = true
		if s.kind == backend.Connect && f.Err == nil {
			f.Target = s.target()
		}
	}
	h.finishResult(s, rec, f)
	s.enterDone()
	h.ended.push(s)
	switch {
	case s.progress&opens != 0:
		h.connectEnded(f)
	case s.kind == backend.CloseWrite && f == nil:
		h.state |= finSent
	}
}

// finishResult sets the final count and buffer of an operation that has its outcome.
func (h *locked) finishResult(s *Slot, rec *Record, f *Failure) {
	switch s.kind {
	case backend.Read, backend.Borrow, backend.ReadAt:
		if s.flags&pooled != 0 {
			h.deliverPooled(s, rec)
		}
		if s.flags&vectored != 0 {
			s.op.Deliver(Result{})
		}
		if f != nil && s.seeks() {
			untilOf(s.op).keep(rec)
		}
		if rec.buffer != nil {
			rec.buffer.n += int(rec.n)
		}
	case backend.Accept, backend.Dial, backend.OpenFile, backend.Stat, backend.Signal, backend.Process:
		if f != nil {
			s.op.Deliver(Result{})
		}
	case backend.Connect:
		rec.n = 0
	case backend.Receive:
		h.finishReceive(s, rec)
	case backend.Send:
		s.op.Deliver(Result{})
	case backend.Copy:
		if copyingOf(s.op).outHasEnded(s) {
			h.failed = true // explain frees what is left
		}
	}
}

// deliverPooled stores the buffer of a pooled read in the operation if it holds bytes,
// and puts it back into its pool otherwise.
func (h *locked) deliverPooled(s *Slot, rec *Record) {
	if rec.n > 0 {
		s.op.Deliver(Result{Buffer: rec.buffer})
		return
	}
	h.putBack(rec)
	rec.buffer = nil
	s.op.Deliver(Result{})
}

// target returns the address of a connect, as the program gave it.
func (s *Slot) target() any {
	var req Request
	s.op.Describe(&req)
	return req.Target
}

// intentOf returns the intent that was recorded for s, or else for its whole queue.
func (h *locked) intentOf(s *Slot) intent {
	if s.intent == noIntent && s.phase() != Accepted && s.kind != backend.Timer && h.closes(directionOf(s.kind)) {
		return toClose
	}
	return s.intent
}

// Some states of a handle end all its operations. These end in turns: their number is
// unlimited, and no goroutine holds the handle's lock, or the port's lock to publish
// them, for longer than one turn. Until its turn comes, an operation is in its queue and
// can be cancelled. So the state of the handle decides how the operations in a queue
// end, whichever goroutine ends them:
//
//   - closing: as closed. Close itself goes on until all have ended.
//   - draining: as closed, except the writes of an established connection.
//   - failed: with the failure of the connect that they waited for.
//   - broken: as aborted, behind a write that ended after some of its bytes; as closed, if the
//     port closes, which may have ended that write.
//
// An operation with an intent of its own ends with that instead. An operation in a call
// is left to the goroutine in that call.

// dooming are the states that may end queued operations.
const dooming = closing | draining | failed | broken

// doom returns the failure that ends the operations queued in d, nil if they go on.
func (h *locked) doom(d direction) *Failure {
	switch {
	case h.closes(d):
		return closedFailure
	case h.state&failed != 0:
		return h.connectFailure()
	case d == out && h.state&broken != 0 && h.port.closing.Load():
		return closedFailure
	case d == out && h.state&broken != 0:
		return abortedFailure
	}
	return nil
}

// closes reports whether the intent to close is recorded for all operations queued in d.
func (h *locked) closes(d direction) bool {
	return h.state&closing != 0 || h.state&draining != 0 && (d == in || h.state&connecting != 0)
}

// endDoomed ends the operations of d that must end, at most as many as one turn allows.
// It reports whether there are more: then it must be called again.
func (h *locked) endDoomed(d direction) (more bool) {
	f := h.doom(d)
	for left := h.port.endsPerTurn; f != nil; left-- {
		s := h.idle(d)
		switch {
		case s == nil:
			return false
		case left == 0:
			return true
		}
		h.takeOut(d, s)
		if s.intent != noIntent {
			h.complete(s, s.intent.failure())
		} else {
			h.complete(s, f)
		}
		if f == abortedFailure && h.state&(broken|failed) == 0 { // that was the last to abort
			return false
		}
	}
	return false
}

// connectEnded lets the reads that waited for the first connect go on, or ends them with
// its failure. A later connect on the same socket changes nothing. The operations behind
// the connect in its own direction are left to the caller.
func (h *locked) connectEnded(f *Failure) {
	h.state &^= connecting
	if f == nil && h.state&draining != 0 { // it was in a call then: what waits for it is closed
		f = closedFailure
	}
	if f == nil {
		h.state |= connected
		if h.queue[in].tail != nil {
			h.list(in)
		}
		return
	}
	if f.byContext { // the context belongs to the connect's Wait, not to these operations
		f = canceledFailure
	}
	h.state |= failed
	if f.Code == System && h.errno == 0 {
		h.errno = uint16(f.Errno)
	}
	h.port.connectFailures.Store(h.Handle, f)
	// A read whose call began before the connect gets the kernel's answer.
	if !h.isBusy(in) && h.endDoomed(in) {
		h.list(in)
	}
}

// connectFailure returns the failure of a connect, which the operations that waited for
// it share. A failure of the system got its error right after the call, so nobody writes
// to it any more.
func (h *locked) connectFailure() *Failure {
	f, _ := h.port.connectFailures.Load(h.Handle)
	return f.(*Failure)
}

// notConnected returns the failure of an operation that is submitted to a socket whose
// connect has failed.
func (h *locked) notConnected(k backend.Kind) *Failure {
	errno := backend.Errno(h.errno)
	switch {
	case errno == 0 && h.connectFailure() == closedFailure:
		return closedFailure
	case errno == 0: // no errno of the system: it was cancelled, or timed out
		errno = backend.ENOTCONN
	}
	return &Failure{Code: System, Kind: k, Errno: errno, Handle: h.Handle}
}

// breakOff marks h as broken by a write that has ended after some of its bytes, and
// returns the failure of that write. Until the write is delivered, an operation that is
// queued behind it or submitted meanwhile would start in the middle of its message.
//
// A handle has one such write at a time: no other write is performed until mend is
// called.
func (h *locked) breakOff(f *Failure) *Failure {
	h.state |= broken
	own := *f // a copy: f may be shared
	own.Handle, own.breaks = h.Handle, true
	return &own
}
