package core

import "context"

// Next returns a finished operation, and waits for one if need be. It returns
// nil if ctx has ended, or if the port is closed and nothing is left.
func (p *Port) Next(ctx context.Context) Operation {
	c := heed(ctx)
	if c.isOver() {
		return nil
	}
	p.lock()
	p.awaitItems(c, 1)
	var traces []Trace
	if p.observe != nil {
		traces = p.traceNext(traces)
	}
	var then delivery
	op := p.next(&then)
	p.offerItems()
	p.unlock()
	for _, t := range traces {
		p.tell(t)
	}
	then.done()
	return op
}

// NextBatch fills dst with finished operations, waits for the first, and
// returns how many there are: 0 for the reasons of Next.
func (p *Port) NextBatch(ctx context.Context, dst []Operation) int {
	c := heed(ctx)
	if len(dst) == 0 || c.isOver() {
		return 0
	}
	var then delivery
	var traces []Trace
	n := 0
	p.lock()
	p.awaitItems(c, len(dst))
	for n < len(dst) {
		if p.observe != nil {
			traces = p.traceNext(traces)
		}
		op := p.next(&then)
		if op == nil {
			break
		}
		dst[n] = op
		n++
	}
	p.offerItems()
	p.unlock()
	for _, t := range traces {
		p.tell(t)
	}
	then.done()
	return n
}

// traceNext adds a trace of the operation that next will take. mu is held.
func (p *Port) traceNext(traces []Trace) []Trace {
	if p.done.count == 0 {
		return traces
	}
	t, _ := p.dequeues.LoadAndDelete(p.done.front().record)
	return append(traces, t.(Trace))
}

// awaitItems returns when there is a finished operation to take, or no more
// reason to wait for one. There may be more if more are wanted and at hand. mu
// is held on entry and on return.
func (p *Port) awaitItems(ctx heeded, room int) {
	if p.done.count > 0 && p.leader == nil && !p.closed && p.lookIsDue() {
		w, _ := p.enlist(heedNone, anItem)
		p.leader = w
		p.round(w)
		p.resign(w)
		p.dismiss(w)
	}
	// One that consumes alone goes from event to event: it has nobody to tell.
	for p.done.count < room && len(p.seen) > 0 && p.leader == nil && !p.closed && !p.crowded() {
		p.leader = &p.passer
		if p.ready.count > 0 {
			p.work(0)
		}
		if len(p.seen) > 0 && !p.closed {
			p.serveNext()
		}
		p.resign(&p.passer)
	}
	// The lock was let go, and dismiss may do so: others may have taken what was
	// there.
	for over := false; p.done.count == 0 && !over; {
		w, _ := p.enlist(ctx, anItem)
		w.room = room
		p.wait(w)
		over = w.ended || p.closed && p.inFlight() == 0
		p.dismiss(w)
	}
}

// Wait returns when the started operation has ended and hands it out. If ctx
// ends first, the operation is cancelled, and waited for all the same.
func (p *Port) Wait(ctx context.Context, op Operation) {
	rec := recordOf(op)
	p.step()
	if p.collect(ctx, rec) {
		return
	}
	c := heed(ctx)
	if c.isOver() {
		p.step()
		p.record(TicketOf(rec), toCancel)
		c = heedNone
	}
	p.lock()
	flying, mistake := p.waitable(rec)
	if flying {
		w, released := p.enlist(c, oneOp)
		if released {
			flying, mistake = p.waitable(rec)
		}
		if flying {
			p.waitFor(w, rec)
		}
		p.dismiss(w)
	}
	p.unlock()
	if mistake != "" {
		panic(mistake)
	}
	p.step()
	p.collect(ctx, rec)
}

// waitable tells whether the operation is in flight and can be waited for, or
// why that is a mistake. mu is held.
func (p *Port) waitable(rec *Record) (flying bool, mistake string) {
	switch s := rec.slot.Load(); {
	case s == nil:
		return false, "completion: Wait for an operation that was not started"
	case s == &inQueue || s == &inQueueAgain:
		return false, "completion: Wait for an operation that was submitted to the queue"
	case s == &unwaited || s == &waited:
		return false, ""
	case s == &passing:
		return false, "completion: two goroutines wait for one operation"
	case s.handle.Load().port != p:
		return false, "completion: Wait for an operation of another port"
	case s.flags&started == 0:
		return false, "completion: Wait for an operation that was submitted to the queue"
	case s.waiter != 0:
		return false, "completion: two goroutines wait for one operation"
	}
	return true, ""
}

// waitFor waits until the operation, which is in flight, has ended. mu is held
// on entry and on return.
func (p *Port) waitFor(w *waiter, rec *Record) {
	s := rec.slot.Load()
	s.waiter = w.number + 1
	w.ticket = s.ticket()
	if w.ended { // before it could know what to cancel
		p.unlock()
		p.record(w.ticket, toCancel)
		p.lock()
	}
	p.wait(w)
}

// collect hands out a started operation that has ended, to a Wait with that context.
// It reports false if it is still in flight, or was never started.
func (p *Port) collect(ctx context.Context, r *Record) bool {
	switch s := r.slot.Load(); {
	case s == &waited:
		return true
	case s != &unwaited:
		return false
	case !r.slot.CompareAndSwap(s, &passing): // another Wait got in between
		panic("completion: two goroutines wait for one operation")
	}
	if b := r.buffer; b != nil {
		r.buffer = nil
		if b.unlend() {
			b.recycle()
		}
	}
	if f := r.failure; f != nil && f.breaks {
		f.Handle.mend()
	}
	if f := r.failure; f != nil && f.byContext {
		p.blame(ctx, r)
	} else {
		r.slot.Store(&waited)
	}
	return true
}

// blame hands out an operation that its context has ended, and fixes its error: the
// next Wait may have another context, and the outcome must not depend on who asks.
func (p *Port) blame(ctx context.Context, r *Record) {
	defer r.slot.Store(&waited) // also if the context, which is the program's, panics
	own := *r.failure           // the others are shared
	own.byContext = false
	r.failure = &own
	if p.blames != nil {
		own.Err = p.blames(ctx)
	}
}

// Await starts the operation and waits for it. It reports false if the port
// accepts nothing any more. With a context that has ended nothing reaches the
// kernel: the operation ends as cancelled.
func (p *Port) Await(ctx context.Context, op Operation) bool {
	i := noIntent
	if heed(ctx).isOver() {
		i = toCancel
	}
	one := [1]Operation{op}
	if !p.submit(one[:], true, i) {
		return false
	}
	p.Wait(ctx, op)
	return true
}

// Cancel records the wish to cancel op, and reports whether it was recorded
// while op was in flight.
func (p *Port) Cancel(op Operation) bool {
	p.step()
	return p.record(TicketOf(recordOf(op)), toCancelAsked)
}

// CancelTicket is Cancel for one use of an operation.
func (p *Port) CancelTicket(t Ticket) bool { return p.record(t, toCancelAsked) }

// SetDeadline moves the deadline of an operation in flight; 0 clears it. It
// reports false if the operation is not in flight any more.
func (p *Port) SetDeadline(op Operation, deadline int64) bool {
	rec := recordOf(op)
	t := TicketOf(rec)
	p.lock()
	defer p.unlock()
	// Slots are freed under mu only: the comparison holds until we leave.
	if t.slot == nil || rec.slot.Load() != t.slot || t.slot.use.Load() != t.use || t.slot.handle.Load().port != p {
		return false
	}
	t.slot.deadline = reachable(deadline)
	p.schedule(t.slot)
	return true
}
