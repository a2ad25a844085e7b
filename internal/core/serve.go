package core

import (
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/scheduler"
)

var _ scheduler.Work = (*state)(nil)

// readyPerTurn is how many directions of the ready list one turn of the leader runs, if
// scheduler.TimePerTurn does not end it early. The rest runs after the next event.
const readyPerTurn = 16

// Ready reports whether a direction is listed.
func (st *state) Ready() bool { return st.ready.count > 0 }

// Armed reports whether there are handles, or ReadAts inside: without one, there are no events.
func (st *state) Armed() bool { return st.handles.count > 0 || st.port.readAts.Load() > 0 }

// Deadline returns when the next operation times out or the next timer fires.
func (st *state) Deadline() int64 { return st.timers.next() }

// Items returns how many finished operations are in the queue.
func (st *state) Items() int { return st.finished.count }

// InFlight returns how many operations were accepted and are not published as Done yet.
func (st *state) InFlight() int { return int(st.submitted - st.completed) }

// ContextEnded cancels the operation that the waiter with that number waits for. The
// lock is released in between.
func (st *state) ContextEnded(number int) {
	if number >= len(st.awaited) {
		return // it does not wait yet: waitFor looks at its context
	}
	t := st.awaited[number]
	st.unlock()
	st.port.record(t, toCancel)
	st.port.lock()
}

// Serve works on an event and publishes the outcome. The lock is released in between.
func (st *state) Serve(e backend.Event) {
	p := st.port
	st.unlock()
	o := p.serve(e)
	if p.observer != nil {
		p.observer.tellDone(&o.ended)
	}
	p.lock()
	st.publish(&o)
	st.leaveFiles()
}

// serve takes an event of the poller and performs the operations that have become
// possible. The caller must publish the outcome. No lock is held.
func (p *Port) serve(e backend.Event) outcome {
	p.turn()
	if e.Ready&backend.EndedReadAt != 0 {
		return p.readAtEnded(e.FD)
	}
	handle := p.table.Get(e.FD)
	// A stale event: its descriptor is closed, and the number may have a new owner.
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

// readAtEnded takes the result of a ReadAt inside the kernel. The caller must publish the outcome.
// No lock is held.
func (p *Port) readAtEnded(number int) outcome {
	owner, n, errno := p.fileReader.FinishReadAt(number)
	p.readAts.Add(-1)
	s := owner.(*Slot)
	if p.observer != nil {
		t := p.observer.trace(StepCalled, s)
		t.N, t.Errno = int64(n), errno
		p.observer.tell(t)
	}
	how := readEnded
	if errno != 0 {
		how |= readFailed
	}
	if n == 0 {
		how |= readNone
	}
	h := s.handle.Load().lock()
	h.counts.calls++
	s.record().n += int64(n)
	if s.phase() == Calling { // see readEnded
		s.progress |= how
	} else {
		s.enter(Calling)
		h.haveReadAt(s, how)
	}
	h.release()
	return h.outcome
}

// takeEdge sets the latches of what has become ready, and runs both directions. The lock
// is released in between.
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

// Turn runs the directions on the ready list and ends the operations that are due at the
// time now, as far as one turn allows. A direction that is listed meanwhile waits for the
// next turn. The lock is released in between.
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
	if r.handle == nil {
		p.endPartner()
		return
	}
	h := r.handle.lock()
	if r.isListed { // before it is run: an event during a call lists it again
		h.state &^= listedIn << r.direction
	}
	if h.state&ofWorkPool != 0 {
		h.offerAnyway(r.direction)
		h.unlock()
		return
	}
	if p.native != nil {
		h.abandon(r.direction)
	}
	h.run(r.direction)
	h.unlock()
}

// takeEnds applies the results of operations that have ended inside the kernel, and runs
// the operations behind them. The lock is released in between.
func (h *locked) takeEnds(which backend.Readiness) {
	for d, bit := range [...]backend.Readiness{in: backend.EndedIn, out: backend.EndedOut} {
		if which&bit == 0 {
			continue
		}
		d := direction(d)
		if !h.isInside(d) { // a goroutine is in a call for it, and goes on
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
