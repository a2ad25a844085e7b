package core

import (
	"math"

	"github.com/completionport/completion/internal/backend"
)

// publish makes outcomes known, and tells the leader of a longer ready list. No lock is
// held.
func (p *Port) publish(o *outcome) {
	if p.observer != nil {
		p.observer.tellDone(&o.ended)
	}
	st := p.lock()
	st.publish(o)
	st.unlock()
}

// publish is Port.publish with the lock held. An observer has been told.
func (st *state) publish(o *outcome) {
	for s := o.ended.pop(); s != nil; s = o.ended.pop() {
		st.finish(s)
	}
	if st.ready.count > 0 {
		st.scheduler.WakeLeader()
	}
	st.scheduler.ItemsChanged()
	st.scheduler.Settled()
}

// finish passes an operation that is Done to the queue, or to whoever
// waits for it.
func (st *state) finish(s *Slot) {
	st.completed++
	rec := s.record()
	if s.kind == backend.Timer {
		rec.n = 0 // it held the due time
	}
	if s.flags&started == 0 {
		if st.port.observer != nil {
			st.port.observer.noteQueued(s)
		}
		// Before the slot is free for others: whoever still finds it through the
		// record would take their operation for this one.
		rec.slot.Store(&inQueue)
		st.finished.push(finished{s.op, rec})
		st.slots.put(s)
		return
	}
	number := s.waiter
	// From here on the operation may be delivered by a Wait that needs no
	// lock: it is not touched any more. This too comes before the slot is free.
	rec.slot.Store(&unwaited)
	st.slots.put(s)
	if number != 0 {
		st.scheduler.End(number - 1)
	}
}

// explain has the errors of failures made that the system has caused. Nobody
// else knows of these operations yet, and users keeps the descriptor from being
// closed and its number from going to another while it is asked for its
// addresses. The lock is released in between.
func (h *locked) explain() {
	h.failed = false
	explain := h.port.explain
	if explain == nil {
		return
	}
	fd, isOpen := -1, h.state&closed == 0 && h.users < math.MaxUint16
	if isOpen {
		fd = int(h.fd)
		h.users++
	}
	h.mu.Unlock()
	for s := h.ended.head(); ; s = s.next {
		// One failure may be that of several, of those that wait for a connect.
		if f := s.record().failure; f != nil && f.Code == System && f.Err == nil {
			f.Err = explain(f, fd)
		}
		if s == h.ended.tail {
			break
		}
	}
	h.lockMutex()
	if isOpen {
		h.users--
	}
}

// finished is an operation in the queue.
type finished struct {
	op     Operation
	record *Record
}

// next takes the first finished operation, if there is one, and notes what
// follows from that.
func (st *state) next(then *delivery) Operation {
	if st.finished.count == 0 {
		return nil
	}
	e := st.finished.pop()
	op, rec := e.op, e.record
	st.scheduler.ItemTaken()
	if b := rec.buffer; b != nil {
		rec.buffer = nil
		if b.giveBack() {
			b.next, then.orphans = then.orphans, b
		}
	}
	if f := rec.failure; f != nil && f.breaks {
		then.broken = append(then.broken, f.Handle)
	}
	rec.slot.Store(nil)
	return op
}

// delivery is what follows from delivering operations, and is done without the
// lock and before the program has them.
type delivery struct {
	orphans *Buffer   // shared buffers that nobody refers to any more
	broken  []*Handle // by a write that is delivered
}

func (then *delivery) done() {
	for then.orphans != nil {
		b := then.orphans
		then.orphans, b.next = b.next, nil
		b.recycle()
	}
	for _, h := range then.broken {
		h.mend()
	}
}
