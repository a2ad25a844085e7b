package core

import "context"

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
	if !isOver(ctx) {
		w, _ := p.enlist(ctx, drained)
		p.wait(w)
		p.dismiss(w)
	}
	all = p.inFlight() == 0
	p.unlock()
	return all, p.Close()
}

// endTimers refuses new timers and ends those that wait. Each of them has an
// entry in the heap, or has not been begun and will be refused.
func (p *Port) endTimers(as handleState) {
	p.home.lock()
	p.home.state |= as
	p.home.mu.Unlock()

	p.lock()
	var tickets []Ticket
	for i := range p.timers.count {
		if e := p.timers.at(i); e.slot.kind == Timer && e.slot.op != nil {
			tickets = append(tickets, e.slot.ticket())
		}
	}
	p.mu.Unlock()
	for _, t := range tickets {
		p.record(t, toClose)
	}
}
