package core

import (
	"cmp"
	"slices"
)

// Submit accepts all operations or none. With start, their outcomes go to
// Wait, else to the queue. It reports false if the port accepts nothing any
// more; mistakes of the programmer panic.
func (p *Port) Submit(ops []Operation, start bool) bool {
	return p.submit(ops, start, noIntent)
}

// submit also gives the operations an intent they start with.
func (p *Port) submit(ops []Operation, start bool, i intent) bool {
	// Most calls bring one operation or few: no allocation for those.
	var few [8]*Slot
	slots := few[:0]
	p.lock()
	if p.refusing {
		p.mu.Unlock()
		return false
	}
	var traces []Trace
	slots = p.commitAll(p.claimAll(ops, start), i, slots, &traces)
	p.unlock()
	for _, t := range traces {
		p.tell(t)
	}
	if len(slots) == 1 {
		p.begin(slots[0])
		return true
	}
	p.beginAll(slots)
	return true
}

// claimAll makes all operations the port's and returns the chain of their
// slots. If one of them is a mistake, what was claimed before it is given back
// and the panic goes on. mu is held, and released if it panics.
func (p *Port) claimAll(ops []Operation, start bool) (first *Slot) {
	var last *Slot
	correct := false
	defer func() {
		if correct {
			return
		}
		isNil := last.op == nil && last.flags&collected == 0
		p.refuse(first)
		if isNil { // a nil pointer in the interface: make a sentence of it
			recover()
			panic(nilOperation)
		}
	}()
	for _, op := range ops {
		s := p.takeSlot()
		if first == nil {
			first = s
		} else {
			last.next = s
		}
		last = s
		p.claim(s, op)
		if start {
			s.flags |= started
		}
	}
	correct = true
	return first
}

// commitAll puts a chain of claimed operations in flight, and appends to slots
// those that are still to be begun. mu is held.
func (p *Port) commitAll(first *Slot, i intent, slots []*Slot, traces *[]Trace) []*Slot {
	now := int64(0)
	for s := first; s != nil; {
		next := s.next
		s.next = nil
		s.intent = i
		if now == 0 && (s.deadline != 0 || s.kind == Timer) {
			// Before a timer says when it is due: only those that are due at once
			// may overtake those that others still have to poll for.
			now = p.kernel.Now()
		}
		p.commit(s)
		if s.due() != 0 {
			p.deadlineOf(s, now)
		}
		if p.observe != nil {
			*traces = append(*traces, traceOf(StepSubmitted, s))
		}
		if s.endsAtOnce() {
			if p.observe != nil {
				*traces = append(*traces, traceFinished(s))
			}
			p.finish(s)
		} else {
			s.set(accepted)
			slots = append(slots, s)
		}
		s = next
	}
	p.offerItems()
	return slots
}

// endsAtOnce tells whether the operation needs neither a handle nor time.
func (s *Slot) endsAtOnce() bool {
	return s.flags&(limited|overdue) == 0 && s.intent == noIntent && (s.kind == Post || s.flags&ripe != 0)
}

// refuse undoes claim for a chain of slots and releases mu.
func (p *Port) refuse(first *Slot) {
	for s := first; s != nil; {
		next := s.next
		if s.op != nil {
			p.unclaim(s)
		}
		p.freeSlot(s)
		s = next
	}
	p.mu.Unlock()
}

const nilOperation = "completion: nil operation"

// unclaim gives an operation back as it was. mu is held.
func (p *Port) unclaim(s *Slot) {
	if s.flags&lent != 0 {
		p.describe(s)
		// A shared buffer still has the caller's own reference.
		p.request.Buffer.unlend()
	}
	was := (*Slot)(nil)
	if s.flags&collected != 0 {
		was = &waited
	}
	s.record().slot.Store(was)
}

// describe fills p.request. mu is held.
func (p *Port) describe(s *Slot) {
	p.request = Request{}
	s.op.Describe(&p.request)
}

