package core

import "context"

// begin starts the goroutine of s, which is Queued. The lock of the worker is held.
func (w *worker) begin(s *Slot) { go w.run(s.ticket()) }

// run performs the operation that t names, unless an intent has ended it before.
func (w *worker) run(t Ticket) {
	h := w.handle.lock()
	s := t.slot
	if !s.has(t) {
		h.mu.Unlock()
		return
	}
	var req Request
	s.op.Describe(&req)
	ctx, cancel := context.WithCancel(context.Background())
	if w.cancel == nil {
		w.cancel = make(map[*Slot]context.CancelFunc)
	}
	w.cancel[s] = cancel
	s.enter(Calling) // from here on nobody else ends it
	h.mu.Unlock()

	result, err := req.Run(ctx, h.port.owner)
	cancel()

	h = w.handle.lock()
	delete(w.cancel, s)
	h.ran(s, result, err)
	h.unlock()
}

// ran completes an operation whose Run has returned.
func (h *locked) ran(s *Slot, result Result, err error) {
	var f *Failure
	switch {
	case err == nil:
		s.op.Deliver(result)
	case h.intentOf(s) != noIntent:
		f = h.intentOf(s).failure()
	default:
		f = &Failure{Code: Foreign, Err: err}
	}
	h.complete(s, f)
}

// interrupt ends the context of an operation that is Calling. The lock of the worker is
// held: cancelling a context calls nothing of the program's.
func (w *worker) interrupt(s *Slot) { w.cancel[s]() }
