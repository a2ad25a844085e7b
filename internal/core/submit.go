package core

import (
	"cmp"
	"slices"

	"github.com/completionport/completion/internal/backend"
)

// Submit accepts all operations or none. With start, their outcomes go to Wait, otherwise
// to the queue. It reports false if the port accepts no operations any more. Mistakes of
// the program panic.
//
// It has three steps: claim makes the port the owner of each operation, or panics and
// gives all of them back; accept puts each in flight; begin puts each in its handle's
// queue and performs it if it can be performed now. claim and accept hold the port's
// lock, begin holds the handle's.
func (p *Port) Submit(ops []Operation, start bool) bool {
	return p.submit(ops, start, noIntent)
}

// submit is Submit with an intent that the operations start with.
func (p *Port) submit(ops []Operation, start bool, i intent) bool {
	st := p.lock()
	if st.refusing {
		st.refuse(ops)
		return false
	}
	b := batch{ops: ops, start: start, intent: i}
	before := st.finished.count
	st.claimAll(&b)
	if st.finished.count-before == len(ops) { // posts, which have ended
		st.submitted += uint64(len(ops))
		st.completed += uint64(len(ops))
		st.scheduler.ItemsChanged()
		st.unlock()
		return true
	}
	if len(ops) == 1 && p.observer == nil {
		s := st.accept(ops[0], &b, false)
		st.scheduler.ItemsChanged()
		st.unlock()
		if s != nil {
			p.begin(s)
		}
		return true
	}
	st.submitMany(&b)
	return true
}

// batch describes one Submit.
type batch struct {
	ops    []Operation
	start  bool
	intent intent
	now    int64 // the time of the Submit, 0 until the clock is read
}

// submitMany is the rest of submit for more than one operation, or with an observer. The
// lock is released when it returns.
func (st *state) submitMany(b *batch) {
	p := st.port
	var few [8]*Slot // most batches are small: no allocation for those
	begin := few[:0]
	for _, op := range b.ops {
		if s := st.accept(op, b, true); s != nil {
			begin = append(begin, s)
			if s.kind == backend.Copy {
				begin = append(begin, copyingOf(op).in)
			}
		}
	}
	traces := p.observer.takeAccepted()
	st.scheduler.ItemsChanged()
	st.unlock()
	if traces != nil {
		p.observer.tellAll(traces)
	}
	p.beginAll(begin)
}

// claimAll makes the port the owner of all operations. If one of them is a mistake,
// claimAll gives back those that it has claimed, releases the lock, and lets the panic go
// on.
func (st *state) claimAll(b *batch) {
	claimed, isNil := 0, false
	defer func() {
		if claimed == len(b.ops) {
			return
		}
		for _, op := range b.ops[:claimed] {
			st.unclaim(op.self())
		}
		st.unlockQuietly()
		if isNil { // nil, or a nil pointer in the interface: panic with a text
			recover()
			panic(nilOperation)
		}
	}()
	// An operation that ends at once needs no slot if no Wait, context, limit or observer
	// concerns it.
	slotless := !b.start && b.intent == noIntent && st.port.maxInFlight == 0 && st.port.observer == nil
	for _, op := range b.ops {
		isNil = true
		rec := op.self()
		was := rec.slot.Load()
		isNil = false
		st.claim(op, rec, was, b, slotless)
		claimed++
	}
}

// claim makes the port the owner of op and its buffer, or panics. It does not change the
// rest of op: if a later operation of the same Submit is a mistake, op still has its last
// outcome.
func (st *state) claim(op Operation, rec *Record, was *Slot, b *batch, slotless bool) {
	if was != nil && was != &waited {
		panic(operationOfThePort)
	}
	req := st.describe(op)
	// Nothing is written to a post without a slot, so that there is nothing to undo.
	if slotless && req.Kind == backend.Post && req.Deadline == 0 && req.Timeout == 0 && rec.failure == nil {
		rec.claim(was, queuedMark(was))
		st.finished.push(finished{op, rec})
		return
	}
	h := st.handleOf(req)
	flags := st.acquireBuffer(op, req)
	if b.start {
		flags |= started
	}
	if was == &waited {
		flags |= collected
	}
	s := st.slots.take()
	s.op, s.kind, s.flags = op, req.Kind, flags
	s.deadline = st.deadlineOf(req, b)
	if s.handle.Load() != h { // a store costs more than a load
		s.handle.Store(h)
	}
	// If two goroutines submit one operation, this exchange fails for one of them.
	if !rec.slot.CompareAndSwap(was, s) {
		st.giveBackBuffer(s)
		st.slots.put(s)
		panic(operationOfThePort)
	}
}

