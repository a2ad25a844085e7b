package core

import (
	"context"
	"slices"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/scheduler"
)

// Close refuses new operations, ends those in flight, closes all handles, and
// returns when no goroutine is in the poller or in a system call any more. It
// reports false if the port was closed before.
func (p *Port) Close() bool {
	st := p.lock()
	if st.closed {
		st.unlockQuietly()
		return false
	}
	st.closed, st.refusing = true, true
	st.scheduler.Close()
	st.unlock()

	for h := range p.table.All {
		h.Close()
	}
	p.endTimers(closing)
	p.endBorrows()

	p.lock()
	st.scheduler.ReleaseContexts()
	hasEnded := func() bool { return st.InFlight() == 0 && st.handles.count == 0 }
	if p.native != nil {
		st.scheduler.Drain(hasEnded)
	}
	for !hasEnded() || st.scheduler.Busy() {
		st.scheduler.AwaitChange()
	}
	st.scheduler.WakeAll()
	st.unlock()
	p.poller.Close()
	return true
}

// Shutdown refuses new operations, ends all in flight but writes, and polls
// until those have ended or ctx has; then it closes the port. It reports
// whether it could wait for all, and false for open if the port was closed
// before.
func (p *Port) Shutdown(ctx context.Context) (all, open bool) {
	c := scheduler.ContextOf(ctx)
	over := c.IsOver()
	st := p.lock()
	if st.closed {
		st.unlockQuietly()
		return false, false
	}
	st.refusing = true
	st.scheduler.Refuse()
	st.unlock()

	for h := range p.table.All {
		h.drain()
	}
	p.endTimers(draining)
	p.endBorrows()

	p.lookAround()
	p.lock()
	if !over {
		w, _ := st.scheduler.Enlist(c, scheduler.AllEnds)
		st.scheduler.Wait(w)
		st.scheduler.Dismiss(w)
	}
	all = st.onlyEnding()
	st.unlock()
	return all, p.Close()
}

// onlyEnding reports whether nothing is in flight but what was ended already, by
// Shutdown or before: it has to come out of a call or out of the kernel, and is cut
// short by nobody. The port accepts nothing any more. The lock is released in between.
func (st *state) onlyEnding() bool {
	for {
		before := st.InFlight()
		if before == 0 {
			return true
		}
		st.unlock()
		ending := 0
		for h := range st.port.table.All {
			ending += h.ending()
		}
		st.port.lock()
		if st.InFlight() == before { // none has ended meanwhile: all that are left were counted
			return ending == before
		}
	}
}

// ending is how many operations of h are inside a call or the kernel and have an
// intent. No other that has one is in flight.
func (h *Handle) ending() (n int) {
	l := h.lock()
	defer h.mu.Unlock()
	for d := range l.queue {
		if s := l.queue[d].head(); s != nil && l.intentOf(s) != noIntent {
			n++
		}
	}
	return n
}

// endedPerHold is how many timers are ended between two holds of the port's lock.
const endedPerHold = 128

// endTimers refuses new timers and ends those that wait. Each of them has an entry
// in the heap, or is Accepted and will be refused. The heap is taken down from
// its last entry, which moves no other, so that the lock is held for a part at a time;
// deadlines of operations that go on are put back.
func (p *Port) endTimers(as handleState) {
	h := p.timer.lock()
	h.state |= as
	h.mu.Unlock()

	var deadlines []*Slot
	for more := true; more; {
		var tickets [endedPerHold]Ticket
		deadlines, more = p.takeTimers(tickets[:], deadlines)
		for _, t := range tickets {
			p.record(t, toClose) // of the zero Ticket, nothing
		}
	}
	for part := range slices.Chunk(deadlines, endedPerHold) {
		st := p.lock()
		for _, s := range part {
			st.schedule(s) // its slot may have another use by now, which is right too
		}
		st.unlock()
	}
}

// takeTimers takes entries out of the heap, one for each of tickets, which name those
// that are timers. Deadlines are appended. It reports whether there are more.
func (p *Port) takeTimers(tickets []Ticket, deadlines []*Slot) ([]*Slot, bool) {
	st := p.lock()
	defer st.unlockQuietly()
	for i := range tickets {
		if st.timers.heap.count == 0 {
			return deadlines, false
		}
		switch s := st.timers.heap.dropLast(); {
		case s == &st.unheard.slot:
			deadlines = append(deadlines, s)
		case s.op == nil: // over
		case s.kind == backend.Timer:
			tickets[i] = s.ticket()
		default:
			deadlines = append(deadlines, s)
		}
	}
	return deadlines, true
}

// endBorrows ends those that wait. The port refuses new ones. It does not keep its
// pools, so they are found through the slots.
func (p *Port) endBorrows() {
	for i, more := 0, true; more; i++ {
		var tickets [slotsPerChunk]Ticket
		more = p.borrowsIn(i, &tickets)
		for _, t := range tickets {
			p.record(t, toClose) // of the zero Ticket, nothing
		}
	}
}

// borrowsIn finds the Borrows in a chunk of slots. It reports whether there may be more.
func (p *Port) borrowsIn(chunk int, tickets *[slotsPerChunk]Ticket) bool {
	st := p.lock()
	defer st.unlockQuietly()
	if !st.borrowed || chunk == len(st.slots.chunks) {
		return false
	}
	for i := range st.slots.chunks[chunk] {
		if s := &st.slots.chunks[chunk][i]; s.kind == backend.Borrow {
			tickets[i] = s.ticket()
		}
	}
	return true
}

// Close refuses new operations, ends those in flight and gives the descriptor
// back when the last of them has completed. It does not wait for that. It
// reports false if the handle was closed before.
func (h *Handle) Close() bool {
	if h.port == nil {
		return false
	}
	l := h.lock()
	first := l.state&closing == 0
	l.state |= closing
	l.endAll()
	inside := l.abandon(in)
	inside = l.abandon(out) || inside
	l.unlock()
	if inside {
		h.port.lookAround()
	}
	return first
}

// drain refuses and ends everything but writes on their way.
func (h *Handle) drain() {
	l := h.lock()
	l.state |= draining
	l.endAll()
	l.listInside(in)
	if l.state&connecting != 0 {
		l.listInside(out)
	}
	l.unlock()
}

// endAll ends what has to end in both directions. The lock is released between two
// turns, and what has ended is published then.
func (h *locked) endAll() {
	for _, d := range [...]direction{in, out} {
		for h.endDoomed(d) {
			h.relock()
		}
	}
}
