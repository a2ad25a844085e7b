package core

import (
	"context"

	"github.com/completionport/completion/internal/scheduler"
)

// Next returns a finished operation, and waits for one if there is none. It returns nil
// if ctx has ended, or if the port is closed and no operation is left.
func (p *Port) Next(ctx context.Context) Operation {
	var one [1]Operation
	p.NextBatch(ctx, one[:])
	return one[0]
}

// NextBatch fills dst with finished operations and returns their number. It waits for
// the first. It returns 0 if dst is empty, and where Next returns nil.
func (p *Port) NextBatch(ctx context.Context, dst []Operation) (n int) {
	c := scheduler.ContextOf(ctx)
	if len(dst) == 0 || c.IsOver() {
		return 0
	}
	var then delivery
	var traces []Trace
	st := p.lock()
	st.scheduler.AwaitItems(c, len(dst))
	for n < len(dst) {
		if p.observer != nil {
			traces = st.takeQueued(traces)
		}
		op := st.next(&then)
		if op == nil {
			break
		}
		dst[n] = op
		n++
	}
	st.scheduler.ItemsChanged()
	st.unlock()
	if traces != nil {
		p.observer.tellAll(traces)
	}
	then.done()
	return n
}

// Await starts the operation and waits for it. It reports false if the port accepts no
// operations any more. If ctx has ended before, the operation ends as cancelled, and
// nothing reaches the kernel.
func (p *Port) Await(ctx context.Context, op Operation) bool {
	i := noIntent
	if scheduler.ContextOf(ctx).IsOver() {
		i = toCancel
	}
	one := [1]Operation{op}
	if !p.submit(one[:], true, i) {
		return false
	}
	p.Wait(ctx, op)
	return true
}

// Wait waits until the started operation has ended, and delivers it. If ctx ends first,
// Wait cancels the operation, and still waits for its end.
func (p *Port) Wait(ctx context.Context, op Operation) {
	rec := recordOf(op)
	p.step()
	if p.deliver(ctx, op, rec) {
		return
	}
	c := scheduler.ContextOf(ctx)
	if c.IsOver() {
		p.step()
		p.record(TicketOf(rec), toCancel)
		c = scheduler.Forever
	}
	st := p.lock()
	inFlight, mistake := p.waitable(rec)
	if inFlight {
		w, released := st.scheduler.Enlist(c, scheduler.OneEnd)
		if released {
			inFlight, mistake = p.waitable(rec)
		}
		if inFlight {
			st.waitFor(w, rec)
		}
		st.scheduler.Dismiss(w)
	}
	st.unlock()
	if mistake != "" {
		panic(mistake)
	}
	p.step()
	p.deliver(ctx, op, rec)
}

// waitable reports whether the operation is in flight and can be waited for. mistake
// says why a Wait is a mistake, "" if it is none. The port's lock is held.
func (p *Port) waitable(rec *Record) (inFlight bool, mistake string) {
	switch s := rec.slot.Load(); {
	case s == nil:
		return false, "completion: Wait for an operation that was not started"
	case s == &inQueue || s == &inQueueAgain:
		return false, "completion: Wait for an operation that was submitted to the queue"
	case s == &unwaited || s == &waited:
		return false, ""
	case s == &delivering:
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

// waitFor waits until the operation, which is in flight, has ended. The lock is released
// in between.
func (st *state) waitFor(w *scheduler.Waiter, rec *Record) {
	s, number := rec.slot.Load(), w.Number()
	s.waiter = number + 1
	for len(st.awaited) <= int(number) {
		st.awaited = append(st.awaited, Ticket{})
	}
	st.awaited[number] = s.ticket()
	if w.ContextOver() { // before awaited named the operation to cancel
		st.ContextEnded(int(number))
	}
	st.scheduler.Wait(w)
	st.awaited[number] = Ticket{}
}

// deliver delivers a started operation that is Done to a Wait with the context ctx. It
// reports false if the operation is still in flight, or was never started.
func (p *Port) deliver(ctx context.Context, op Operation, r *Record) bool {
	switch s := r.slot.Load(); {
	case s == &waited:
		return true
	case s != &unwaited:
		return false
	case !r.slot.CompareAndSwap(s, &delivering): // another Wait has it
		panic("completion: two goroutines wait for one operation")
	}
	if b := r.buffer; b != nil {
		r.buffer = nil
		if b.giveBack() {
			var then delivery
			then.add(op, b)
			then.done()
		}
	}
	if f := r.failure; f != nil && f.breaks {
		f.Handle.mend()
	}
	if f := r.failure; f != nil && f.byContext {
		p.blameContext(ctx, r)
	} else {
		r.slot.Store(&waited)
	}
	return true
}

// blameContext delivers an operation that the context of its Wait has ended, and sets
// its error for good: the next Wait may have another context, and the outcome must not
// depend on the caller.
func (p *Port) blameContext(ctx context.Context, r *Record) {
	defer r.slot.Store(&waited) // also if the context panics: it is code of the program
	own := *r.failure           // a copy: the failure is shared
	own.byContext = false
	r.failure = &own
	if p.blame != nil {
		own.Err = p.blame(ctx)
	}
}

// Cancel records the intent to cancel op, and reports whether it did so while op was in
// flight.
func (p *Port) Cancel(op Operation) bool {
	p.step()
	return p.record(TicketOf(recordOf(op)), toCancelAsked)
}

// CancelTicket is Cancel for one use of an operation.
func (p *Port) CancelTicket(t Ticket) bool { return p.record(t, toCancelAsked) }

// SetDeadline moves the deadline of an operation in flight; 0 clears it. It reports
// false if the operation is not in flight any more.
func (p *Port) SetDeadline(op Operation, deadline int64) bool {
	rec := recordOf(op)
	t := TicketOf(rec)
	st := p.lock()
	defer st.unlock()
	// Slots are freed only under the lock: the comparison stays true until it is released.
	if t.slot == nil || rec.slot.Load() != t.slot || !t.slot.has(t) || t.slot.handle.Load().port != p {
		return false
	}
	t.slot.deadline = reachable(deadline)
	st.schedule(t.slot)
	return true
}

// takeQueued appends the trace of the operation that next will take.
func (st *state) takeQueued(traces []Trace) []Trace {
	if st.finished.count == 0 {
		return traces
	}
	t, _ := st.port.observer.queued.LoadAndDelete(st.finished.front().record)
	return append(traces, t.(Trace))
}
