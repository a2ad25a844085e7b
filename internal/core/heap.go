package core

import "github.com/completionport/completion/internal/backend"

// timerEntry says that slot wants a look at when. There is at most one per
// slot, and it is corrected lazily: moving a deadline back, or ending the
// operation, leaves the entry where it is, to be put right when it surfaces.
// A connection that reads again and again with a deadline of its own thus
// mostly costs the heap nothing.
type timerEntry struct {
	when int64
	slot *Slot
}

// timerHeap orders the entries by when they want a look. It has four children per
// node: fewer levels than two, and siblings that share a cache line. Its memory is
// in chunks: growing copies none of it, whatever the number of timers, and what a
// burst has needed goes back to the heap of Go.
type timerHeap struct {
	chunks []*timerChunk
	count  int
}

const timersPerChunk = 512

type timerChunk [timersPerChunk]timerEntry

func (t *timerHeap) at(i int) *timerEntry {
	return &t.chunks[uint(i)/timersPerChunk][uint(i)%timersPerChunk]
}

// next is when the first entry wants a look.
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
	// One chunk is kept, or a heap that goes to and fro would allocate.
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
