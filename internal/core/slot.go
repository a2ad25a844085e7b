package core

import "sync/atomic"

// Slot is the port's record of one operation in flight. Slots are never given
// back to the Go heap, so a stale pointer to one can be followed safely, and
// the generation tells that it is stale. 64 bytes: an idle connection holds one.
type Slot struct {
	op     Operation
	handle atomic.Pointer[Handle] // the port's own handle for Timer and Post
	next   *Slot                  // in the one list the slot stands in

	deadline int64 // 0 for none; guarded by Port.mu

	// word is generation<<8 | state. It is written by whoever may move the
	// state (under the handle's lock while in flight, under the port's when
	// taken or freed) and read by anyone; one load gives both halves.
	word atomic.Uint64

	kind   Kind
	flags  slotFlags // fixed when accepted
	intent intent    // guarded by Handle.mu
	opens  bool      // the first connect of its socket; guarded by Handle.mu
	heap   int32     // position in the timer heap plus 1; guarded by Port.mu
	waiter int32     // number of the waiter plus 1; guarded by Port.mu
	serial uint32    // of the submission, for an observer
}

type slotFlags uint8

const (
	started   slotFlags = 1 << iota // its outcome goes to Wait, not to the queue
	late                            // takes its buffer when data is there
	full                            // ends only when the buffer is full
	limited                         // over the limit: fails without being begun
	overdue                         // its deadline had passed when it was accepted
	ripe                            // a timer that was due when it was accepted
	lent                            // it was given a buffer
	collected                       // it had been waited for before
)

type state uint8

const (
	free     state = iota // also of an operation that ends when it is accepted
	accepted              // described, not yet in a handle's queue
	queued                // in a handle's queue, or a timer waiting
	calling               // at the head of its queue, inside a system call
	finished              // its outcome is decided
)

func generation(word uint64) uint32 { return uint32(word >> 8) }

func (s *Slot) state() state { return state(s.word.Load()) }

func (s *Slot) set(to state) { s.word.Store(s.word.Load()&^0xff | uint64(to)) }

func (s *Slot) record() *Record { return s.op.self() }

// total is how many bytes the operation moves if it ends well.
func (s *Slot) total(r *Record) int64 {
	switch {
	case r.buffer == nil:
		return 0
	case s.kind == Write:
		return int64(r.buffer.n)
	default:
		return int64(len(r.buffer.data))
	}
}

// empty tells that there is nothing to move, which needs no system call. A
// late read is never empty: its buffer is not there yet.
func (s *Slot) empty() bool {
	return (s.kind == Read || s.kind == Write) && s.flags&late == 0 && s.total(s.record()) == 0
}

const slotsPerChunk = 128 // 8 KiB; chunks of one size, since doubling would waste half

// takeSlot returns a free slot. Port.mu is held.
func (p *Port) takeSlot() *Slot {
	if p.freeSlots == nil {
		chunk := make([]Slot, slotsPerChunk)
		for i := range chunk {
			chunk[i].next = p.freeSlots
			p.freeSlots = &chunk[i]
		}
		p.chunks = append(p.chunks, chunk)
	}
	s := p.freeSlots
	p.freeSlots, s.next = s.next, nil
	p.occupied++
	return s
}

// freeSlot gives the slot to its next use: tickets of this one go stale here.
// Its entry in the timer heap stays and is dropped when it surfaces. Port.mu
// is held.
func (p *Port) freeSlot(s *Slot) {
	s.op, s.deadline, s.waiter = nil, 0, 0
	s.flags, s.intent, s.opens = 0, noIntent, false
	if word := s.word.Load(); state(word) != free {
		s.word.Store(uint64(generation(word)+1) << 8)
	} // else it ended when it was accepted, and no ticket of it exists
	s.next, p.freeSlots = p.freeSlots, s
	p.occupied--
}

// list is a queue of slots, linked through the slots themselves: it is kept as
// its tail, whose next is the head.
type list struct{ tail *Slot }

func (l *list) head() *Slot {
	if l.tail == nil {
		return nil
	}
	return l.tail.next
}

func (l *list) push(s *Slot) {
	if l.tail == nil {
		s.next = s
	} else {
		s.next, l.tail.next = l.tail.next, s
	}
	l.tail = s
}

func (l *list) pop() *Slot {
	s := l.head()
	switch {
	case s == nil:
		return nil
	case s == l.tail:
		l.tail = nil
	default:
		l.tail.next = s.next
	}
	s.next = nil
	return s
}

// remove takes s out wherever it stands. It walks from the head: cancels and
// deadlines mostly hit the front, and a queue is one direction of one socket.
func (l *list) remove(s *Slot) {
	before := l.tail
	for before.next != s {
		before = before.next
	}
	if before == s {
		l.tail = nil
	} else {
		before.next = s.next
		if l.tail == s {
			l.tail = before
		}
	}
	s.next = nil
}
