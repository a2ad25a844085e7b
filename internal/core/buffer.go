package core

import (
	"sync/atomic"

	"github.com/completionport/completion/internal/race"
)

// Buffer is memory with one owner at a time.
type Buffer struct {
	loan  race.Loan
	data  []byte // all of it
	n     int    // how much of it counts
	pool  *Pool  // nil for the caller's own memory
	place *place // of which it is the placeholder
	next  *Buffer
	owner atomic.Int32
}

// Owners of a buffer. Above 0 it is shared: frozen, with one reference for each
// operation it is lent to, and the caller's until it releases it.
const (
	ownedByCaller int32 = 0
	ownedByPort   int32 = -1
	ownedByPool   int32 = -2

	callersShare int32 = 1 << 30
)

// Sentences for wrong use; they say who owns the buffer.
const (
	lentBuffer     = "completion: the buffer belongs to the port until its operation is delivered"
	releasedBuffer = "completion: the buffer belongs to its pool: it has been released"
	sharedAway     = "completion: the buffer belongs to the writes that share it: it has been released"
	frozenBuffer   = "completion: the buffer is shared: it can only be read and written from"
)

// check panics unless the caller owns the buffer; shared buffers pass if
// reading is all that is asked for.
func (b *Buffer) check(readOnly bool) {
	switch owner := b.owner.Load(); {
	case owner == ownedByPort:
		panic(lentBuffer)
	case owner == ownedByPool:
		panic(releasedBuffer)
	case owner > 0 && owner < callersShare:
		panic(sharedAway)
	case owner > 0 && !readOnly:
		panic(frozenBuffer)
	}
}

// Set makes the buffer stand for p, all of it counting.
func (b *Buffer) Set(p []byte) {
	b.check(false)
	if b.pool != nil {
		panic("completion: Set on a buffer that belongs to a pool")
	}
	b.data, b.n = p[:len(p):len(p)], len(p)
}

// Bytes returns the part that counts.
func (b *Buffer) Bytes() []byte {
	b.check(true)
	return b.data[:b.n]
}

// Memory returns all of it.
func (b *Buffer) Memory() []byte {
	b.check(false)
	return b.data
}

// Resize says how many bytes count.
func (b *Buffer) Resize(n int) {
	b.check(false)
	if n < 0 || n > len(b.data) {
		panic("completion: Resize beyond the buffer's memory")
	}
	b.n = n
}

// Share freezes the buffer and begins to count its references.
func (b *Buffer) Share() {
	b.check(true)
	if b.owner.CompareAndSwap(ownedByCaller, callersShare) {
		b.lendMemory(false)
	}
}

// Release ends the caller's ownership: a pool's buffer goes back, a shared one
// when its last operation has been handed out.
func (b *Buffer) Release() {
	b.check(true)
	if b.owner.Load() > 0 {
		b.releaseShare()
		return
	}
	if b.pool == nil {
		return
	}
	// Two releases at once are a mistake; the exchange lets one of them win.
	if !b.owner.CompareAndSwap(ownedByCaller, ownedByPool) {
		panic(releasedBuffer)
	}
	b.toPool()
}

// toPool gives a pool's buffer back that the pool owns already. In a pool that
// lends fresh headers this one stays released for ever, and whoever still has it
// is told so; else it is the next owner's.
func (b *Buffer) toPool() {
	if b.pool.fresh {
		b = &Buffer{pool: b.pool, data: b.data}
		b.owner.Store(ownedByPool)
	}
	b.lendMemory(true)
	b.pool.release(b)
}

// releaseShare gives the caller's own reference up. Operations may be lent and
// handed out meanwhile; of two releases at once, one is a mistake and finds
// the reference gone.
func (b *Buffer) releaseShare() {
	for {
		owner := b.owner.Load()
		if owner < callersShare {
			panic(sharedAway)
		}
		if b.owner.CompareAndSwap(owner, owner-callersShare) {
			if owner == callersShare {
				b.recycle()
			}
			return
		}
	}
}

// recycle takes in a shared buffer that lost its last reference.
func (b *Buffer) recycle() {
	b.returnMemory()
	if b.pool == nil {
		b.owner.Store(ownedByCaller)
		return
	}
	b.owner.Store(ownedByPool)
	b.toPool()
}

// acquire makes an operation the owner of the buffer, or returns why it can't.
func (b *Buffer) acquire(toRead bool) (mistake string) {
	for {
		owner := b.owner.Load()
		switch {
		case owner == ownedByPort:
			return lentBuffer
		case owner == ownedByPool:
			return releasedBuffer
		case owner > 0 && owner < callersShare:
			return sharedAway
		case owner > 0 && toRead:
			return frozenBuffer
		case owner > 0:
			// Another write of the same bytes may be submitted or delivered at once.
			if b.owner.CompareAndSwap(owner, owner+1) {
				return ""
			}
		case b.owner.CompareAndSwap(ownedByCaller, ownedByPort):
			b.lendMemory(toRead)
			return ""
		}
	}
}

// giveBack makes the caller the owner again. It reports true if the buffer was shared
// and nobody refers to it any more: then it must be recycled, without the
// port's lock.
func (b *Buffer) giveBack() (last bool) {
	if b.owner.Load() == ownedByPort {
		b.returnMemory()
		b.owner.Store(ownedByCaller)
		return false
	}
	return b.owner.Add(-1) == 0
}

// The race detector is told who owns a buffer's memory, at the points where
// that changes. While a buffer is shared nobody may write it: that is one loan
// from Share to the last reference, whatever operations it is lent to.

// lendMemory declares that the memory is not the caller's any more. written
// tells that it may change meanwhile; without, the bytes that count are read.
func (b *Buffer) lendMemory(written bool) {
	switch {
	case !race.Enabled:
	case written:
		b.loan.Lend(b.data, true)
	default:
		b.loan.Lend(b.data[:b.n], false)
	}
}

// returnMemory declares that the calling goroutine may use the memory.
func (b *Buffer) returnMemory() { b.loan.Return() }
