package core

import (
	"cmp"
	"slices"

	"github.com/completionport/completion/internal/backend"
)

// Submit accepts all operations or none. With start, their outcomes go to
// Wait, else to the queue. It reports false if the port accepts nothing any
// more; mistakes of the programmer panic.
func (p *Port) Submit(ops []Operation, start bool) bool {
	return p.submit(ops, start, noIntent)
}

// submit also gives the operations an intent they start with.
func (p *Port) submit(ops []Operation, start bool, i intent) bool {
	p.lock()
	if p.refusing {
		p.refuse(ops)
		return false
	}
	before, now := p.done.count, int64(0)
	p.claimAll(ops, start, i, &now)
	if p.done.count-before == len(ops) { // posts, which have ended
		p.submitted += uint64(len(ops))
		p.completed += uint64(len(ops))
		p.offerItems()
		p.unlock()
		return true
	}
	if len(ops) == 1 && p.observe == nil {
		s := p.commit(ops[0], i, &now, false)
		p.offerItems()
		p.unlock()
		if s != nil {
			p.begin(s)
		}
		return true
	}
	p.submitMany(ops, i, now)
	return true
}

// refuse gives operations the outcome that the port is closed, so that nobody takes
// that of an earlier use for theirs. One that is nil or in flight is a mistake all
// the same, and then none is touched. mu is held, and released.
func (p *Port) refuse(ops []Operation) {
	claimed := 0
	defer func() {
		for _, op := range ops[:claimed] {
			op.self().disclaim()
		}
		p.mu.Unlock()
	}()
	for _, op := range ops {
		rec := recordOf(op)
		old := rec.slot.Load()
		if old != nil && old != &waited {
			panic(inFlightOperation)
		}
		rec.claim(old, posted(old)) // for as long as it takes
		claimed++
	}
	for _, op := range ops {
		p.refuseOne(op)
	}
}

// refuseOne makes a claimed operation one that was closed before it brought
// anything. mu is held.
func (p *Port) refuseOne(op Operation) {
	rec := op.self()
	rec.n, rec.failure = 0, closedFailure
	switch req := p.describe(op); {
	case req.Kind == backend.Accept, req.Kind == backend.Read && req.Pool != nil:
		op.Deliver(Result{})
	case req.Kind == backend.Read && req.Buffer != nil:
		// As after any read, N bytes are new in it; if it is not the caller's, that is
		// a mistake which harms nobody here.
		if mistake := req.Buffer.lend(true); mistake == "" {
			if !req.Append {
				req.Buffer.n = 0
			}
			req.Buffer.unlend()
		}
	}
}

// submitMany is the rest of submit for more than one, or with an observer. mu
// is held, and released.
func (p *Port) submitMany(ops []Operation, i intent, now int64) {
	var few [8]*Slot // most batches are small: no allocation for those
	slots, traces := p.commitAll(ops, i, now, few[:0])
	p.unlock()
	for _, t := range traces {
		p.tell(t)
	}
	p.beginAll(slots)
}

const (
	nilOperation      = "completion: nil operation"
	inFlightOperation = "completion: the operation is in flight: it belongs to the port until it has been handed out"
)

// claimAll makes all operations the port's. If one of them is a mistake, what
// was claimed before it is given back and the panic goes on. now is filled in when it
// is needed. mu is held, and released if it panics.
func (p *Port) claimAll(ops []Operation, start bool, i intent, now *int64) {
	claimed, isNil := 0, false
	defer func() {
		if claimed == len(ops) {
			return
		}
		for _, op := range ops[:claimed] {
			p.unclaim(op.self())
		}
		p.mu.Unlock()
		if isNil { // a nil pointer in the interface: make a sentence of it
			recover()
			panic(nilOperation)
		}
	}()
	flags := slotFlags(0)
	if start {
		flags = started
	}
	// One that ends at once, and of which nobody else is to know, needs no slot.
	slotless := !start && i == noIntent && p.maxInFlight == 0 && p.observe == nil
	for _, op := range ops {
		isNil = true
		rec := op.self()
		old := rec.slot.Load()
		isNil = false
		p.claim(op, rec, old, flags, slotless, now)
		claimed++
	}
}

