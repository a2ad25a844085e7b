package core

import (
	"io"
	"math"
	"sync"
	"sync/atomic"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/race"
)

// Buffer is memory with one owner at a time.
type Buffer struct {
	loan  race.Loan
	data  []byte // the whole memory
	n     int    // the length: how many bytes of data a Write sends or a Read has delivered
	pool  *Pool  // nil for the caller's own memory
	place *place // of which it is the placeholder, nil if it is none
	next  *Buffer
	owner atomic.Int32
	// bundle marks the buffer that stands for the buffers of a batch: see Datagrams.
	bundle bool
}

// Owners of a buffer. A buffer with a value above 0 is shared: it is frozen, and has one
// reference for each operation that it is lent to, and callersShare until the caller
// releases it.
const (
	ownedByCaller int32 = 0
	ownedByPort   int32 = -1
	ownedByPool   int32 = -2

	callersShare int32 = 1 << 30
)

// Panic texts for wrong use. They name the owner of the buffer.
const (
	lentBuffer     = "completion: the buffer belongs to the port until its operation is delivered"
	releasedBuffer = "completion: the buffer belongs to its pool: it has been released"
	sharedAway     = "completion: the buffer belongs to the writes that share it: it has been released"
	frozenBuffer   = "completion: the buffer is shared: it can only be read and written from"
	bufferTwice    = "completion: one buffer twice in one operation: share it, and write from it"
)

// check panics unless the caller owns the buffer. With readOnly it accepts a buffer that
// the caller shares, too.
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

// Set makes p the memory of the buffer, and its length the length of p.
func (b *Buffer) Set(p []byte) {
	b.check(false)
	if b.pool != nil {
		panic("completion: Set on a buffer that belongs to a pool")
	}
	b.data, b.n = p[:len(p):len(p)], len(p)
}

// Bytes returns the memory up to the length.
func (b *Buffer) Bytes() []byte {
	b.check(true)
	return b.data[:b.n]
}

// Memory returns the whole memory.
func (b *Buffer) Memory() []byte {
	b.check(false)
	return b.data
}

// Resize sets the length.
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

// Release ends the caller's ownership. A pool's buffer returns to its pool; a shared one
// does so when the last operation that it is lent to is delivered.
func (b *Buffer) Release() {
	b.check(true)
	if b.owner.Load() > 0 {
		b.releaseShare()
		return
	}
	if b.pool == nil {
		return
	}
	// Two releases at the same time are a mistake: the exchange fails for one of them.
	if !b.owner.CompareAndSwap(ownedByCaller, ownedByPool) {
		panic(releasedBuffer)
	}
	b.toPool()
}

// toPool puts a buffer whose owner is the pool already back into the pool. In a pool
// with fresh headers this header stays released for ever, so that a later use of it
// panics. In any other pool the next owner gets the same header.
func (b *Buffer) toPool() {
	if b.pool.fresh {
		b = &Buffer{pool: b.pool, data: b.data}
		b.owner.Store(ownedByPool)
	}
	b.lendMemory(true)
	b.pool.release(b)
}

// releaseShare drops the caller's own reference. Meanwhile writes of the buffer may be
// submitted and delivered. Two releases at the same time are a mistake: one of them
// finds the reference gone, and panics.
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

// recycle ends the sharing of a buffer that has lost its last reference: it goes back to
// its pool, or to the caller if it has no pool.
func (b *Buffer) recycle() {
	if b.place != nil {
		b.place.vector.giveBack()
		return
	}
	b.returnMemory()
	if b.pool == nil {
		b.owner.Store(ownedByCaller)
		return
	}
	b.owner.Store(ownedByPool)
	b.toPool()
}

// Vector is the memory of an operation with several buffers. It is a part of the
// operation. In the record, the placeholder of its place stands for all of them: the
// length of the placeholder is the number of bytes to send, or that were read. It has one
// reference, that of the operation, so that whoever delivers the operation recycles it.
type Vector struct {
	Bufs []*Buffer // set by Describe
	// A write may have a source instead: it sends Count of its bytes from Offset, and with 0
	// all up to its end.
	Source        Source
	Offset, Count int64
	// File is the *File that Source reads, if that is one of the port, else nil.
	File usedFile
	// Control, if not nil, is what accompanies the bytes. A read stores it once.
	Control *backend.Control

	place  place
	reads  bool
	total  int // bytes to send, or that there is room for
	copied copied
	joined bool // File has accepted the write

	// Where the next call begins, for the goroutine that owns the direction.
	index int // in Bufs
	ahead int // bytes of the buffers before that
}