// describe lets op fill in the port's request.
func (st *state) describe(op Operation) *Request {
	st.request = Request{}
	op.Describe(&st.request)
	return &st.request
}

// handleOf returns the handle of an operation, or panics.
func (st *state) handleOf(req *Request) *Handle {
	h := req.Handle
	switch {
	case req.Kind == 0:
		panic("completion: not an operation: embed one of package ops")
	case req.Kind == backend.Post || req.Kind == backend.Timer:
		return &st.port.timer
	case req.Kind == backend.Borrow:
		req.Pool.checkFor(st.port)
		st.unlisted = true
		return &req.Pool.handle
	case isLonely(req.Kind):
		st.unlisted = true
		return &st.port.worker.handle
	case isFileless(req.Kind):
		if req.Kind == backend.Work && req.Target == nil {
			panic("completion: a work without a function")
		}
		st.unlisted = true
		return &st.port.workPool.fileless
	case h == nil:
		panic("completion: " + req.Kind.String() + " without a handle: its On, From or To is nil")
	case h.port != st.port:
		panic("completion: the handle (socket, listener or file) belongs to another port")
	case req.Kind == backend.Handshake:
		st.unlisted = true
		return &st.port.worker.handle
	}
	return h
}

// giveBackBuffer gives back the buffers of an operation that was not accepted.
func (st *state) giveBackBuffer(s *Slot) {
	if s.flags&lent == 0 {
		return
	}
	// This is not the last reference: a shared buffer still has the caller's own.
	switch req := st.describe(s.op); {
	case s.flags&vectored != 0:
		req.Vector.unacquire(len(req.Vector.Bufs))
	case req.Buffer != nil:
		req.Buffer.giveBack()
	default:
		giveBackAll(datagramsOf(s.op).Buffers)
	}
}

// deadlineOf returns when an operation times out, 0 for never: at its deadline or after
// its time-out, whichever comes first.
func (st *state) deadlineOf(req *Request, b *batch) int64 {
	deadline := reachable(req.Deadline)
	if req.Timeout == 0 {
		return deadline
	}
	now := st.now(b)
	end := int64(1) // a negative time-out has passed
	switch {
	case req.Timeout >= backend.Never-now: // the sum would overflow
		end = backend.Never
	case req.Timeout > 0:
		end = reachable(now + req.Timeout)
	}
	if deadline == 0 {
		return end
	}
	return min(deadline, end)
}

// now returns the time of a Submit. It reads the clock once.
func (st *state) now(b *batch) int64 {
	if b.now == 0 {
		b.now = st.port.kernel.Now()
	}
	return b.now
}

// unclaim gives an operation back to the program, unchanged.
func (st *state) unclaim(rec *Record) {
	switch s := rec.slot.Load(); s {
	case &inQueue, &inQueueAgain:
		st.finished.unpush()
		rec.unclaim()
	default:
		was := (*Slot)(nil)
		if s.flags&collected != 0 {
			was = &waited
		}
		st.giveBackBuffer(s)
		rec.slot.Store(was)
		st.slots.put(s)
	}
}

// accept puts a claimed operation in flight and returns its slot, or nil if the operation
// has ended already. again says that the port's request may describe another operation.
func (st *state) accept(op Operation, b *batch, again bool) *Slot {
	st.submitted++
	rec := op.self()
	s := rec.slot.Load()
	if s == &inQueue || s == &inQueueAgain { // a post, which has ended
		st.completed++
		return nil
	}
	rec.n, rec.failure = 0, nil
	s.intent = b.intent
	timed := s.deadline != 0 || s.kind == backend.Timer
	if timed {
		// Read the clock before Describe says when a timer is due. So a timer with a
		// wait above 0 does not end here, ahead of due timers that wait for a turn.
		st.now(b)
	}
	st.fillIn(s, rec, again)
	if timed {
		st.setTimer(s, b.now)
	}
	if s.kind == backend.Copy && s.intent != noIntent {
		copyingOf(s.op).in.intent = s.intent // it may get its turn first, and must take nothing
	}
	if st.port.observer != nil {
		st.port.observer.noteAccepted(s, uint32(st.submitted))
	}
	if s.endsAtOnce() {
		s.enterDone()
		st.finish(s)
		return nil
	}
	s.enter(Accepted) // its tickets are valid from here on
	return s
}

// fillIn sets the buffer or the due time of an operation, and an intent if the operation
// must end for want of room or above MaxInFlight.
func (st *state) fillIn(s *Slot, rec *Record, again bool) {
	req := &st.request
	if s.kind == backend.Timer || again && s.flags&(pooled|lent) != 0 {
		req = st.describe(s.op)
	}
	if s.kind == backend.Timer {
		rec.n = reachable(req.Due)
	} else {
		s.fillBuffer(rec, req)
	}
	switch limit := st.port.maxInFlight; {
	case s.flags&beneath != 0: // its handshake or Dial counts for it
		st.beneath++
	case limit > 0 && st.InFlight()-st.beneath > limit && s.intent == noIntent:
		s.intent = toLimit
	}
}

