package core

import (
	"context"
	"slices"

	"github.com/completionport/completion/internal/backend"
)

// Close refuses new operations, ends those in flight, closes all handles, and
// returns when no goroutine is in the poller or in a system call any more. It
// reports false if the port was closed before.
func (p *Port) Close() bool {
	p.lock()
	if p.closed {
		p.mu.Unlock()
		return false
	}
	p.closed, p.refusing = true, true
	p.wakeLeader()
	p.unlock()

	p.table.all(func(h *Handle) { h.Close() })
	p.endTimers(closing)

	p.lock()
	p.stopContexts()
	if p.native != nil {
		p.drainNative()
	}
	for p.inFlight() > 0 || p.handles > 0 || p.polling || p.callbacks > 0 {
		p.awaitSettled()
	}
	p.rouseAll()
	p.unlock()
	p.poller.Close()
	return true
}

// Shutdown refuses new operations, ends all in flight but writes, and polls
// until those have ended or ctx has; then it closes the port. It reports
// whether it could wait for all, and false for open if the port was closed
// before.
func (p *Port) Shutdown(ctx context.Context) (all, open bool) {
	c := heed(ctx)
	over := c.isOver()
	p.lock()
	if p.closed {
		p.mu.Unlock()
		return false, false
	}
	p.refusing = true
	p.unlock()

	p.table.all((*Handle).drain)
	p.endTimers(draining)

	p.takeEndsIn()
	p.lock()
	if !over {
		w, _ := p.enlist(c, drained)
		p.wait(w)
		p.dismiss(w)
	}
	all = p.onlyEnding()
	p.unlock()
	return all, p.Close()
}

// onlyEnding tells whether nothing is in flight but what was ended already, by
// Shutdown or before: it has to come out of a call or out of the kernel, and is cut
// short by nobody. The port accepts nothing any more; mu is held on entry and on
// return, and let go of in between.
func (p *Port) onlyEnding() bool {
	for {
		before := p.inFlight()
		if before == 0 {
			return true
		}
		p.unlock()
		ending := 0
		p.table.all(func(h *Handle) { ending += h.ending() })
		p.lock()
		if p.inFlight() == before { // none has ended meanwhile: all that are left were counted
			return ending == before
		}
	}
}

// ending is how many operations of h are inside a call or the kernel and have an
// intent. No other that has one is in flight.
func (h *Handle) ending() (n int) {
	h.lock()
	defer h.mu.Unlock()
	for d := range h.queue {
		if s := h.queue[d].head(); s != nil && h.intentOf(s) != noIntent {
			n++
		}
	}
	return n
}

// endedPerHold is how many timers are ended between two holds of the port's lock.
const endedPerHold = 128

// endTimers refuses new timers and ends those that wait. Each of them has an entry
// in the heap, or has not been begun and will be refused. The heap is taken down from
// its last entry, which moves no other, so that the lock is held for a part at a time;
// deadlines of operations that go on are put back.
func (p *Port) endTimers(as handleState) {
	p.home.lock()
	p.home.state |= as
	p.home.mu.Unlock()

	var deadlines []*Slot
	for more := true; more; {
		var tickets [endedPerHold]Ticket
		p.lock()
		for i := range tickets {
			if more = p.timers.count > 0; !more {
				break
			}
			switch s := p.timers.dropLast(); {
			case s == &p.asking:
				deadlines = append(deadlines, s)
			case s.op == nil: // over
			case s.kind == backend.Timer:
				tickets[i] = s.ticket()
			default:
				deadlines = append(deadlines, s)
			}
		}
		p.mu.Unlock()
		for _, t := range tickets {
			p.record(t, toClose) // of the zero Ticket, nothing
		}
	}
	for part := range slices.Chunk(deadlines, endedPerHold) {
		p.lock()
		for _, s := range part {
			p.schedule(s) // its slot may have another use by now, which is right too
		}
		p.unlock()
	}
}
