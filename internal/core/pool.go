package core

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/completionport/completion/internal/assert"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/race"
)

// Pool is a bounded number of buffers of one size. Each is allocated when it is first
// needed. A Selector has some more of them.
type Pool struct {
	port  *Port
	size  int
	limit int
	fresh bool // each owner gets a new header, so that a use of a stale one panics
	align int  // the address of each buffer is a multiple of it

	// handle has the Borrows of the pool in its queue. It waits for a buffer as the
	// handles of pooled reads do.
	handle Handle

	// placeholder stands for "one of this pool" in a pooled read that has no buffer yet.
	placeholder Buffer

	selection selection

	mu      sync.Mutex
	guarded stock
}

// stock is the state of a pool that its lock guards.
type stock struct {
	pool        *Pool
	made        int     // buffers that exist, but for those in the kernel; above the limit if reads took these
	free        *Buffer // the buffers in the pool, linked by next
	count       int     // how many are in the pool
	reserved    int     // how many of the free or unmade ones are reserved for a place
	first, last *place  // the handles that wait, longest first
	spare       *place  // unused places, linked by next
}

// place is the place of a handle in the queue of a pool: its head needs a buffer, and
// the pool had none available. The record of the head points to the placeholder of the
// place, so that the handle leaves the queue without a search.
type place struct {
	placeholder Buffer
	handle      *Handle
	prev, next  *place  // in the queue; next also in stock.spare
	reserved    bool    // a buffer is reserved for it: it is on the ready list, and not in the queue
	vector      *Vector // of which the placeholder stands for the buffers; then it is in no queue
}

// selection is what the kernel has of a pool.
type selection struct {
	state atomic.Int32 // see selected.go
	group backend.BufferGroup
	// The lock of the pool guards these.
	buffers []*Buffer // in the kernel, by number
	width   int       // the numbers below it are used
	unused  []uint16  // those of them that stand for no buffer
}

// NewPool makes a pool of at most limit buffers of size bytes.
func (p *Port) NewPool(size, limit int) *Pool { return p.NewAlignedPool(size, limit, 1) }

// NewAlignedPool is NewPool with addresses that are multiples of align, a power of 2.
func (p *Port) NewAlignedPool(size, limit, align int) *Pool {
	pool := &Pool{port: p, size: size, limit: limit, align: align, fresh: p.checkBuffers || race.Enabled}
	pool.placeholder.pool = pool
	pool.guarded.pool = pool
	pool.handle.port, pool.handle.fd = p, -1
	pool.handle.latch[in] = ready
	return pool
}

// memory makes the memory of a buffer. Go's heap does not move it, so its address stays.
func (p *Pool) memory() []byte {
	if p.align == 1 {
		return make([]byte, p.size)
	}
	b := make([]byte, p.size+p.align-1)
	at := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (p.align - 1)
	return b[at : at+p.size : at+p.size]
}

// check panics for a pool that is not from NewPool.
func (p *Pool) check() {
	if p == nil || p.port == nil {
		panic("completion: the pool is not from NewPool")
	}
}

// checkFor panics unless the pool belongs to a port.
func (p *Pool) checkFor(port *Port) {
	if p == nil {
		panic("completion: a borrow without a pool")
	}
	p.check()
	if p.port != port {
		panic("completion: the pool belongs to another port")
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

// available returns how many buffers are free or unmade, and not reserved.
func (k *stock) available() int { return k.count + k.pool.limit - k.made - k.reserved }

// pop removes and returns a buffer. The caller knows that there is one.
func (k *stock) pop() *Buffer {
	b := k.free
	if b == nil {
		k.made++
		// One that is reserved is made beyond the limit if reads have taken those of the kernel meanwhile.
		assert.That(k.made <= k.pool.limit+len(k.pool.selection.unused), "a pool makes more buffers than it may")
		b = &Buffer{pool: k.pool, data: k.pool.memory()}
		b.owner.Store(ownedByPool)
		return b
	}
	k.free, b.next = b.next, nil
	k.count--
	return b
}

// Take returns a buffer that the program owns, or nil if none is available.
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

// Lent returns how many of the pool's buffers are not in the pool.
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

// put puts b, whose owner is the pool already, into the pool. It reports whether it
// listed a direction that waits for a buffer.
func (p *Pool) put(b *Buffer) (listed bool) {
	k := p.lock()
	defer k.unlock()
	k.made-- // until it is in the pool
	switch {
	case k.provides():
		k.provide(b)
	case k.made < p.limit:
		k.made++
		b.next, k.free = k.free, b
		k.count++
	}
	return k.reserve()
}

// reserve reserves a buffer that has become available for the handle that has waited
// longest. It must not take that handle's lock, so it only puts the handle's direction on
// the ready list. No handle waits while a buffer is available: none begins to wait then,
// and reserve is called for each buffer that comes back. So it reserves one only, and the
// lock is held for one step.
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

// enqueue puts h at the end of the queue.
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

// vacate ends the use of a place that is not in the queue any more.
func (k *stock) vacate(at *place) {
	at.handle, at.reserved = nil, false
	at.next, k.spare = k.spare, at
}

// get gets a buffer for the head of h, whose record is rec, or puts h into the queue. It
// reports whether rec has its buffer.
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

// leave ends the wait of a handle. A buffer that was reserved for it is reserved for the
// next handle; leave reports whether the direction of that handle was listed.
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

// getMore gets buffers for the port, as many as the pool has, and returns their number.
func (p *Pool) getMore(into []*Buffer) (n int) {
	k := p.lock()
	defer k.unlock()
	for n < len(into) && k.available() > 0 {
		b := k.pop()
		b.n = 0
		b.owner.Store(ownedByPort)
		into[n] = b
		n++
	}
	return n
}

// provideMore gives buffers to the kernel as long as it lacks some, and the limit has room.
func (k *stock) provideMore() {
	for k.provides() && k.available() > 0 {
		b := k.pop()
		k.made--
		k.provide(b)
	}
}

// provides reports whether the kernel lacks a buffer. What the kernel has and what is lent are
// together no more than the limit, unless the kernel had its buffers first.
func (k *stock) provides() bool {
	s := &k.pool.selection
	in := s.width - len(s.unused)
	return len(s.unused) > 0 && k.first == nil && k.made-k.count+in < k.pool.limit
}

// provide gives b to the kernel, which lacks one. b is not counted any more.
func (k *stock) provide(b *Buffer) {
	s := &k.pool.selection
	last := len(s.unused) - 1
	number := s.unused[last]
	s.unused = s.unused[:last]
	s.buffers[number] = b
	k.pool.port.selector.Provide(s.group, int(number), b.data)
}
