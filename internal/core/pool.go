package core

import (
	"sync"

	"github.com/completionport/completion/internal/assert"
	"github.com/completionport/completion/internal/race"
)

// Pool is a bounded stock of buffers of one size. Its memory is made when it
// is first needed.
type Pool struct {
	port  *Port
	size  int
	limit int
	fresh bool // each use has a header of its own, so that a stale one is found out

	// handle has the Borrows of the pool in its queue: to those that wait for a buffer
	// it is one of them.
	handle Handle

	// placeholder stands for "one of this pool" in a pooled read that has no buffer yet.
	placeholder Buffer

	mu      sync.Mutex
	guarded stock
}

// stock is what the lock of a pool guards.
type stock struct {
	pool        *Pool
	made        int     // buffers that exist
	free        *Buffer // those here
	count       int     // how many are here
	reserved    int     // how many of the free or unmade ones are reserved for a place
	first, last *place  // the handles that wait, longest first
	spare       *place  // to be used again
}

// place is where a handle stands whose head needs a buffer of a pool that has none
// to spare. The record of that head points to the placeholder of its place, so that the
// handle leaves the queue without a search.
type place struct {
	placeholder Buffer
	handle      *Handle
	prev, next  *place // in the queue; next also in stock.spare
	reserved    bool   // a buffer is kept for it: it is on the ready list, and in the queue no more
}

// NewPool makes a pool of at most limit buffers of size bytes.
func (p *Port) NewPool(size, limit int) *Pool {
	pool := &Pool{port: p, size: size, limit: limit, fresh: p.checkBuffers || race.Enabled}
	pool.placeholder.pool = pool
	pool.guarded.pool = pool
	pool.handle.port, pool.handle.fd = p, -1
	pool.handle.latch[in] = ready
	return pool
}

// check panics for a pool that no port has made.
func (p *Pool) check() {
	if p == nil || p.port == nil {
		panic("completion: the pool is not from NewPool")
	}
}

func (p *Pool) lock() *stock {
	p.port.lockMutex(&p.mu)
	return &p.guarded
}

func (k *stock) unlock() { k.pool.mu.Unlock() }

// isPlaceholder reports whether b stands for a buffer that a pooled read does not have
// yet.
func (b *Buffer) isPlaceholder() bool {
	return b.place != nil || b.pool != nil && b == &b.pool.placeholder
}

// available is how many buffers can be had that are reserved for nobody.
func (k *stock) available() int { return k.count + k.pool.limit - k.made - k.reserved }

// pop returns a buffer. There is one.
func (k *stock) pop() *Buffer {
	b := k.free
	if b == nil {
		k.made++
		assert.That(k.made <= k.pool.limit, "a pool makes more buffers than it may")
		b = &Buffer{pool: k.pool, data: make([]byte, k.pool.size)}
		b.owner.Store(ownedByPool)
		return b
	}
	k.free, b.next = b.next, nil
	k.count--
	return b
}

// Take returns a buffer to the program, or nil if there is none to spare.
func (p *Pool) Take() *Buffer {
	p.check()
	k := p.lock()
	defer k.unlock()
	if k.available() <= 0 {
		return nil
	}
	b := k.pop()
	b.returnMemory()
	b.n = len(b.data)
	b.owner.Store(ownedByCaller)
	return b
}

// Lent is how many of the pool's buffers are not in it.
func (p *Pool) Lent() int {
	p.check()
	k := p.lock()
	defer k.unlock()
	return k.made - k.count
}

// release puts back a buffer that the program has released. No lock is held.
func (p *Pool) release(b *Buffer) {
	if p.put(b) {
		p.port.publish(&outcome{listed: true})
	}
}

// put puts b, whose owner is the pool already, into the stock. It reports whether a
// direction was listed that waits for a buffer.
func (p *Pool) put(b *Buffer) (listed bool) {
	k := p.lock()
	defer k.unlock()
	b.next, k.free = k.free, b
	k.count++
	return k.reserve()
}

// reserve keeps a buffer that has become available for the handle that has waited
// longest. That handle's lock may not be taken here, so its direction is only put
// on the ready list. reserve never leaves a handle that waits beside a buffer that is
// available: none begins to wait while there is one, and after each that comes
// back we are here. So one is enough, and the lock is held for one step.
func (k *stock) reserve() (listed bool) {
	at := k.first
	if at == nil || k.available() <= 0 {
		return false
	}
	k.unlink(at)
	at.reserved = true
	k.reserved++
	k.pool.port.list(readyDirection{handle: at.handle, direction: in})
	return true
}

// enqueue puts h behind those that wait.
func (k *stock) enqueue(h *Handle) *place {
	at := k.spare
	if at == nil {
		at = new(place)
		at.placeholder.pool, at.placeholder.place = k.pool, at
	} else {
		k.spare, at.next = at.next, nil
	}
	at.handle, at.prev = h, k.last
	if k.last != nil {
		k.last.next = at
	} else {
		k.first = at
	}
	k.last = at
	return at
}

// unlink takes a place out of the queue.
func (k *stock) unlink(at *place) {
	if at.prev != nil {
		at.prev.next = at.next
	} else {
		k.first = at.next
	}
	if at.next != nil {
		at.next.prev = at.prev
	} else {
		k.last = at.prev
	}
	at.prev, at.next = nil, nil
}

// vacate ends the use of a place that is in the queue no more.
func (k *stock) vacate(at *place) {
	at.handle, at.reserved = nil, false
	at.next, k.spare = k.spare, at
}

// get finds a buffer for the head of h, or makes h wait its turn. It reports
// whether it has found one.
func (p *Pool) get(h *Handle, rec *Record) bool {
	k := p.lock()
	defer k.unlock()
	switch at := rec.buffer.place; {
	case at == nil && k.available() <= 0:
		rec.buffer = &k.enqueue(h).placeholder
		return false
	case at == nil:
	case !at.reserved:
		return false
	default:
		k.reserved--
		k.vacate(at)
	}
	rec.buffer = k.pop()
	rec.buffer.n = 0
	rec.buffer.owner.Store(ownedByPort)
	return true
}

// leave ends the wait of a handle. A buffer that was reserved for it goes to the next:
// leave reports whether that was listed.
func (p *Pool) leave(at *place) (listed bool) {
	k := p.lock()
	defer k.unlock()
	if at.reserved {
		k.reserved--
		listed = k.reserve()
	} else {
		k.unlink(at)
	}
	k.vacate(at)
	return listed
}
