package core

import "github.com/completionport/completion/internal/backend"

// hasTurn reports whether the half s, the head of its queue, is to be performed. The half out
// gives the turn to the half in when it has nothing to do.
func (h *locked) hasTurn(s *Slot) bool {
	c := copyingOf(s.op)
	turn := c.turn.Load()
	if s.kind == backend.CopyIn {
		c.readable = turn&(inHasTurn|outEnded) == inHasTurn
		c.short = h.latch[in]&stopsShort != 0
		return c.readable
	}
	switch {
	case turn&inEnded != 0, c.Count < 0: // the rest is to be sent, or it ends
		return true
	case turn&inHasTurn != 0:
		return false
	case c.held(s) > 0:
		return true
	}
	c.giveTurn()
	h.listed = true
	return false
}

// giveTurn gives the turn to the half in, with nothing between the halves. It reports whether
// that half has ended: then nobody will take the turn. Otherwise, if no call of it is under
// way, it is listed.
//
// The half in sets inWaits before it looks at inHasTurn, and here inHasTurn is set before
// inWaits is looked at: so at least one of the two sees the other.
func (c *Copying) giveTurn() (over bool) {
	was := c.turn.Or(inHasTurn)
	if was&(inEnded|inWaits) == inWaits {
		c.From.port.list(readyDirection{handle: c.From, direction: in})
	}
	return was&inEnded != 0
}

// outHasEnded is called when the half s, out, has its outcome. The turn does not change from
// here on. If the half in has it, that one frees what it takes. outHasEnded reports whether
// there is something to free when the lock is released.
func (c *Copying) outHasEnded(s *Slot) bool {
	return c.turn.Or(outEnded)&inHasTurn == 0 && c.held(s) > 0
}

// freeRest is called for a half out that has its outcome, and is not published yet.
func (s *Slot) freeRest() {
	if c := copyingOf(s.op); c.turn.Load()&inHasTurn == 0 && c.held(s) > 0 {
		c.free()
	}
}

// free gives back the pipe or the memory between the halves, which may have bytes. No lock is
// held.
func (c *Copying) free() {
	c.freeMemory()
	if c.pipe != (backend.Pipe{}) {
		c.From.port.splicer.ClosePipe(c.pipe)
		c.pipe = backend.Pipe{}
	}
}

func (c *Copying) freeMemory() {
	if c.memory != nil {
		copies.Put(c.memory)
		c.memory, c.used = nil, 0
	}
}

// getPipe gets a pipe, unless there is one. It reports false if the system has none.
func (c *Copying) getPipe(p *Port) bool {
	p.lockMutex(&p.pipes.mu)
	if last := len(p.pipes.free) - 1; last >= 0 {
		c.pipe = p.pipes.free[last]
		p.pipes.free = p.pipes.free[:last]
		p.pipes.mu.Unlock()
		return true
	}
	p.pipes.mu.Unlock()
	pipe, errno := p.splicer.OpenPipe()
	c.pipe = pipe
	return errno == 0
}

// putPipe gives back a pipe that is empty.
func (c *Copying) putPipe(p *Port) {
	pipe := c.pipe
	c.pipe = backend.Pipe{}
	p.lockMutex(&p.pipes.mu)
	if len(p.pipes.free) < freePipes {
		p.pipes.free = append(p.pipes.free, pipe)
		p.pipes.mu.Unlock()
		return
	}
	p.pipes.mu.Unlock()
	p.splicer.ClosePipe(pipe)
}

// closePipes closes the pipes of a port that performs no operations any more.
func (p *Port) closePipes() {
	for _, pipe := range p.pipes.free {
		p.splicer.ClosePipe(pipe)
	}
	p.pipes.free = nil
}
