package core

import (
	"context"
	"slices"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/scheduler"
)

// Close refuses new operations, ends those in flight, and closes all handles. It returns
// when no goroutine is in the poller or in a system call any more. It reports false if
// the port was closed before.
func (p *Port) Close() bool {
	st := p.lock()
	if st.closed {
		st.unlockQuietly()
		return false
	}
	st.closed, st.refusing = true, true
	st.scheduler.Close()
	st.unlock()
	p.closing.Store(true)

	for h := range p.table.All {
		h.Close()
	}
	p.endTimers(closing)
	p.endUnlisted()
	for _, h := range p.files() {
		h.Close()
	}

	p.lock()
	st.scheduler.ReleaseContexts()
	hasEnded := func() bool { return st.InFlight() == 0 && st.handles.count == 0 && len(st.files) == 0 }
	if p.native != nil {
		st.scheduler.Drain(hasEnded)
	}
	for !hasEnded() || st.scheduler.Busy() {
		st.scheduler.AwaitChange()
	}
	st.scheduler.WakeAll()
	st.unlock()
	p.closePipes()
	p.poller.Close()
	return true
}

// Shutdown refuses new operations, ends those in flight except writes, and polls until
// the writes have ended or ctx has. Then it closes the port. all reports whether the
// close cut no write short. open reports whether this call closed the port: it is
// false if the port was closed before.
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
	p.endUnlisted()
	for _, h := range p.files() {
		h.drain()
		h.offerClose()
	}

	p.lookAround()
	p.lock()
	if !over {
		w, _ := st.scheduler.Enlist(c, scheduler.AllEnds)
		st.scheduler.Wait(w)
		st.scheduler.Dismiss(w)
	}
	st.unlock()
	all = !p.writesLeft()
	return all, p.Close()
}

// writesLeft reports whether a write is in flight that has no intent: a close would cut it
// short. The port accepts no operations any more, so one that is Accepted when its slot is
// looked at is in a queue, or over, when the handles are looked at. No lock is held.
func (p *Port) writesLeft() bool {
	for i, more := 0, true; more; i++ {
		var accepted bool
		if accepted, more = p.acceptedWriteIn(i); accepted {
			return true
		}
	}
	for h := range p.table.All {
		if h.hasWriteLeft() {
			return true
		}
	}
	return slices.ContainsFunc(p.files(), (*Handle).hasWriteLeft)
}

// acceptedWriteIn reports whether a chunk of slots has a write that is in no queue yet, and
// whether there are more chunks.
func (p *Port) acceptedWriteIn(chunk int) (accepted, more bool) {
	st := p.lock()
	defer st.unlockQuietly()
	if chunk == len(st.slots.chunks) {
		return false, false
	}
	for i := range st.slots.chunks[chunk] {
		s := &st.slots.chunks[chunk][i]
		if s.isWrite() && s.kind != backend.Copy && s.phase() == Accepted {
			return true, true
		}
	}
	return false, true
}

// hasWriteLeft reports whether a write of h has no intent. Only those that are in a call or
// inside the kernel can have one: they are the first of the queue. A Copy that holds no bytes
// is none.
func (h *Handle) hasWriteLeft() bool {
	l := h.lock()
	defer h.mu.Unlock()
	s := l.queue[out].head()
	for s != nil && (l.intentOf(s) != noIntent || s.holdsNothing()) {
		if s == l.queue[out].tail {
			return false
		}
		s = s.next
	}
	return s != nil
}

// endedPerHold is how many timers or deadlines endTimers handles in one hold of the
// port's lock.
const endedPerHold = 128

// endTimers refuses new timers and ends those that wait. Each of them has an entry in
// the heap, or is Accepted and will be refused. endTimers always removes the last entry,
// which moves no other, so that it can hold the lock for a part of them at a time. Then
// it puts back the deadlines of operations that go on.
func (p *Port) endTimers(as handleState) {
	h := p.timer.lock()
	h.state |= as
	h.mu.Unlock()

	var deadlines []*Slot
	for more := true; more; {
		var tickets [endedPerHold]Ticket
		deadlines, more = p.takeTimers(tickets[:], deadlines)
		for _, t := range tickets {
			p.record(t, toClose) // does nothing for the zero Ticket
		}
	}
	for part := range slices.Chunk(deadlines, endedPerHold) {
		st := p.lock()
		for _, s := range part {
			st.schedule(s) // right too if the slot has another use by now
		}
		st.unlock()
	}
}

// takeTimers removes entries from the heap, one for each element of tickets. It stores
// the tickets of timers there and appends the slots of deadlines to deadlines. It
// reports whether there are more entries.
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
		case s.op == nil: // the operation has ended
		case s.kind == backend.Timer:
			tickets[i] = s.ticket()
		default:
			deadlines = append(deadlines, s)
		}
	}
	return deadlines, true
}

// endUnlisted ends the Borrows, the Dials, and the operations of the work pool without a file.
// The port refuses new ones. Their handles are in no table, so endUnlisted finds them through
// the slots.
func (p *Port) endUnlisted() {
	for i, more := 0, true; more; i++ {
		var tickets [slotsPerChunk]Ticket
		more = p.unlistedIn(i, &tickets)
		for _, t := range tickets {
			p.record(t, toClose) // does nothing for the zero Ticket
		}
	}
}

// unlistedIn stores the tickets of these operations in a chunk of slots, and reports
// whether there may be more in the next.
func (p *Port) unlistedIn(chunk int, tickets *[slotsPerChunk]Ticket) bool {
	st := p.lock()
	defer st.unlockQuietly()
	if !st.unlisted || chunk == len(st.slots.chunks) {
		return false
	}
	for i := range st.slots.chunks[chunk] {
		if s := &st.slots.chunks[chunk][i]; s.kind == backend.Borrow || isWork(s.kind) || isFileless(s.kind) {
			tickets[i] = s.ticket()
		}
	}
	return true
}

// Close refuses new operations and ends those in flight. The descriptor returns to the
// system when the last of them has ended; Close does not wait for that. It reports false
// if the handle was closed before.
func (h *Handle) Close() bool {
	if h.port == nil {
		return false
	}
	l := h.lock()
	first := l.state&closing == 0
	l.state |= closing
	l.endAll()
	inside := l.abandon(in)
	inside = l.abandon(out) || inside || l.state&startsReads != 0 && l.users > 0
	isShaking := l.state&shaking != 0
	l.unlock()
	if isShaking {
		h.port.worker.interruptShake(h)
	}
	if inside {
		h.port.lookAround()
	}
	return first
}

// drain ends the operations of h and refuses new ones, except writes.
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

// endAll ends the operations of both directions that must end. Between two turns it
// releases the lock and publishes the outcomes.
func (h *locked) endAll() {
	for _, d := range [...]direction{in, out} {
		for h.endDoomed(d) {
			h.relock()
		}
	}
}