// claim makes op the port's, and its buffer too, or panics. It leaves the rest
// of the operation alone: if a later one of the same Submit is a mistake, this
// one still has its last outcome. mu is held.
func (p *Port) claim(op Operation, rec *Record, old *Slot, flags slotFlags, slotless bool, now *int64) {
	if old != nil && old != &waited {
		panic(inFlightOperation)
	}
	req := p.describe(op)
	h := req.Handle
	switch req.Kind {
	case 0:
		panic("completion: not an operation: embed one of package ops")
	case backend.Post:
		// Nothing is written to it, so that there is nothing to take back.
		if slotless && req.Deadline == 0 && req.Timeout == 0 && rec.failure == nil {
			rec.claim(old, posted(old))
			p.done.push(finished{op, rec})
			return
		}
		h = &p.home
	case backend.Timer:
		h = &p.home
	}
	switch {
	case h == nil:
		panic("completion: " + req.Kind.String() + " without a handle")
	case h.port != p:
		panic("completion: the handle belongs to another port")
	case req.Kind == backend.Read || req.Kind == backend.Write:
		flags |= p.lend(req)
	}
	if old == &waited {
		flags |= collected
	}
	s := p.takeSlot()
	s.op, s.kind, s.flags = op, req.Kind, flags
	s.deadline = p.deadlineFor(req, now)
	if s.handle.Load() != h { // the exchange costs more than the look
		s.handle.Store(h)
	}
	if !rec.slot.CompareAndSwap(old, s) {
		p.unlend(s)
		p.freeSlot(s)
		panic(inFlightOperation)
	}
}

// deadlineFor is when the time of an operation is up, 0 for never: at its deadline or
// after its time-out, whichever comes first. mu is held.
func (p *Port) deadlineFor(req *Request, now *int64) int64 {
	deadline := reachable(req.Deadline)
	if req.Timeout == 0 {
		return deadline
	}
	if *now == 0 {
		*now = p.kernel.Now()
	}
	end := int64(1) // of one that is negative: it has passed
	switch {
	case req.Timeout >= backend.Never-*now: // the sum is more than there are numbers
		end = backend.Never
	case req.Timeout > 0:
		end = reachable(*now + req.Timeout)
	}
	if deadline == 0 {
		return end
	}
	return min(deadline, end)
}

// claim makes an operation without a slot the port's. The exchange is where two
// submitters of the same operation meet, as in Port.claim: one of them fails.
func (r *Record) claim(old, s *Slot) {
	if !r.slot.CompareAndSwap(old, s) {
		panic(inFlightOperation)
	}
}

// disclaim gives back what was claimed without a slot.
func (r *Record) disclaim() {
	if r.slot.Load() == &inQueueAgain {
		r.slot.Store(&waited)
	} else {
		r.slot.Store(nil)
	}
}

// describe lets op fill in the port's request. mu is held.
func (p *Port) describe(op Operation) *Request {
	p.request = Request{}
	op.Describe(&p.request)
	return &p.request
}

// lend takes the operation's buffer over, and says what is to be noted of it.
func (p *Port) lend(req *Request) (flags slotFlags) {
	if req.Full {
		flags = full
	}
	switch {
	case req.Kind == backend.Write && req.Buffer == nil:
		panic("completion: a write without a buffer")
	case req.Buffer == nil && req.Pool == nil:
		panic("completion: a read with neither a buffer nor a pool")
	case req.Buffer != nil && req.Pool != nil:
		panic("completion: a read with both a buffer and a pool; if Buf holds what its last use brought, call Release or set Buf to nil")
	case req.Pool != nil && req.Pool.port != p:
		panic("completion: the pool belongs to another port")
	case req.Pool != nil && req.Append:
		panic("completion: a late read with Append: a buffer from the pool has nothing to append to")
	case req.Pool != nil:
		return flags | late
	}
	if mistake := req.Buffer.lend(req.Kind == backend.Read); mistake != "" {
		panic(mistake)
	}
	if req.Kind == backend.Read && len(req.Buffer.data) == 0 {
		req.Buffer.unlend()
		panic("completion: a read into no memory, which would end at once and bring nothing")
	}
	return flags | lent
}

// unlend gives back the buffer of an operation that was not accepted. mu is
// held.
func (p *Port) unlend(s *Slot) {
	if s.flags&lent != 0 {
		// A shared buffer still has the caller's own reference.
		p.describe(s.op).Buffer.unlend()
	}
}

