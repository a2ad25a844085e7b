package core

import (
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/scheduler"
)

var _ scheduler.Work = (*state)(nil)

// readyPerTurn is how many directions of the ready list one turn of the leader runs, if
// scheduler.TimePerTurn does not end it early. What is left has its turn behind the next
// event.
const readyPerTurn = 16

// Ready reports whether a direction is listed.
func (st *state) Ready() bool { return st.ready.count > 0 }

// Armed reports whether there are handles: without, nothing can become ready.
func (st *state) Armed() bool { return st.handles.count > 0 }

// Deadline is when an operation is overdue next, or a timer fires.
func (st *state) Deadline() int64 { return st.timers.next() }

// Items is how many finished operations lie in the queue.
func (st *state) Items() int { return st.finished.count }

// InFlight is how many operations were accepted and have not been published as Done.
func (st *state) InFlight() int { return int(st.submitted - st.completed) }

// ContextEnded cancels what the waiter of that number waits for. The lock is released
// in between.
func (st *state) ContextEnded(number int) {
	if number >= len(st.awaited) {
		return // it does not wait yet, and will see for itself
	}
	t := st.awaited[number]
	st.unlock()
	st.port.record(t, toCancel)
	st.port.lock()
}

// Serve works on an event and publishes what follows. The lock is released in between.
func (st *state) Serve(e backend.Event) {
	p := st.port
	st.unlock()
	o := p.serve(e)
	if p.observer != nil {
		p.observer.tellDone(&o.ended)
	}
	p.lock()
	st.publish(&o)
}

// serve takes in what the poller saw and performs what has become possible. What
// follows from it is left to the caller to publish. No lock is held.
func (p *Port) serve(e backend.Event) outcome {
	p.turn()
	handle := p.table.Get(e.FD)
	// A stale event: the number went to another descriptor meanwhile.
	if handle == nil || handle.generation != e.Generation {
		p.stale.Add(1)
		return outcome{}
	}
	if p.observer != nil {
		p.observer.tell(Trace{Step: StepReady, FD: e.FD})
	}
	h := handle.lock()
	if e.Ready&(backend.EndedIn|backend.EndedOut) != 0 {
		h.takeEnds(e.Ready)
	} else {
		h.takeEdge(e.Ready)
	}
	h.release()
	return h.outcome
}

// takeEdge notes what has become ready, and performs it. The lock is released in
// between.
func (h *locked) takeEdge(r backend.Readiness) {
	if r&backend.Readable != 0 {
		h.latch[in] |= ready
	}
	if r&backend.StopsShort != 0 {
		h.latch[in] |= stopsShort
	}
	if r&backend.Writable != 0 {
		h.latch[out] |= ready
	}
	h.run(in)
	if h.queue[out].tail != nil {
		h.run(out)
	}
}

// Turn performs what is on the ready list, and what is overdue at the time now, as
// far as one turn allows. A direction that is listed meanwhile waits for the next.
// The lock is released in between.
func (st *state) Turn(now int64) {
	due, retried := st.timers.expired(now, &st.unheard.slot)
	if retried {
		st.askAgain()
	}
	if st.ready.count > 0 {
		st.runReady()
	}
	st.unlock()
	for _, e := range due {
		st.port.record(e.ticket, e.intent())
	}
	st.port.lock()
}

// runReady runs the directions that are on the ready list, as far as one turn
// allows. The lock is released in between.
func (st *state) runReady() {
	p := st.port
	now := p.kernel.Now()
	end := now + scheduler.TimePerTurn
	for n := min(st.ready.count, readyPerTurn); n > 0 && now < end; n-- {
		r := st.ready.pop()
		st.unlock()
		p.resume(r)
		now = p.kernel.Now()
		p.lock()
	}
}

// resume runs a direction that was put on the ready list. No lock is held.
func (p *Port) resume(r readyDirection) {
	h := r.handle.lock()
	if r.isListed { // before it is run: what comes during a call lists it again
		h.state &^= listedIn << r.direction
	}
	if p.native != nil {
		h.abandon(r.direction)
	}
	h.run(r.direction)
	h.unlock()
}

// takeEnds takes in that operations inside the kernel have ended, and runs what is
// behind them. The lock is released in between.
func (h *locked) takeEnds(which backend.Readiness) {
	for d, bit := range [...]backend.Readiness{in: backend.EndedIn, out: backend.EndedOut} {
		if which&bit == 0 {
			continue
		}
		d := direction(d)
		if !h.isInside(d) { // somebody is in a call about it, and goes on
			h.latch[d] |= endedEarly
			continue
		}
		h.latch[d] &^= abandoned
		s := h.queue[d].head()
		s.enter(Calling)
		h.apply(d, s, h.finish(s))
		h.run(d)
	}
}
