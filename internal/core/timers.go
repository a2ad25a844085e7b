package core

import "github.com/completionport/completion/internal/backend"

// reachable brings a deadline into the range that clocks can handle: all of the
// past is one moment, and what is more than a century away does not come.
func reachable(deadline int64) int64 {
	switch {
	case deadline < 0:
		return 1
	case deadline > backend.Never/2:
		return backend.Never
	}
	return deadline
}

// timerEntry says that slot wants a look at when. There is at most one per
// slot, and it is corrected lazily: moving a deadline back, or ending the
// operation, leaves the entry where it is, to be put right when it surfaces.
// A connection that reads again and again with a deadline of its own thus
// mostly costs the heap nothing.
type timerEntry struct {
	when int64
	slot *Slot
}

// due is when the slot's operation ends by the clock, 0 for never.
func (s *Slot) due() int64 {
	if s.kind != backend.Timer || s.op == nil {
		return s.deadline
	}
	if due := s.record().n; s.deadline == 0 || due <= s.deadline {
		return due
	}
	return s.deadline
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

// schedule makes sure that slot is looked at when it is due. Port.mu is held.
func (p *Port) schedule(s *Slot) {
	due := s.due()
	switch {
	case due == 0:
		return
	case s.heap == 0:
		p.timers.push(timerEntry{due, s})
	case due < p.timers.at(int(s.heap-1)).when:
		p.timers.up(int(s.heap-1), timerEntry{due, s})
	}
	if due < p.until {
		p.wakeLeader()
	}
}

// expiriesPerTurn is how many entries of the heap one turn of the leader looks at.
// The rest has the next turn: with a million timers due at once, neither the lock
// nor the lead is held for longer than this many take.
const expiriesPerTurn = 64

// expired notes operations whose time has come in p.overdue, and puts right the
// entries that surface on the way. Those that are left surface again. Port.mu is
// held.
func (p *Port) expired(now int64) []expiry {
	list := p.overdue[:0]
	for range expiriesPerTurn {
		if p.timers.next() > now {
			break
		}
		s := p.timers.at(0).slot
		if s == &p.asking {
			p.timers.drop()
			p.askAgain()
			continue
		}
		due := s.due()
		if due > now {
			p.timers.down(0, timerEntry{due, s})
			continue
		}
		if due != 0 {
			fires := s.kind == backend.Timer && due == s.record().n
			list = append(list, expiry{s.ticket(), fires})
		}
		p.timers.drop()
	}
	return list
}

// expiry is an operation that the clock ends: a timer that fires, or anything
// else by its deadline.
type expiry struct {
	ticket Ticket
	fires  bool
}

func (e expiry) intent() intent {
	if e.fires {
		return toFire
	}
	return toExpire
}
