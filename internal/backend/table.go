package backend

import (
	"sync"
	"sync/atomic"
)

// Table finds a *T by its descriptor. Descriptors are small numbers, since systems
// give out the smallest or reuse old ones, so a table costs one word for each. The zero
// Table is empty and ready to use.
//
// Get takes no lock. It may return the entry of a former or a later owner of the number:
// the generation of an event shows whose it is.
type Table[T any] struct {
	// Shift is the number of low bits that are zero in every descriptor, which then
	// cost no entries. It is set before the first Set.
	Shift uint8

	chunks atomic.Pointer[[]*chunk[T]]
	mu     sync.Mutex // for growing
}

// perChunk is the number of entries in a chunk: 4 KiB with the word that Go adds to an
// object with pointers.
const perChunk = 511

// chunk is a part of a table. A table never removes a chunk.
type chunk[T any] [perChunk]atomic.Pointer[T]

// Get returns the entry of fd, nil if there is none. It is short enough to be inlined.
func (t *Table[T]) Get(fd int) *T {
	chunks, n := t.chunks.Load(), uint(fd)>>t.Shift
	if i := n / perChunk; chunks != nil && i < uint(len(*chunks)) && (*chunks)[i] != nil {
		return (*chunks)[i][n%perChunk].Load()
	}
	return nil
}

// Set makes v the entry of fd; nil removes it. The last of several calls for one
// descriptor wins: the caller keeps them in order.
func (t *Table[T]) Set(fd int, v *T) {
	entry := t.find(fd)
	if entry == nil {
		if v == nil {
			return
		}
		entry = t.grow(fd)
	}
	entry.Store(v)
}

// End returns a number that is above every descriptor that was set before.
func (t *Table[T]) End() int {
	chunks := t.chunks.Load()
	if chunks == nil {
		return 0
	}
	return len(*chunks) * perChunk << t.Shift
}

// All calls yield with each entry until it returns false. An entry that is set or
// removed meanwhile may be among them or not. yield may call the table's methods.
func (t *Table[T]) All(yield func(*T) bool) {
	chunks := t.chunks.Load()
	if chunks == nil {
		return
	}
	for _, c := range *chunks {
		for i := 0; c != nil && i < len(c); i++ {
			if v := c[i].Load(); v != nil && !yield(v) {
				return
			}
		}
	}
}

// find returns the place of fd, nil if there is no chunk for it.
func (t *Table[T]) find(fd int) *atomic.Pointer[T] {
	chunks, n := t.chunks.Load(), uint(fd)>>t.Shift
	if i := n / perChunk; chunks != nil && i < uint(len(*chunks)) && (*chunks)[i] != nil {
		return &(*chunks)[i][n%perChunk]
	}
	return nil
}

// grow adds the chunk of fd, unless there is one by now, and returns the place of fd.
func (t *Table[T]) grow(fd int) *atomic.Pointer[T] {
	t.mu.Lock()
	defer t.mu.Unlock()
	if entry := t.find(fd); entry != nil {
		return entry
	}
	var chunks []*chunk[T]
	if old := t.chunks.Load(); old != nil {
		chunks = *old
	}
	// A copy: others may be reading the old directory.
	i := int(uint(fd) >> t.Shift / perChunk)
	grown := make([]*chunk[T], max(i+1, len(chunks)))
	copy(grown, chunks)
	grown[i] = new(chunk[T])
	t.chunks.Store(&grown)
	return t.find(fd)
}
