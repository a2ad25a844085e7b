package core

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
	p.mu.Lock()
	if p.refusing {
		p.mu.Unlock()
		return false
	}
	var traces []Trace
	slots = p.accept(ops, start, i, slots, &traces)
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

// accept claims and describes all operations, and returns those that are still
// to be begun. If one of them is a mistake, what was claimed before it is given
// back and the panic goes on. mu is held, and released if it panics.
func (p *Port) accept(ops []Operation, start bool, i intent, slots []*Slot, traces *[]Trace) []*Slot {
	accepting := 0 // claimed so far
	var first *Slot
	var last *Slot
	defer func() {
		if accepting < len(ops) {
			p.unaccept(first)
			p.mu.Unlock()
		}
	}()
	now := int64(0)
	for _, op := range ops {
		s := p.takeSlot()
		if first == nil {
			first = s
		} else {
			last.next = s
		}
		last = s
		p.describe(s, op)
		if start {
			s.flags |= started
		}
		s.intent = i
		if s.due() != 0 {
			if now == 0 {
				now = p.kernel.Now()
			}
			p.deadlineOf(s, now)
		}
		accepting++
	}
	// Nothing can fail any more.
	for s := first; s != nil; {
		next := s.next
		s.next = nil
		p.submitted++
		s.serial = uint32(p.submitted)
		if p.observe != nil {
			*traces = append(*traces, traceOf(StepSubmitted, s))
		}
		if p.maxInFlight > 0 && p.inFlight() > p.maxInFlight {
			s.flags |= limited
		}
		if s.flags&(limited|overdue) == 0 && i == noIntent && (s.kind == Post || s.flags&ripe != 0) {
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

// unaccept undoes what accept did to a chain of slots. mu is held.
func (p *Port) unaccept(s *Slot) {
	for s != nil {
		next := s.next
		if s.op != nil { // claimed
			rec := s.record()
			if rec.buffer != nil {
				// It was lent a moment ago; a shared one still has the caller's
				// own reference.
				if !isDoor(rec.buffer) {
					rec.buffer.unlend()
				}
				rec.buffer = nil
			}
			rec.slot.Store(nil)
		}
		p.freeSlot(s)
		s = next
	}
}

func isDoor(b *Buffer) bool { return b.pool != nil && b == &b.pool.door }

// describe makes op the port's, in slot s. mu is held.
func (p *Port) describe(s *Slot, op Operation) {
	if op == nil {
		panic("completion: nil operation")
	}
	rec := op.self()
	if !rec.claim(s) {
		panic("completion: the operation is in flight: it belongs to the port until it has been handed out")
	}
	s.op = op
	rec.n, rec.failure, rec.buffer = 0, nil, nil
	req := &p.request
	*req = Request{}
	op.Describe(req)
	s.kind, s.deadline = req.Kind, req.Deadline
	if req.Full {
		s.flags |= full
	}
	h := req.Handle
	switch req.Kind {
	case 0:
		panic("completion: not an operation: embed one of package ops")
	case Post:
		h = &p.home
	case Timer:
		h = &p.home
		rec.n = req.Due
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
		p.lend(s, rec, req)
	}
}

// lend takes the operation's buffer over.
func (p *Port) lend(s *Slot, rec *Record, req *Request) {
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
		rec.buffer = &req.Pool.door
		return
	}
	if mistake := req.Buffer.lend(req.Kind == Read); mistake != "" {
		panic(mistake)
	}
	rec.buffer = req.Buffer
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
	h.mu.Lock()
	h.enqueue(s, &after)
	h.run(d, &after)
	h.leave(&after)
	if p.observe != nil {
		p.tellParked(h, Ticket{s, use})
	}
}

// beginAll begins the operations of one Submit. All are queued before the
// first is performed: one that ends half-way must find those behind it.
func (p *Port) beginAll(slots []*Slot) {
	var few [8]readyDirection
	toRun := few[:0]
	var tickets []Ticket // for the observer
	for _, s := range slots {
		r := readyDirection{s.handle.Load(), s.kind.direction()}
		if p.observe != nil {
			tickets = append(tickets, Ticket{s, generation(s.word.Load())})
		}
		var after aftermath
		r.handle.mu.Lock()
		r.handle.enqueue(s, &after)
		r.handle.leave(&after)
		if n := len(toRun); n == 0 || toRun[n-1] != r {
			toRun = append(toRun, r)
		}
	}
	for _, r := range toRun {
		p.resume(r)
	}
	for _, t := range tickets {
		p.tellParked(t.slot.handle.Load(), t)
	}
}
