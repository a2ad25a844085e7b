package core

import "github.com/completionport/completion/internal/backend"

// beginCopy begins both halves of a Copy. Neither is delivered before both have ended, so the
// second one is in flight until it is begun here. No lock is held.
func (p *Port) beginCopy(s *Slot) {
	out, in := s.handle.Load(), copyingOf(s.op).in
	t := s.ticket()
	for _, half := range [...]*Slot{s, in} {
		h := half.handle.Load().lock()
		h.enqueue(half)
		h.run(directionOf(half.kind))
		h.unlock()
	}
	if p.observer != nil {
		p.observer.tellParked(out, t)
	}
}

// check panics if a Copy is a mistake.
func (c *Copying) check(p *Port) {
	switch {
	case c.From == nil:
		panic("completion: copy without a handle to copy from")
	case c.From.port != p:
		panic("completion: the handle belongs to another port")
	}
}

// begin puts the half in in flight, for the half out in s. The port's lock is held.
func (c *Copying) begin(s *Slot) {
	st := &s.handle.Load().port.guarded
	in := st.slots.take()
	st.halves++
	c.half.of = c
	in.op, in.kind, in.flags = &c.half, backend.CopyIn, pooled
	in.handle.Store(c.From)
	c.half.n, c.half.failure = 0, nil
	c.half.slot.Store(in)
	in.enter(Accepted)
	c.out, c.in, c.left = s, in, 2
	c.why, c.unpiped, c.readable = nil, false, false
	c.turn.Store(inWaits)
	c.reset()
}
