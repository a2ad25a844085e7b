package core

import (
	"slices"
	"sync"
)

// Pool is a bounded stock of buffers of one size. Its memory is made when it
// is first needed.
type Pool struct {
	mu    sync.Mutex
	port  *Port
	size  int
	limit int

	made     int       // buffers that exist
	free     *Buffer   // those here
	stock    int       // how many are here
	promised int       // how many of the free or unmade ones are promised to a handle
	waiting  []*Handle // longest first, from first on
	first    int

	// door stands for "one of this pool" in a late read that has no buffer yet.
	door Buffer
}

// poolTurn is where a handle stands in the queue of the pool its head needs.
type poolTurn uint8

const (
	noTurn       poolTurn = iota
	waitingTurn           // in Pool.waiting
	promisedTurn          // a buffer is kept for it; it is on the ready list
)

// NewPool makes a pool of at most limit buffers of size bytes.
func (p *Port) NewPool(size, limit int) *Pool {
	pool := &Pool{port: p, size: size, limit: limit}
	pool.door.pool = pool
	return pool
}

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

// promise keeps available buffers for those who wait. mu is held.
func (p *Pool) promise(after *aftermath) {
	for p.first < len(p.waiting) && p.available() > 0 {
		h := p.waiting[p.first]
		p.waiting[p.first] = nil
		if p.first++; p.first > len(p.waiting)/2 {
			p.waiting = slices.Delete(p.waiting, 0, p.first)
			p.first = 0
		}
		h.turn = promisedTurn
		p.promised++
		p.port.listReady(h, in, after)
	}
}

// borrow finds a buffer for h, or makes h wait its turn and returns nil.
func (p *Pool) borrow(h *Handle) *Buffer {
	p.lock()
	defer p.mu.Unlock()
	switch {
	case h.turn == promisedTurn:
		h.turn = noTurn
		p.promised--
	case h.turn == waitingTurn:
		return nil
	case p.available() <= 0:
		h.turn = waitingTurn
		p.waiting = append(p.waiting, h)
		return nil
	}
	b := p.pop()
	b.owner.Store(ownedByPort)
	return b
}

// leave ends h's wait. What was promised to it goes to the next.
func (p *Pool) leave(h *Handle, after *aftermath) {
	p.lock()
	switch h.turn {
	case waitingTurn:
		i := slices.Index(p.waiting, h)
		p.waiting = slices.Delete(p.waiting, i, i+1)
	case promisedTurn:
		p.promised--
		p.promise(after)
	}
	h.turn = noTurn
	p.mu.Unlock()
}

// Lent is how many of the pool's buffers are not in it.
func (p *Pool) Lent() int {
	p.lock()
	defer p.mu.Unlock()
	return p.made - p.stock
}

// borrow gets the late read s its buffer; false means that it waits for one.
// h.mu is held.
func (h *Handle) borrow(s *Slot) bool {
	rec := s.record()
	pool := rec.buffer.pool
	if rec.buffer != &pool.door {
		return true // a full read that has some of its bytes
	}
	b := pool.borrow(h)
	if b == nil {
		h.latch[in] |= wantsBuffer
		return false
	}
	h.latch[in] &^= wantsBuffer
	rec.buffer = b
	return true
}

// returnUnused gives the buffer of a late read that found no data to the next
// in line; the read asks again at its next edge. h.mu is held.
func (h *Handle) returnUnused(rec *Record, after *aftermath) {
	b := rec.buffer
	if b == &b.pool.door {
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
