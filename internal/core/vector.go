package core

import (
	"math"
	"slices"
	"sync"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/race"
)

// acquire makes the port the owner of the buffers, for an operation of this kind, and
// returns the flags that follow. It panics if they are a mistake, and changes nothing then.
func (v *Vector) acquire(kind backend.Kind) slotFlags {
	v.reads, v.total, v.index, v.ahead = kind == backend.Read, 0, 0, 0
	v.copied, v.joined = copied{}, false
	if v.Source != nil {
		v.total = v.reach()
	} else if len(v.Bufs) == 0 {
		panic("completion: a " + kind.String() + " of several buffers without a buffer")
	}
	for i, b := range v.Bufs {
		if mistake := v.acquireOne(i, b); mistake != "" {
			v.unacquire(i)
			panic(mistake)
		}
	}
	if v.reads && v.total == 0 {
		v.unacquire(len(v.Bufs))
		panic("completion: a read into buffers without memory: it would end at once with no data")
	}
	if !v.reads && v.total == 0 && v.Control != nil && v.Control.HasRights() {
		v.unacquire(len(v.Bufs))
		panic("completion: descriptors or credentials without a byte: a stream carries them with its bytes only")
	}
	v.place.vector = v
	whole := &v.place.placeholder
	whole.place, whole.n = &v.place, 0
	if !v.reads {
		whole.n = v.total
	}
	whole.owner.Store(1) // one reference, as of a shared buffer that was released
	return lent | vectored
}

// join is called when a write from a source was accepted, before it is in a queue. No lock is
// held.
func (s *Slot) join() {
	if s.flags&vectored != 0 {
		if v := s.vector(); v.File != nil {
			v.joined = v.File.join()
		}
	}
}

// isRefused reports whether the file had accepted no operations any more.
func (v *Vector) isRefused() bool { return v.File != nil && !v.joined }

// reach returns how many bytes a write from a source sends at most.
func (v *Vector) reach() int {
	if v.Count > 0 {
		return int(min(v.Count, math.MaxInt))
	}
	return math.MaxInt
}

// acquireOne makes the port the owner of b, which is Bufs[i], or returns the mistake that
// prevents it.
func (v *Vector) acquireOne(i int, b *Buffer) (mistake string) {
	if b == nil {
		return "completion: one of several buffers is nil"
	}
	mistake = b.acquire(v.reads)
	switch {
	case mistake == lentBuffer && slices.Contains(v.Bufs[:i], b):
		return bufferTwice
	case mistake == "" && v.reads:
		v.total += len(b.data)
	case mistake == "":
		v.total += b.n
	}
	return mistake
}

// unacquire gives back the first n buffers of an operation that was not accepted. None is
// the last reference: a shared buffer still has the caller's own.
func (v *Vector) unacquire(n int) {
	for _, b := range v.Bufs[:n] {
		b.giveBack()
	}
}

// empty sets the length of each buffer to 0, after a read that a closed port has refused.
// A buffer that the caller does not own is a mistake, but harmless here.
func (v *Vector) empty() {
	for _, b := range v.Bufs {
		if b != nil && b.acquire(true) == "" {
			b.n = 0
			b.giveBack()
		}
	}
	clear(v.Bufs)
}

// vector returns the buffers of an operation that has several.
func (s *Slot) vector() *Vector { return s.record().buffer.place.vector }

// extent returns how many bytes of b a write sends, or a read may fill.
func (v *Vector) extent(b *Buffer) int {
	if v.reads {
		return len(b.data)
	}
	return b.n
}

// seek moves the position to the buffer that has the byte behind the first n, which must
// not be all.
func (v *Vector) seek(n int) {
	for size := v.extent(v.current()); n-v.ahead >= size; size = v.extent(v.current()) {
		v.index++
		v.ahead += size
	}
}

// current returns the buffer at the position.
func (v *Vector) current() *Buffer { return v.Bufs[v.index] }

// rest returns the rest of one buffer behind the first n bytes of all, or what was read from
// the source and found no room.
func (v *Vector) rest(n int) []byte {
	if v.Source != nil {
		return v.copied.bytes()
	}
	v.seek(n)
	b := v.current()
	return b.data[n-v.ahead : v.extent(b)]
}

// fill adds to g the parts behind the first n bytes, as many as there is room for. It
// reports whether these are all.
func (v *Vector) fill(g *gathering, n int) (all bool) {
	g.add(v.rest(n))
	for _, b := range v.Bufs[v.index+1:] {
		size := v.extent(b)
		switch {
		case size == 0:
			continue
		case g.used == len(g.parts):
			return false
		}
		g.add(b.data[:size])
	}
	return true
}

// returnMemory and lendMemory are those of the buffers of a read that has moved n bytes.

func (v *Vector) returnMemory(n int) {
	if race.Enabled {
		v.seek(n)
		for _, b := range v.Bufs[v.index:] {
			b.returnMemory()
		}
	}
}

func (v *Vector) lendMemory() {
	if race.Enabled {
		for _, b := range v.Bufs[v.index:] {
			b.lendMemory(true)
		}
	}
}

// gathering is one call with several parts: of writes that leave together, or of one
// operation with several buffers.
type gathering struct {
	parts [backend.MostParts][]byte
	used  int // parts
	total int // their bytes

	ops   [backend.MostParts]*Slot
	sizes [backend.MostParts]int // the bytes of each operation that are among the parts
	count int                    // operations
}

var gatherings = sync.Pool{New: func() any { return new(gathering) }}

func newGathering() *gathering { return gatherings.Get().(*gathering) }

// free makes g ready for its next use. It keeps no memory of a program.
func (g *gathering) free() {
	clear(g.parts[:g.used])
	clear(g.ops[:g.count])
	g.used, g.total, g.count = 0, 0, 0
	gatherings.Put(g)
}

func (g *gathering) add(part []byte) {
	g.parts[g.used] = part
	g.used++
	g.total += len(part)
}