// unclaim gives an operation back as it was. mu is held.
func (p *Port) unclaim(rec *Record) {
	switch s := rec.slot.Load(); s {
	case &inQueue, &inQueueAgain:
		p.done.unpush()
		rec.disclaim()
	default:
		was := (*Slot)(nil)
		if s.flags&collected != 0 {
			was = &waited
		}
		p.unlend(s)
		rec.slot.Store(was)
		p.freeSlot(s)
	}
}

// commitAll puts claimed operations in flight, and returns slots with those
// added that are still to be begun. mu is held.
func (p *Port) commitAll(ops []Operation, i intent, now int64, slots []*Slot) (begin []*Slot, traces []Trace) {
	for _, op := range ops {
		if s := p.commit(op, i, &now, true); s != nil {
			slots = append(slots, s)
		}
	}
	traces, p.committed = p.committed, nil
	p.offerItems()
	return slots, traces
}

// commit puts a claimed operation in flight. It returns nil if it has ended
// already. now is filled in when it is needed; again tells that p.request may
// be about another operation by now. mu is held.
func (p *Port) commit(op Operation, i intent, now *int64, again bool) *Slot {
	p.submitted++
	rec := op.self()
	s := rec.slot.Load()
	if s == &inQueue || s == &inQueueAgain { // a post, which has ended
		p.completed++
		return nil
	}
	rec.n, rec.failure = 0, nil
	s.intent = i
	timed := s.deadline != 0 || s.kind == backend.Timer
	if timed && *now == 0 {
		// Before a timer says when it is due: only those that are due at once
		// may overtake those that others still have to poll for.
		*now = p.kernel.Now()
	}
	p.fillIn(s, rec, again)
	if timed {
		p.deadlineOf(s, *now)
	}
	if p.observe != nil {
		p.traceCommitted(s)
	}
	if s.endsAtOnce() {
		p.finish(s)
		return nil
	}
	s.use.Store(s.use.Load() + 1) // in flight: its tickets are good from here on
	return s
}

// fillIn notes what an operation in flight works with. mu is held.
func (p *Port) fillIn(s *Slot, rec *Record, again bool) {
	req := &p.request
	if s.kind == backend.Timer || again && (s.kind == backend.Read || s.kind == backend.Write) {
		req = p.describe(s.op)
	}
	switch s.kind {
	case backend.Timer:
		rec.n = reachable(req.Due)
	case backend.Read:
		rec.buffer = req.Buffer
		switch {
		case s.flags&late != 0:
			rec.buffer = &req.Pool.door
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
	if p.maxInFlight > 0 && p.inFlight() > p.maxInFlight && s.intent == noIntent {
		s.intent = toLimit
	}
}

// endsAtOnce tells whether the operation needs neither a handle nor time.
func (s *Slot) endsAtOnce() bool {
	return s.intent == toFire || s.kind == backend.Post && s.intent == noIntent
}

// deadlineOf schedules a deadline or a timer, or records that it has passed
// already. mu is held.
func (p *Port) deadlineOf(s *Slot, now int64) {
	switch {
	case s.intent != noIntent:
	case s.deadline != 0 && s.deadline <= now:
		s.intent = toExpire
	case s.due() <= now:
		s.intent = toFire
	default:
		p.schedule(s)
	}
}

// begin puts an accepted operation into its queue and performs it if it can
// be performed now. Until it is queued here, nobody else can end it: others
// only record what they want of it.
func (p *Port) begin(s *Slot) {
	h, d, ticket := s.handle.Load(), directionOf(s.kind), s.ticket()
	var after aftermath
	h.lock()
	h.enqueue(s, &after)
	h.run(d, &after)
	h.leave(&after)
	if p.observe != nil {
		p.tellParked(h, ticket)
	}
}

// beginAll begins the operations of one Submit. Those of one handle are queued
// under one hold of its lock, before the first of them is performed: a write
// that ends half-way must find those behind it.
func (p *Port) beginAll(slots []*Slot) {
	var tickets []Ticket // for the observer
	if p.observe != nil {
		for _, s := range slots {
			tickets = append(tickets, s.ticket())
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
