package core

import (
	"cmp"
	"slices"

	"github.com/completionport/completion/internal/backend"
)

// Submit accepts all operations or none. With start, their outcomes go to
// Wait, else to the queue. It reports false if the port accepts nothing any
// more; mistakes of the programmer panic.
//
// It has three steps: claim makes each operation the port's, or panics and gives all
// back; accept puts each in flight; begin puts each in its handle's queue and performs
// it if it can be performed now. Claim and accept have the port's lock, begin that of
// the handle.
func (p *Port) Submit(ops []Operation, start bool) bool {
	return p.submit(ops, start, noIntent)
}

// submit also gives the operations an intent they start with.
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

// batch is what one Submit was given.
type batch struct {
	ops    []Operation
	start  bool
	intent intent
	now    int64 // the port's clock, 0 until it was read
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

// claimAll makes all operations the port's. If one of them is a mistake, what
// was claimed before it is given back and the panic goes on: then the lock is released.
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
		if isNil { // a nil pointer in the interface: make a sentence of it
			recover()
			panic(nilOperation)
		}
	}()
	// One that ends at once, and of which nobody else is to know, needs no slot.
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

// claim makes op the port's, and its buffer too, or panics. It leaves the rest
// of the operation alone: if a later one of the same Submit is a mistake, this
// one still has its last outcome.
func (st *state) claim(op Operation, rec *Record, was *Slot, b *batch, slotless bool) {
	if was != nil && was != &waited {
		panic(operationInFlight)
	}
	req := st.describe(op)
	// Nothing is written to a post without a slot, so that there is nothing to take back.
	if slotless && req.Kind == backend.Post && req.Deadline == 0 && req.Timeout == 0 && rec.failure == nil {
		rec.claim(was, queuedMark(was))
		st.finished.push(finished{op, rec})
		return
	}
	h := st.handleOf(req)
	flags := st.acquireBuffer(req)
	if b.start {
		flags |= started
	}
	if was == &waited {
		flags |= collected
	}
	s := st.slots.take()
	s.op, s.kind, s.flags = op, req.Kind, flags
	s.deadline = st.deadlineOf(req, b)
	if s.handle.Load() != h { // the exchange costs more than the look
		s.handle.Store(h)
	}
	// Two that submit the same operation at once meet here: one of them fails.
	if !rec.slot.CompareAndSwap(was, s) {
		st.giveBackBuffer(s)
		st.slots.put(s)
		panic(operationInFlight)
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
		st.checkPool(req.Pool)
		st.borrowed = true
		return &req.Pool.handle
	case h == nil:
		panic("completion: " + req.Kind.String() + " without a handle")
	case h.port != st.port:
		panic("completion: the handle belongs to another port")
	}
	return h
}

// acquireBuffer makes the port the owner of the operation's buffer, if it has one, and
// returns what is to be noted of it. It panics if that can't be.
func (st *state) acquireBuffer(req *Request) (flags slotFlags) {
	if req.Kind == backend.Borrow {
		return pooled
	}
	if req.Kind != backend.Read && req.Kind != backend.Write {
		return 0
	}
	if req.Full {
		flags = full
	}
	switch {
	case req.Kind == backend.Write && req.Buffer == nil:
		panic("completion: a write without a buffer")
	case req.Buffer == nil && req.Pool == nil:
		panic("completion: a read with neither a buffer nor a pool")
	case req.Buffer != nil && req.Pool != nil:
		panic("completion: a read with both a buffer and a pool; if Buf holds the buffer of its last use, call Release or set Buf to nil")
	case req.Pool != nil && req.Append:
		panic("completion: a pooled read with Append: a buffer from the pool has nothing to append to")
	case req.Pool != nil:
		st.checkPool(req.Pool)
		return flags | pooled
	}
	if mistake := req.Buffer.acquire(req.Kind == backend.Read); mistake != "" {
		panic(mistake)
	}
	if req.Kind == backend.Read && len(req.Buffer.data) == 0 {
		req.Buffer.giveBack()
		panic("completion: a read into a buffer without memory: it would end at once with no data")
	}
	return flags | lent
}

// checkPool panics unless the pool is one of this port.
func (st *state) checkPool(pool *Pool) {
	if pool == nil {
		panic("completion: a borrow without a pool")
	}
	pool.check()
	if pool.port != st.port {
		panic("completion: the pool belongs to another port")
	}
}

// giveBackBuffer gives back the buffer of an operation that was not accepted.
func (st *state) giveBackBuffer(s *Slot) {
	if s.flags&lent != 0 {
		// A shared buffer still has the caller's own reference.
		st.describe(s.op).Buffer.giveBack()
	}
}

