package core

import (
	"math"

	"github.com/completionport/completion/internal/backend"
)

// beginCopy begins both halves of a Copy. Neither is delivered before both have ended, so the
// second one is in flight until it is begun here. No lock is held.
func (p *Port) beginCopy(s *Slot) {
	out, t := s.handle.Load(), s.ticket()
	p.beginTogether([]*Slot{s, copyingOf(s.op).in})
	if p.observer != nil {
		p.observer.tellParked(out, t)
	}
}

// beginTogether begins operations some of which are halves of Copies. Those of one queue stand
// side by side. It queues all of them before another goroutine queues halves: if one Copy were
// ahead of another in one queue and behind it in a second, each would wait for the other for
// ever. No lock is held.
func (p *Port) beginTogether(slots []*Slot) {
	var few [4]begun // most batches have few handles: no allocation for those
	groups := few[:0]
	p.lockMutex(&p.copyOrder)
	for len(slots) > 0 {
		handle, n := slots[0].handle.Load(), 1
		for n < len(slots) && slots[n].handle.Load() == handle {
			n++
		}
		h := begun{locked: handle.lock()}
		for _, s := range slots[:n] {
			h.enqueue(s)
		}
		h.keep()
		h.mu.Unlock() // nothing is published yet: an observer may submit a Copy
		groups, slots = append(groups, h), slots[n:]
	}
	p.copyOrder.Unlock()
	// Others may have ended the operations by now: their slots are not theirs any more.
	for i := range groups {
		h := &groups[i]
		h.lockMutex()
		if h.kept {
			h.users--
		}
		h.run(in)
		h.run(out)
		h.unlock()
	}
}

// begun is a handle in whose queues beginTogether has put operations.
type begun struct {
	locked
	kept bool // it counts as a user of the handle
}

// keep keeps the descriptor open, for the errors of operations that have failed.
func (h *begun) keep() {
	if h.kept = h.failed && h.users < math.MaxUint16; h.kept {
		h.users++
	}
}

// outFirst sorts halves out before halves in, and all operations of their directions with them:
// when a half in ends, its half out is in its queue, where it can be ended.
func outFirst(s, t *Slot) int { return int(directionOf(t.kind) - directionOf(s.kind)) }

// check panics if a Copy is a mistake.
func (c *Copying) check(p *Port) {
	switch {
	case c.From == nil:
		panic("completion: copy without a handle: its From is nil")
	case c.From.port != p:
		panic("completion: the handle (socket, listener or file) belongs to another port")
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
