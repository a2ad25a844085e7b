package core

import "github.com/completionport/completion/internal/backend"

// publish makes outcomes known, and tells the leader of a longer ready list.
func (p *Port) publish(after *aftermath) {
	if p.observe != nil {
		p.tellFinished(&after.finished)
	}
	p.lock()
	p.finishAll(after)
	p.unlock()
}

// finishAll is publish with mu held. An observer has been told.
func (p *Port) finishAll(after *aftermath) {
	for s := after.finished.pop(); s != nil; s = after.finished.pop() {
		p.finish(s)
	}
	if p.ready.count > 0 {
		p.wakeLeader()
	}
	p.offerItems()
	p.settled()
}

// finish passes an operation that has its outcome to the queue, or to whoever
// waits for it. mu is held.
func (p *Port) finish(s *Slot) {
	p.completed++
	rec := s.record()
	if s.kind == backend.Timer {
		rec.n = 0 // it held the due time
	}
	if s.flags&started == 0 {
		if p.observe != nil {
			p.traceQueued(s)
		}
		// Before the slot is free for others: whoever still finds it through the
		// record would take their operation for this one.
		rec.slot.Store(&inQueue)
		p.done.push(finished{s.op, rec})
		p.freeSlot(s)
		return
	}
	number := s.waiter
	// From here on the operation may be handed out by a Wait that needs no
	// lock: it is not touched any more. This too comes before the slot is free.
	rec.slot.Store(&unwaited)
	p.freeSlot(s)
	if number != 0 {
		w := p.waiters[number-1]
		w.finished = true
		p.rouse(w)
	}
}

// next takes the first finished operation, if there is one, and notes what
// follows from that. mu is held.
func (p *Port) next(then *delivery) Operation {
	if p.done.count == 0 {
		return nil
	}
	e := p.done.pop()
	op, rec := e.op, e.record
	p.pace.taken++
	if b := rec.buffer; b != nil {
		rec.buffer = nil
		if b.unlend() {
			b.next, then.orphans = then.orphans, b
		}
	}
	if f := rec.failure; f != nil && f.breaks {
		then.broken = append(then.broken, f.Handle)
	}
	rec.slot.Store(nil)
	return op
}

// delivery is what follows from handing operations out, and is done without the
// lock and before the program has them.
type delivery struct {
	orphans *Buffer   // shared buffers that nobody refers to any more
	broken  []*Handle // by a write that is handed out
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

// finished is an operation in the queue.
type finished struct {
	op     Operation
	record *Record
}

// settled wakes Close and Shutdown if what they wait for may have ended. mu is
// held.
func (p *Port) settled() {
	if !p.refusing {
		return
	}
	if p.inFlight() == 0 {
		p.rouseAll()
	}
	p.somethingSettled()
}
