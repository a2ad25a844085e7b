package core

import "github.com/completionport/completion/internal/backend"

// beginHandshake begins a handshake, unless its socket does not allow one: then it ends.
// Its socket belongs to it from here on, so that an operation that is submitted after it
// finds it shut. No lock is held.
func (p *Port) beginHandshake(s *Slot) {
	h := p.worker.handle.lock()
	refused := s.intent != noIntent
	h.mu.Unlock()
	var f *Failure
	if !refused { // nobody else can end it yet
		var req Request
		s.op.Describe(&req)
		f = req.Handle.beginShaking()
	}
	h = p.worker.handle.lock()
	if f != nil && s.intent == noIntent {
		h.complete(s, f)
	} else {
		h.enqueue(s)
	}
	h.unlock()
}

// beginElsewhere begins a handshake, a Copy, or an operation of the work pool. No lock is held.
func (p *Port) beginElsewhere(s *Slot) {
	if s.kind == backend.Handshake {
		p.beginHandshake(s)
		return
	}
	if s.kind == backend.Copy {
		p.beginCopy(s)
		return
	}
	h := s.handle.Load().lock()
	h.enqueueWork(s)
	h.unlock()
}

// beginAllElsewhere begins the handshakes and the operations of the work pool among those
// of one Submit, and returns the others. No lock is held.
func (p *Port) beginAllElsewhere(slots []*Slot) []*Slot {
	others := slots[:0]
	for _, s := range slots {
		if s.kind == backend.Handshake || onPool(s.kind) {
			p.beginElsewhere(s)
		} else {
			s.join() // a CloseFile behind it in this Submit waits for it
			others = append(others, s)
		}
	}
	return others
}

// beginShaking excludes operations other than those beneath from the handle, until Install,
// or for good. It returns why it can't.
func (h *Handle) beginShaking() *Failure {
	l := h.lock()
	defer l.mu.Unlock()
	switch {
	case l.state&closing != 0:
		return closedFailure
	case l.state&(connected|failed) != connected:
		if l.state&connecting == 0 {
			return &Failure{Code: System, Kind: backend.Handshake, Call: "getpeername", Errno: backend.ENOTCONN, Handle: h}
		}
		return shutOutFailure
	case l.state&(shaking|layered) != 0 || l.queue[in].tail != nil || l.queue[out].tail != nil:
		return shutOutFailure
	}
	l.state |= shaking
	return nil
}

// Install ends a handshake with success: from now on the operations of the handle go
// through layer. Install reports false if the handle is closing.
func (h *Handle) Install(layer Layer) bool {
	l := h.lock()
	defer l.unlock()
	if l.state&closing != 0 {
		return false
	}
	h.port.layers.Store(h, layer)
	l.state = l.state&^shaking | layered
	// The layer may have received more than its handshake: no edge comes for that.
	l.latch = [2]latch{in: l.latch[in] | ready, out: l.latch[out] | ready}
	return true
}
