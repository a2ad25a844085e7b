package core

import "github.com/completionport/completion/internal/backend"

// timerEntry says that slot must be looked at at the time when. A slot has at most one
// entry, which is corrected lazily: if the deadline becomes later or the operation ends,
// the entry stays where it is, and is corrected when it is the first. So a connection
// that reads again and again, each time with a new deadline, mostly costs the heap
// nothing.
type timerEntry struct {
	when int64
	slot *Slot
}

// timerHeap orders the entries by when. A node has four children: that makes fewer levels
// than two children do, and siblings share a cache line. The memory is in chunks: growing
// copies no entries, however many timers there are, and the memory of a burst goes back
// to Go's heap.
type timerHeap struct {
	chunks []*timerChunk
	count  int
}

const timersPerChunk = 512

type timerChunk [timersPerChunk]timerEntry

func (t *timerHeap) at(i int) *timerEntry {
	return &t.chunks[uint(i)/timersPerChunk][uint(i)%timersPerChunk]
}

// next returns when the first entry must be looked at.
func (t *timerHeap) next() int64 {
	if t.count == 0 {
		return backend.Never
	}
	return t.chunks[0][0].when
}

func (t *timerHeap) push(e timerEntry) {
	if t.count == len(t.chunks)*timersPerChunk {
		t.chunks = append(t.chunks, new(timerChunk))
	}
	t.count++
	t.up(t.count-1, e)
}

// drop removes the first entry.
func (t *timerHeap) drop() {
	first, last := t.at(0).slot, *t.at(t.count - 1)
	t.dropLast()
	first.heap = 0
	if t.count > 0 {
		t.down(0, last)
	}
}

// dropLast removes the last entry, which moves no other, and returns its slot.
func (t *timerHeap) dropLast() *Slot {
	t.count--
	e := t.at(t.count)
	s := e.slot
	*e = timerEntry{}
	s.heap = 0
	// One spare chunk is kept. Without it, a heap that grows and shrinks would allocate.
	if spare := len(t.chunks) - 1; spare > 0 && t.count <= (spare-1)*timersPerChunk {
		t.chunks[spare] = nil
		t.chunks = t.chunks[:spare]
	}
	return s
}

// up puts e at i or above.
func (t *timerHeap) up(i int, e timerEntry) {
	for i > 0 {
		parent := (i - 1) / 4
		if t.at(parent).when <= e.when {
			break
		}
		t.place(i, *t.at(parent))
		i = parent
	}
	t.place(i, e)
}

// down puts e at i or below.
func (t *timerHeap) down(i int, e timerEntry) {
	for {
		least, child := i, 4*i+1
		when := e.when
		for c := child; c < child+4 && c < t.count; c++ {
			if w := t.at(c).when; w < when {
				least, when = c, w
			}
		}
		if least == i {
			break
		}
		t.place(i, *t.at(least))
		i = least
	}
	t.place(i, e)
}

func (t *timerHeap) place(i int, e timerEntry) {
	*t.at(i) = e
	e.slot.heap = int32(i + 1)
}
