package core

// publish makes outcomes known, and tells the leader of a longer ready list.
func (p *Port) publish(after *aftermath) {
	if p.observe != nil {
		p.tellFinished(&after.finished)
	}
	p.lock()
	for s := after.finished.pop(); s != nil; s = after.finished.pop() {
		p.finish(s)
	}
	if len(p.ready) > 0 {
		p.wakeLeader()
	}
	p.offerItems()
	p.settled()
	p.unlock()
}

// finish passes an operation that has its outcome to the queue, or to whoever
// waits for it. mu is held.
func (p *Port) finish(s *Slot) {
	p.completed++
	rec := s.record()
	if s.kind == Timer {
		rec.n = 0 // it held the due time
	}
	if s.flags&started == 0 {
		p.done.push(s)
		p.doneCount++
		return
	}
	number := s.waiter
	// From here on the operation may be handed out by a Wait that needs no
	// lock: it is not touched any more. This comes before the slot is free for
	// others, as in next.
	rec.slot.Store(&unwaited)
	p.freeSlot(s)
	if number != 0 {
		w := p.waiters[number-1]
		w.finished = true
		p.rouse(w)
	}
}

// next takes the first finished operation, if there is one. orphan is a shared
// buffer that nobody refers to any more, to be recycled without the lock. mu
// is held.
func (p *Port) next() (op Operation, orphan *Buffer) {
	s := p.done.pop()
	if s == nil {
		return nil, nil
	}
	p.doneCount--
	p.taken++
	op = s.op
	rec := op.self()
	if b := rec.buffer; b != nil {
		rec.buffer = nil
		if b.unlend() {
			orphan = b
		}
	}
	// Before the slot is free for others: whoever still finds it through the
	// record would take their operation for this one.
	rec.slot.Store(nil)
	p.freeSlot(s)
	return op, orphan
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