// deadlineOf is when the time of an operation is up, 0 for never: at its deadline or
// after its time-out, whichever comes first.
func (st *state) deadlineOf(req *Request, b *batch) int64 {
	deadline := reachable(req.Deadline)
	if req.Timeout == 0 {
		return deadline
	}
	now := st.now(b)
	end := int64(1) // of one that is negative: it has passed
	switch {
	case req.Timeout >= backend.Never-now: // the sum is more than there are numbers
		end = backend.Never
	case req.Timeout > 0:
		end = reachable(now + req.Timeout)
	}
	if deadline == 0 {
		return end
	}
	return min(deadline, end)
}

// now is the time of a Submit.
func (st *state) now(b *batch) int64 {
	if b.now == 0 {
		b.now = st.port.kernel.Now()
	}
	return b.now
}

// unclaim gives an operation back as it was.
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

// accept puts a claimed operation in flight. It returns nil if it has ended
// already. again says that the port's request may be about another operation by now.
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
		// Before a timer says when it is due: only those that are due at once
		// may overtake those that others still have to poll for.
		st.now(b)
	}
	st.fillIn(s, rec, again)
	if timed {
		st.setTimer(s, b.now)
	}
	if st.port.observer != nil {
		st.port.observer.noteAccepted(s, uint32(st.submitted))
	}
	if s.endsAtOnce() {
		s.enterDone()
		st.finish(s)
		return nil
	}
	s.enter(Accepted) // its tickets are good from here on
	return s
}

// fillIn notes what an operation in flight works with.
func (st *state) fillIn(s *Slot, rec *Record, again bool) {
	req := &st.request
	if s.kind == backend.Timer || again && s.flags&(pooled|lent) != 0 {
		req = st.describe(s.op)
	}
	switch s.kind {
	case backend.Timer:
		rec.n = reachable(req.Due)
	case backend.Read, backend.Borrow:
		rec.buffer = req.Buffer
		switch {
		case s.flags&pooled != 0:
			rec.buffer = &req.Pool.placeholder
		case !req.Append:
			rec.buffer.n = 0
		case rec.buffer.n == len(rec.buffer.data) && s.intent == noIntent:
			s.intent = toFull
		}
	case backend.Write:
		rec.buffer = req.Buffer
		if rec.buffer.n == 0 {
			s.flags |= vacant
		}
	}
	if limit := st.port.maxInFlight; limit > 0 && st.InFlight() > limit && s.intent == noIntent {
		s.intent = toLimit
	}
}

// setTimer schedules a deadline or a timer, or records that it has passed
// already.
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

// begin puts an accepted operation into its queue and performs it if it can
// be performed now. Until it is queued here, nobody else can end it: others
// only record what they want of it. No lock is held.
func (p *Port) begin(s *Slot) {
	handle, d, ticket := s.handle.Load(), directionOf(s.kind), s.ticket()
	h := handle.lock()
	h.enqueue(s)
	h.run(d)
	h.unlock()
	if p.observer != nil {
		p.observer.tellParked(handle, ticket)
	}
}

// beginAll begins the operations of one Submit. Those of one handle are queued
// under one hold of its lock, before the first of them is performed: a write
// that ends half-way must find those behind it. No lock is held.
func (p *Port) beginAll(slots []*Slot) {
	var tickets []Ticket // for the observer
	if p.observer != nil {
		for _, s := range slots {
			tickets = append(tickets, s.ticket())
		}
	}
	slices.SortStableFunc(slots, byHandle)
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

// byHandle brings the operations of one handle together. A handle that was
// closed may have had the descriptor of another.
func byHandle(a, b *Slot) int {
	h, i := a.handle.Load(), b.handle.Load()
	return cmp.Or(cmp.Compare(h.fd, i.fd), cmp.Compare(h.generation, i.generation))
}

// refuse gives operations the outcome that the port is closed, so that nobody takes
// that of an earlier use for theirs. One that is nil or in flight is a mistake all
// the same, and then none is touched. The lock is released when it returns.
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
			panic(operationInFlight)
		}
		rec.claim(was, queuedMark(was)) // for as long as it takes
		claimed++
	}
	for _, op := range ops {
		st.refuseOne(op)
	}
}

// refuseOne makes a claimed operation one that was closed before it moved
// anything.
func (st *state) refuseOne(op Operation) {
	rec := op.self()
	rec.n, rec.failure = 0, closedFailure
	switch req := st.describe(op); {
	case req.Kind == backend.Accept, req.Kind == backend.Borrow, req.Kind == backend.Read && req.Pool != nil:
		op.Deliver(Result{})
	case req.Kind == backend.Read && req.Buffer != nil:
		// As after any read, N bytes are new in it; if it is not the caller's, that is
		// a mistake which harms nobody here.
		if mistake := req.Buffer.acquire(true); mistake == "" {
			if !req.Append {
				req.Buffer.n = 0
			}
			req.Buffer.giveBack()
		}
	}
}
