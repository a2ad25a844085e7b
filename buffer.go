package completion

import "github.com/completionport/completion/internal/core"

// Buffer is memory with one owner at a time: you, the port while an operation
// that uses it is in flight, or the pool it came from. Using a buffer that one
// does not own panics and says who does.
//
// Release a pool's buffer once, when you are done with its bytes: after Take or
// after the read that has brought it, or, if it is written, after the write was
// handed out; a shared buffer may be released as soon as the last write of it was
// submitted.
//
// It has a fixed memory, all of which a read may fill, and a number of bytes
// that count: those a write sends, and those a read has brought.
//
// The zero Buffer has no memory; Set gives it some. A Buffer must not be
// copied. The methods are not for several goroutines at once, but a shared
// buffer may be read, submitted and released by any number of them.
type Buffer core.Buffer

func (b *Buffer) core() *core.Buffer { return (*core.Buffer)(b) }

// Own returns a buffer that stands for p, all of which counts. p must not be
// touched while the port owns the buffer.
func Own(p []byte) *Buffer {
	b := new(Buffer)
	b.Set(p)
	return b
}

// Set makes b stand for p, all of which counts. It allocates nothing. It
// panics for a buffer of a pool.
func (b *Buffer) Set(p []byte) { b.core().Set(p) }

// Bytes returns the bytes that count. They are yours as long as the buffer is.
func (b *Buffer) Bytes() []byte { return b.core().Bytes() }

// Len is the number of bytes that count.
func (b *Buffer) Len() int { return len(b.core().Bytes()) }

// Memory returns the whole memory, to be filled before Resize and a write.
func (b *Buffer) Memory() []byte { return b.core().Memory() }

// Resize says how many bytes count, counted from the start of the memory. It
// panics if there are not as many.
func (b *Buffer) Resize(n int) { b.core().Resize(n) }

// Share freezes the buffer, so that any number of writes may send its bytes at
// the same time. Sharing a shared buffer changes nothing. It stays frozen
// until Release has been called and the last of those writes was handed out;
// then a pool's buffer is back in its pool and your own memory is yours again.
func (b *Buffer) Share() { b.core().Share() }

// Release gives the buffer back to its pool, where the read that has waited
// longest gets it. Your own memory has no pool: there Release does nothing but
// end a Share. Release makes no system call. It panics if the buffer is the port's
// or has been released.
//
// A *Buffer that was released must not be used any more, not even to release it
// again. Such a use panics as long as the buffer is in the pool. Then the pool
// lends the same *Buffer to the next owner, and the use is taken for that owner's:
// it may read other data, or give the buffer away a second time. With -race, or with
// COMPLETIONDEBUG=check=buffers, a pool lends a new *Buffer each time, which is one
// allocation, and the old one stays released: then every such use panics.
func (b *Buffer) Release() { b.core().Release() }

// Pool is a bounded stock of buffers of one size, for reads that take their
// buffer when data is there. It belongs to one port. Memory is made as it is
// first needed and kept until the pool is garbage.
//
// A pool is as large as the number of messages being worked on, not as the
// number of connections. Peers that send and never read can hold every buffer
// in writes that don't end: give writes a deadline.
type Pool core.Pool

func (p *Pool) core() *core.Pool { return (*core.Pool)(p) }

// NewPool returns a pool of at most count buffers of size bytes each. It
// panics if either is below 1.
func (p *Port) NewPool(size, count int) *Pool {
	if size < 1 || count < 1 {
		panic("completion: NewPool needs a size and a count above 0")
	}
	return (*Pool)(p.core.NewPool(size, count))
}

// Take returns a buffer of the pool, all of which counts, or nil if there is
// none to spare. It never waits, and takes none away from a read that does.
func (p *Pool) Take() *Buffer { return (*Buffer)(p.core().Take()) }

// Lent is the number of buffers that are not in the pool at the moment: with
// the port or with the program.
func (p *Pool) Lent() int { return p.core().Lent() }