// claim makes op the port's, in slot s, and its buffer too, or panics. It
// leaves the rest of the operation alone: if a later one of the same Submit is
// a mistake, this one still has its last outcome. mu is held.
func (p *Port) claim(s *Slot, op Operation) {
	if op == nil {
		panic(nilOperation)
	}
	claimed, wasWaited := op.self().claim(s)
	if !claimed {
		s.flags |= collected // not a nil pointer
		panic("completion: the operation is in flight: it belongs to the port until it has been handed out")
	}
	s.op = op
	if wasWaited {
		s.flags |= collected
	}
	p.describe(s)
	req := &p.request
	s.kind, s.deadline = req.Kind, reachable(req.Deadline)
	h := req.Handle
	switch req.Kind {
	case 0:
		panic("completion: not an operation: embed one of package ops")
	case Post, Timer:
		h = &p.home
	}
	switch {
	case h == nil:
		panic("completion: " + req.Kind.String() + " without a handle")
	case h.port != p:
		panic("completion: the handle belongs to another port")
	}
	if s.handle.Load() != h { // the exchange costs more than the look
		s.handle.Store(h)
	}
	if req.Kind == Read || req.Kind == Write {
		p.lend(s, req)
	}
}

// lend takes the operation's buffer over.
func (p *Port) lend(s *Slot, req *Request) {
	switch {
	case req.Kind == Write && req.Buffer == nil:
		panic("completion: a write without a buffer")
	case req.Buffer == nil && req.Pool == nil:
		panic("completion: a read with neither a buffer nor a pool")
	case req.Buffer != nil && req.Pool != nil:
		panic("completion: a read with both a buffer and a pool")
	case req.Pool != nil && req.Pool.port != p:
		panic("completion: the pool belongs to another port")
	case req.Pool != nil:
		s.flags |= late
	default:
		if mistake := req.Buffer.lend(req.Kind == Read); mistake != "" {
			panic(mistake)
		}
		s.flags |= lent
	}
	if req.Full {
		s.flags |= full
	}
}

// commit makes an operation that was claimed one in flight. mu is held.
func (p *Port) commit(s *Slot) {
	rec := s.record()
	rec.n, rec.failure = 0, nil
	switch s.kind {
	case Timer:
		p.describe(s)
		rec.n = reachable(p.request.Due)
	case Read, Write:
		p.describe(s)
		rec.buffer = p.request.Buffer
		if s.flags&late != 0 {
			rec.buffer = &p.request.Pool.door
		}
	}
	p.submitted++
	s.serial = uint32(p.submitted)
	if p.maxInFlight > 0 && p.inFlight() > p.maxInFlight {
		s.flags |= limited
	}
}

// deadlineOf schedules a deadline or a timer, or marks one that has passed
// already. mu is held.
func (p *Port) deadlineOf(s *Slot, now int64) {
	switch {
	case s.deadline != 0 && s.deadline <= now:
		s.flags |= overdue
	case s.due() <= now:
		s.flags |= ripe
	default:
		p.schedule(s)
	}
}

// begin puts an accepted operation into its queue and performs it if it can
// be performed now. Until it is queued here, nobody else can end it: others
// only record what they want of it.
func (p *Port) begin(s *Slot) {
	h, d, use := s.handle.Load(), s.kind.direction(), generation(s.word.Load())
	var after aftermath
	h.lock()
	h.enqueue(s, &after)
	h.run(d, &after)
	h.leave(&after)
	if p.observe != nil {
		p.tellParked(h, Ticket{s, use})
	}
}

// beginAll begins the operations of one Submit. Those of one handle are queued
// under one hold of its lock, before the first of them is performed: a write
// that ends half-way must find those behind it.
func (p *Port) beginAll(slots []*Slot) {
	var tickets []Ticket // for the observer
	if p.observe != nil {
		for _, s := range slots {
			tickets = append(tickets, Ticket{s, generation(s.word.Load())})
		}
	}
	slices.SortStableFunc(slots, byHandle)
	for len(slots) > 0 {
		h, n := slots[0].handle.Load(), 1
		for n < len(slots) && slots[n].handle.Load() == h {
			n++
		}
		var after aftermath
		h.lock()
		for _, s := range slots[:n] {
			h.enqueue(s, &after)
		}
		h.run(in, &after)
		h.run(out, &after)
		h.leave(&after)
		slots = slots[n:]
	}
	for _, t := range tickets {
		p.tellParked(t.slot.handle.Load(), t)
	}
}

// byHandle brings the operations of one handle together. A handle that was
// closed may have had the descriptor of another.
func byHandle(a, b *Slot) int {
	h, i := a.handle.Load(), b.handle.Load()
	return cmp.Or(cmp.Compare(h.fd, i.fd), cmp.Compare(h.generation, i.generation))
}
