package completion

import "github.com/completionport/completion/internal/core"

// Buffer is memory with one owner at a time: the program, the port, or the pool that
// it came from. The port owns a buffer from the Submit that accepts its operation
// until that operation is delivered. Using a buffer that the program does not own
// panics, and the panic names the owner.
//
// Call Release once for each buffer of a pool and for each shared buffer, when the
// program no longer needs the bytes and every Write of the buffer was delivered (for a
// shared buffer: was submitted).
//
// A Buffer has memory of a fixed size and a length. A Read may fill the whole memory.
// The length is the number of bytes, from the start of the memory, that a Write sends
// and that a Read has delivered.
//
// The zero Buffer has no memory: Set gives it some. A Buffer must not be copied. Its
// methods are not safe for concurrent use, with one exception: any number of goroutines
// may read, submit and release a shared buffer.
type Buffer core.Buffer

func (b *Buffer) core() *core.Buffer { return (*core.Buffer)(b) }

// Own returns a buffer for memory that the program has made. The length of the buffer is
// len(memory). Own copies nothing. The program must not use memory while the port owns
// the buffer.
func Own(memory []byte) *Buffer {
	b := new(Buffer)
	b.Set(memory)
	return b
}

// Set replaces the memory of the buffer, and sets the length of the buffer to
// len(memory). It copies and allocates nothing. It panics for a buffer of a pool.
func (b *Buffer) Set(memory []byte) { b.core().Set(memory) }

// Bytes returns the memory up to the length of the buffer. The program may use it as
// long as it owns the buffer.
func (b *Buffer) Bytes() []byte { return b.core().Bytes() }

// Len returns the length of the buffer in bytes.
func (b *Buffer) Len() int { return len(b.core().Bytes()) }

// Memory returns the whole memory, for the program to fill before Resize and a Write.
// The program may use it as long as it owns the buffer.
func (b *Buffer) Memory() []byte { return b.core().Memory() }

// Resize sets the length of the buffer to n bytes. It panics if n is negative or above
// the size of the memory.
func (b *Buffer) Resize(n int) { b.core().Resize(n) }

// Share freezes the buffer, so that any number of Writes may send its bytes at the same
// time. A Write here is any operation that sends or writes a buffer, also a datagram or a
// part of a file. Sharing a shared buffer changes nothing. The buffer stays frozen until
// Release was called and the last of those Writes is delivered. Then a pool's buffer is
// back in its pool, and the program owns a buffer of its own memory again.
func (b *Buffer) Share() { b.core().Share() }

// Release returns the buffer to its pool. The pooled read or ops.Borrow whose turn it is
// acquires it: see ops.Borrow. For a buffer without a pool, Release ends a Share and does nothing
// else. Release makes no system call on a connection. It panics if the port owns the
// buffer, or if the buffer was released.
//
// The program must not use a *Buffer after its release, not even to release it again.
// Such a use panics as long as the buffer is in the pool. After the pool has given
// the same *Buffer to the next owner, such a use counts as one of that owner: it may
// read other data, or release the buffer a second time. With -race, or with
// COMPLETIONDEBUG=check=buffers, every such use panics: the pool makes a new *Buffer
// for each owner, which costs one allocation, and the old *Buffer stays released.
func (b *Buffer) Release() { b.core().Release() }

// Pool is a bounded stock of buffers of one size, for pooled reads: a pooled read
// acquires its buffer when data is there. A Pool belongs to one port and comes from
// Port.NewPool. It allocates a buffer when that is first needed, and keeps it until the
// pool is garbage.
//
// On io_uring, the system selects the buffer of a read, for the first 16 pools of a port that have
// at least 32 buffers. For that it has four buffers in addition to count, and one more after each
// read that found none. It has at most a quarter of count, 1,024 buffers, or 4 MiB, whichever is the
// least. Lent does not count them before they hold data. A read may get one of them while all others
// are lent. The system keeps them until the port is closed.
//
// Choose the number of buffers by the number of messages that the program works on at a
// time, not by the number of connections. Peers that send and never read can hold every
// buffer in Writes that do not end: give Writes a deadline.
type Pool core.Pool

func (p *Pool) core() *core.Pool { return (*core.Pool)(p) }

// NewPool returns a pool of at most count buffers of size bytes each. It panics if size
// or count is below 1.
func (p *Port) NewPool(size, count int) *Pool {
	if size < 1 || count < 1 {
		panic("completion: NewPool: size and count must be above 0")
	}
	return (*Pool)(p.core.NewPool(size, count))
}

// NewAlignedPool is NewPool for direct I/O (O_DIRECT on Linux: see open(2)), for which some
// systems require aligned memory. The address of each buffer is a multiple of alignment, which
// must be a power of 2. The program must align sizes and offsets. For memory that the program
// has aligned itself, use Own. NewAlignedPool panics if alignment is not a power of 2, or is
// above 1 GiB.
func (p *Port) NewAlignedPool(size, count, alignment int) *Pool {
	if size < 1 || count < 1 {
		panic("completion: NewAlignedPool: size and count must be above 0")
	}
	if alignment < 1 || alignment > 1<<30 || alignment&(alignment-1) != 0 {
		panic("completion: NewAlignedPool: alignment must be a power of 2, and at most 1 GiB")
	}
	return (*Pool)(p.core.NewAlignedPool(size, count, alignment))
}

// Take acquires a buffer from the pool. The length of the buffer is its whole size.
// Take returns nil if the pool has no buffer to spare: it never waits, and does not
// take a buffer away from a pooled read or an ops.Borrow that waits. Take panics if the
// pool is not from NewPool.
func (p *Pool) Take() *Buffer { return (*Buffer)(p.core().Take()) }

// Lent returns the number of buffers that are not in the pool at the moment: those that
// the port or the program owns. It panics if the pool is not from NewPool.
func (p *Pool) Lent() int { return p.core().Lent() }