// setTimer schedules a deadline or a timer, or records that it has passed already.
func (st *state) setTimer(s *Slot, now int64) {
	switch {
	case s.intent != noIntent:
	case s.deadline != 0 && s.deadline <= now:
		s.intent = toExpire
	case s.due() <= now:
		s.intent = toFire
	default:
		st.schedule(s)
	}
}

// begin puts an accepted operation into its queue and performs it if it can be performed
// now. Until it is queued here, nobody else can end it: others only record an intent. No
// lock is held.
func (p *Port) begin(s *Slot) {
	handle, d, ticket := s.handle.Load(), directionOf(s.kind), s.ticket()
	if s.kind-backend.Handshake <= backend.CloseFile-backend.Handshake {
		p.beginElsewhere(s)
		return
	}
	s.join()
	h := handle.lock()
	h.enqueue(s)
	h.run(d)
	h.unlock()
	if p.observer != nil {
		p.observer.tellParked(handle, ticket)
	}
}

// beginAll begins the operations of one Submit. It queues those of one handle under one
// hold of its lock, before it performs the first of them: a write that ends after some of
// its bytes must find those behind it. No lock is held.
func (p *Port) beginAll(slots []*Slot) {
	var tickets []Ticket // for the observer
	if p.observer != nil {
		for _, s := range slots {
			tickets = append(tickets, s.ticket())
		}
	}
	slots = p.beginAllElsewhere(slots)
	slices.SortStableFunc(slots, byHandle)
	if slices.ContainsFunc(slots, (*Slot).isHalf) {
		slices.SortStableFunc(slots, outFirst)
		p.beginTogether(slots)
		slots = nil
	}
	for len(slots) > 0 {
		handle, n := slots[0].handle.Load(), 1
		for n < len(slots) && slots[n].handle.Load() == handle {
			n++
		}
		h := handle.lock()
		for _, s := range slots[:n] {
			h.enqueue(s)
		}
		h.run(in)
		h.run(out)
		h.unlock()
		slots = slots[n:]
	}
	for _, t := range tickets {
		p.observer.tellParked(t.slot.handle.Load(), t)
	}
}

// byHandle sorts operations by their handle. A closed handle may have had the same
// descriptor as another.
func byHandle(a, b *Slot) int {
	h, i := a.handle.Load(), b.handle.Load()
	return cmp.Or(cmp.Compare(h.fd, i.fd), cmp.Compare(h.generation, i.generation))
}

// refuse gives operations the outcome of a closed port, so that nobody takes the outcome
// of an earlier use for theirs. An operation that is nil or in flight is still a mistake;
// then none is changed. The lock is released when refuse returns.
func (st *state) refuse(ops []Operation) {
	claimed := 0
	defer func() {
		for _, op := range ops[:claimed] {
			op.self().unclaim()
		}
		st.unlockQuietly()
	}()
	for _, op := range ops {
		rec := recordOf(op)
		was := rec.slot.Load()
		if was != nil && was != &waited {
			panic(operationOfThePort)
		}
		rec.claim(was, queuedMark(was)) // until refuse returns
		claimed++
	}
	for _, op := range ops {
		st.refuseOne(op)
	}
}

// refuseOne gives a claimed operation the outcome of one that was closed before it moved
// any bytes.
func (st *state) refuseOne(op Operation) {
	rec := op.self()
	req := st.describe(op)
	rec.n, rec.failure = 0, ofKind(closedFailure, req.Kind)
	reads := req.Kind == backend.Read || req.Kind == backend.ReadAt
	switch {
	case req.Kind == backend.Receive || req.Kind == backend.Send:
		refuseMessages(op, req)
	case req.Kind == backend.Accept, isWork(req.Kind), req.Kind == backend.Borrow, reads && req.Pool != nil:
		op.Deliver(Result{})
	case req.Kind == backend.Copy:
		copyingOf(op).reset()
	case req.Kind == backend.OpenFile, req.Kind == backend.Stat:
		op.Deliver(Result{})
	case reads && req.Vector != nil:
		req.Vector.empty()
		op.Deliver(Result{})
	case reads && req.Buffer != nil:
		// As after any read, the buffer has N new bytes. If the caller does not own it,
		// that is a mistake, but harmless here.
		if mistake := req.Buffer.acquire(true); mistake == "" {
			if !req.Append || req.Until != nil {
				req.Buffer.n = 0
			}
			req.Buffer.giveBack()
		}
	}
}