// giveBack gives the buffers back to the caller, each with the number of bytes that a read
// has filled in. No lock is held.
func (v *Vector) giveBack() {
	n := v.place.placeholder.n
	for _, b := range v.Bufs {
		if v.reads {
			b.n = min(n, len(b.data))
			n -= b.n
		}
		if b.giveBack() {
			b.recycle()
		}
	}
	clear(v.Bufs)
}

// Source is what a write sends from instead of buffers: a file. It belongs to the program,
// which may close it at any time. No two calls are made at once.
type Source interface {
	// ReadAt is that of io.ReaderAt.
	ReadAt(p []byte, at int64) (int, error)
	// SendFile calls the method of the kernel with the descriptor of the source. Without a
	// descriptor, it is not supported.
	SendFile(k backend.FileSender, fd int, at int64, n int) (moved int, errno backend.Errno, supported bool)
}

// usedFile is a *File.
type usedFile interface {
	// join is called for a SendFile of the file that was accepted. It reports false if the file
	// accepts no operations any more. A CloseFile that is submitted later waits for leave.
	join() bool
	// leave ends what join began, when the SendFile is published. No lock is held.
	leave()
}

const (
	// sourceBytes is the largest number of bytes of one call from a source, so that a turn
	// stays short: the bytes may come from a disk.
	sourceBytes = 256 << 10
	// copiedBytes is the size of the memory that bytes of a source are copied to where the
	// system can't send them by itself.
	copiedBytes = 64 << 10
	// passedBytes is how many bytes of a source a layer takes at a time. It encrypts so many
	// in one step, so it never asks for the rest of what it owes: see passSource.
	passedBytes = 16 << 10
)

// copied is memory with bytes of a source. A write has it during a call, and while a Native
// kernel sends from it.
type copied struct {
	memory *[copiedBytes]byte
	used   int
	only   bool  // the system can't send from this source
	passed int64 // the count of the write when a layer has sent what it was given last
}

var copies = sync.Pool{New: func() any { return new([copiedBytes]byte) }}

// bytes returns the bytes that were read.
func (c *copied) bytes() []byte {
	if c.memory == nil {
		return nil
	}
	return c.memory[:c.used]
}

// free gives the memory back.
func (c *copied) free() {
	if c.memory != nil {
		copies.Put(c.memory)
		c.memory, c.used = nil, 0
	}
}

// read fills the memory with the next bytes of the source, at most that many.
func (c *copied) read(from Source, at int64, most int) error {
	if at > math.MaxInt64-copiedBytes { // no file reaches so far, and the system would not say so
		return io.EOF
	}
	c.memory = copies.Get().(*[copiedBytes]byte)
	n, err := from.ReadAt(c.memory[:min(most, len(c.memory))], at)
	if c.used = n; n > 0 {
		return nil // an error comes again
	}
	return err
}

// acquire makes the port the owner of the buffer, for one operation, or returns the
// mistake that prevents it.
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
			// Another write of the buffer may be submitted or delivered at the same time.
			if b.owner.CompareAndSwap(owner, owner+1) {
				return ""
			}
		case b.owner.CompareAndSwap(ownedByCaller, ownedByPort):
			b.lendMemory(toRead)
			return ""
		}
	}
}

// giveBack makes the caller the owner again, or drops one reference of a shared buffer.
// last reports that this was the last reference: then the caller of giveBack must
// recycle the buffer, without the port's lock.
func (b *Buffer) giveBack() (last bool) {
	if b.owner.Load() == ownedByPort {
		b.returnMemory()
		b.owner.Store(ownedByCaller)
		return false
	}
	return b.owner.Add(-1) == 0
}

// lendMemory and returnMemory declare to the race detector each change of the owner of a
// buffer's memory. While a buffer is shared nobody may write to it: that is one loan,
// from Share until the last reference is gone, however many operations it is lent to.

// lendMemory declares that the memory is not the caller's any more. With written, all of
// it may change meanwhile. Without, it is only read, up to the length.
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
