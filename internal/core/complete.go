package core

import "github.com/completionport/completion/internal/backend"

// complete gives s, which is in no queue any more, its outcome. What follows from
// it for those behind it is in the state of h, and the caller sees to it.
func (h *locked) complete(s *Slot, f *Failure) {
	rec := s.record()
	isShort := rec.n > 0 || s.progress&cutShort != 0
	if s.kind == backend.Write && f != nil && isShort && h.state&closing == 0 {
		f = h.breakOff(f)
	}
	rec.failure = f
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

// finishResult fixes the count and the buffer of an operation that has its outcome.
func (h *locked) finishResult(s *Slot, rec *Record, f *Failure) {
	switch s.kind {
	case backend.Read, backend.Borrow:
		if s.flags&pooled != 0 {
			h.deliverPooled(s, rec)
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
}

// deliverPooled delivers the buffer of a pooled read if it has bytes in it.
func (h *locked) deliverPooled(s *Slot, rec *Record) {
	if rec.n > 0 {
		s.op.Deliver(Result{Buffer: rec.buffer})
		return
	}
	h.putBack(rec)
	rec.buffer = nil
	s.op.Deliver(Result{})
}

// target is where a connect was to lead, as the program gave it.
func (s *Slot) target() any {
	var req Request
	s.op.Describe(&req)
	return req.Target
}

// intentOf is what was recorded of s, or else of all that is queued with it.
func (h *locked) intentOf(s *Slot) intent {
	if s.intent == noIntent && s.phase() != Accepted && s.kind != backend.Timer && h.closes(directionOf(s.kind)) {
		return toClose
	}
	return s.intent
}

// What ends all operations of a handle ends them in turns. There may be any
// number of them, and nobody holds the handle's lock, or the port's to publish
// them, for longer than a turn takes. Until its turn comes an operation is in
// its queue and can be cancelled as ever. So it is the state of the handle that
// says how those in a queue end, whoever gets to them:
//
//   - closing: as closed. Close itself goes on until all have ended.
//   - draining: likewise, but for the writes of a connection that is made.
//   - failed: as the connect that they were to wait for.
//   - broken: as aborted, behind a write that has ended half-way.
//
// What was recorded of an operation before is how it ends. One that is inside a
// call is left to whoever is in that call.

// dooming are the states that may end what is queued.
const dooming = closing | draining | failed | broken

// doom is how what is queued in d has to end, nil if it need not.
func (h *locked) doom(d direction) *Failure {
	switch {
	case h.closes(d):
		return closedFailure
	case h.state&failed != 0:
		return h.connectFailure()
	case d == out && h.state&broken != 0:
		return abortedFailure
	}
	return nil
}

// closes tells whether the intent to close is recorded for all that is queued in
// d.
func (h *locked) closes(d direction) bool {
	return h.state&closing != 0 || h.state&draining != 0 && (d == in || h.state&connecting != 0)
}

// endDoomed ends what has to end in d, but not more than one turn allows. It
// reports whether there is more: then it must be called again.
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
		if f == abortedFailure && h.state&broken == 0 { // that was the last of them
			return false
		}
	}
	return false
}

// connectEnded lets what waited for the first connect go on, or end as it did. A
// later connect on the same socket changes nothing. What is queued behind it in
// its own direction is left to the caller.
func (h *locked) connectEnded(f *Failure) {
	h.state &^= connecting
	if f == nil && h.state&draining != 0 { // begun before: what waits for it is closed
		f = closedFailure
	}
	if f == nil {
		h.state |= connected
		if h.queue[in].tail != nil {
			h.list(in)
		}
		return
	}
	if f.byContext { // of the one that waits for the connect, and not of these
		f = canceledFailure
	}
	h.state |= failed
	if f.Code == System && h.errno == 0 {
		h.errno = uint16(f.Errno)
	}
	h.port.connectFailures.Store(h.Handle, f)
	// A read that was begun before the connect is answered by the kernel.
	if !h.isBusy(in) && h.endDoomed(in) {
		h.list(in)
	}
}

// connectFailure is what those share that waited for a connect that failed. One of
// the system has its error since its call: nobody writes to it any more.
func (h *locked) connectFailure() *Failure {
	f, _ := h.port.connectFailures.Load(h.Handle)
	return f.(*Failure)
}

// notConnected is what an operation gets that comes to a socket whose connect
// has failed.
func (h *locked) notConnected(k backend.Kind) *Failure {
	errno := backend.Errno(h.errno)
	switch {
	case errno == 0 && h.connectFailure() == closedFailure:
		return closedFailure
	case errno == 0: // it was cancelled
		errno = backend.ENOTCONN
	}
	return &Failure{Code: System, Kind: k, Errno: errno, Handle: h.Handle}
}

// breakOff notes that a write has ended after some of its bytes, and returns its
// failure: until that was delivered, whatever is queued behind it or comes
// meanwhile would start in the middle of its message.
//
// There is one such write of a handle at a time, since none is performed before
// mend was called for it.
func (h *locked) breakOff(f *Failure) *Failure {
	h.state |= broken
	own := *f // the others are shared
	own.Handle, own.breaks = h.Handle, true
	return &own
}
