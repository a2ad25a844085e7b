package core

import (
	"sync"

	"github.com/completionport/completion/internal/race"
)

// Pool is a bounded stock of buffers of one size. Its memory is made when it
// is first needed.
type Pool struct {
	mu    sync.Mutex
	port  *Port
	size  int
	limit int
	fresh bool // each lending has a header of its own, so that a stale one is found out

	made        int     // buffers that exist
	free        *Buffer // those here
	stock       int     // how many are here
	promised    int     // how many of the free or unmade ones are promised to a handle
	first, last *place  // those who wait, longest first
	spare       *place  // to be used again

	// door stands for "one of this pool" in a late read that has no buffer yet.
	door Buffer
}

// place is where a handle stands whose head needs a buffer of a pool that has none
// to spare. The record of that head points to the door of its place, so that the
// handle leaves the queue without a search.
type place struct {
	door       Buffer
	handle     *Handle
	prev, next *place // in the queue; next also in Pool.spare
	promised   bool   // a buffer is kept for it: it is on the ready list, and in the queue no more
}

// NewPool makes a pool of at most limit buffers of size bytes.
func (p *Port) NewPool(size, limit int) *Pool {
	pool := &Pool{port: p, size: size, limit: limit, fresh: p.fresh || race.Enabled}
	pool.door.pool = pool
	return pool
}

// check refuses a pool that no port has made.
func (p *Pool) check() {
	if p == nil || p.port == nil {
		panic("completion: the pool is not from NewPool")
	}
}

// isDoor tells whether b stands for a buffer that a late read does not have yet.
func (b *Buffer) isDoor() bool { return b.place != nil || b.pool != nil && b == &b.pool.door }

// available is how many buffers can be had without breaking a promise.
func (p *Pool) available() int { return p.stock + p.limit - p.made - p.promised }

// pop returns a buffer; there is one. mu is held.
func (p *Pool) pop() *Buffer {
	b := p.free
	if b == nil {
		p.made++
		b = &Buffer{pool: p, data: make([]byte, p.size)}
		b.owner.Store(ownedByPool)
		return b
	}
	p.free, b.next = b.next, nil
	p.stock--
	return b
}

// Take returns a buffer to the caller, or nil if there is none to spare.
func (p *Pool) Take() *Buffer {
	p.check()
	p.lock()
	defer p.mu.Unlock()
	if p.available() <= 0 {
		return nil
	}
	b := p.pop()
	b.returnMemory()
	b.n = len(b.data)
	b.owner.Store(ownedByCaller)
	return b
}

// put takes in a buffer whose owner is the pool already.
func (p *Pool) put(b *Buffer) {
	var after aftermath
	p.giveBack(b, &after)
	if after.kick {
		p.port.publish(&after)
	}
}

// giveBack puts b into the stock and promises it to the handle that has
// waited longest. That handle's lock may not be held here, so it is only put
// on the ready list.
func (p *Pool) giveBack(b *Buffer, after *aftermath) {
	p.lock()
	b.next, p.free = p.free, b
	p.stock++
	p.promise(after)
	p.mu.Unlock()
}

// promise keeps a buffer that has become available for the handle that has waited
// longest. mu is held. It never leaves one that waits beside a buffer that is
// available: nobody begins to wait while there is one, and after each that comes
// back we are here. So one is enough, and the lock is held for one step.
func (p *Pool) promise(after *aftermath) {
	at := p.first
	if at == nil || p.available() <= 0 {
		return
	}
	p.unlink(at)
	at.promised = true
	p.promised++
	p.port.list(readyDirection{handle: at.handle, direction: in}, after)
}

// enqueue puts h behind those who wait. mu is held.
func (p *Pool) enqueue(h *Handle) *place {
	at := p.spare
	if at == nil {
		at = new(place)
		at.door.pool, at.door.place = p, at
	} else {
		p.spare, at.next = at.next, nil
	}
	at.handle, at.prev = h, p.last
	if p.last != nil {
		p.last.next = at
	} else {
		p.first = at
	}
	p.last = at
	return at
}

// unlink takes a place out of the queue. mu is held.
func (p *Pool) unlink(at *place) {
	if at.prev != nil {
		at.prev.next = at.next
	} else {
		p.first = at.next
	}
	if at.next != nil {
		at.next.prev = at.prev
	} else {
		p.last = at.prev
	}
	at.prev, at.next = nil, nil
}

// vacate ends the use of a place that is in the queue no more. mu is held.
func (p *Pool) vacate(at *place) {
	at.handle, at.promised = nil, false
	at.next, p.spare = p.spare, at
}

// borrow finds a buffer for the head of h, or makes h wait its turn. It reports
// whether it has found one.
func (p *Pool) borrow(h *Handle, rec *Record) bool {
	p.lock()
	defer p.mu.Unlock()
	switch at := rec.buffer.place; {
	case at == nil && p.available() <= 0:
		rec.buffer = &p.enqueue(h).door
		return false
	case at == nil:
	case !at.promised:
		return false
	default:
		p.promised--
		p.vacate(at)
	}
	rec.buffer = p.pop()
	rec.buffer.n = 0
	rec.buffer.owner.Store(ownedByPort)
	return true
}

// leave ends the wait of a handle. What was promised to it goes to the next.
func (p *Pool) leave(at *place, after *aftermath) {
	p.lock()
	if at.promised {
		p.promised--
		p.promise(after)
	} else {
		p.unlink(at)
	}
	p.vacate(at)
	p.mu.Unlock()
}

// Lent is how many of the pool's buffers are not in it.
func (p *Pool) Lent() int {
	p.check()
	p.lock()
	defer p.mu.Unlock()
	return p.made - p.stock
}

// borrow gets the late read s its buffer; false means that it waits for one.
// h.mu is held.
func (h *Handle) borrow(s *Slot) bool {
	rec := s.record()
	if !rec.buffer.isDoor() {
		return true // a full read that has some of its bytes
	}
	if !rec.buffer.pool.borrow(h, rec) {
		h.latch[in] |= wantsBuffer
		return false
	}
	h.latch[in] &^= wantsBuffer
	return true
}

// stopWaiting takes h out of the queue of the pool that its head waits for. h.mu is
// held.
func (h *Handle) stopWaiting(rec *Record, after *aftermath) {
	h.latch[in] &^= wantsBuffer
	at := rec.buffer.place
	pool := at.door.pool
	rec.buffer = &pool.door
	pool.leave(at, after)
}

// returnUnused gives the buffer of a late read that found no data to the next
// in line; the read asks again at its next edge. h.mu is held.
func (h *Handle) returnUnused(rec *Record, after *aftermath) {
	b := rec.buffer
	if b.isDoor() {
		return
	}
	rec.buffer = &b.pool.door
	b.owner.Store(ownedByPool)
	b.pool.giveBack(b, after)
}

// deliverLate hands the buffer of a late read over if it has bytes in it.
// h.mu is held.
func (h *Handle) deliverLate(s *Slot, rec *Record, after *aftermath) {
	if rec.n > 0 {
		s.op.Deliver(Result{Buffer: rec.buffer})
		return
	}
	h.returnUnused(rec, after)
	rec.buffer = nil
	s.op.Deliver(Result{})
}
