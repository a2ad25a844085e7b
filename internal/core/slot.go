package core

import (
	"sync/atomic"

	"github.com/completionport/completion/internal/backend"
)

// Slot is the port's record of one operation in flight. Slots are never given
// back to the Go heap, so a stale pointer to one can be followed safely, and
// its use tells that it is stale. 64 bytes: an idle connection holds one.
type Slot struct {
	op     Operation
	handle atomic.Pointer[Handle] // the port's own handle for Timer and Post

	// Neighbours in the one list the slot stands in. A free slot has next only.
	next, prev *Slot

	deadline int64 // 0 for none; guarded by Port.mu

	// use names the operation in the slot for as long as it has no outcome. It
	// is written when the operation is accepted, under the port's lock, and when
	// it ends, under its handle's, and read by anyone.
	use atomic.Uint32

	heap   int32 // position in the timer heap plus 1; guarded by Port.mu
	waiter int32 // number of the waiter plus 1; guarded by Port.mu

	kind  backend.Kind
	flags slotFlags // fixed when accepted
	// Guarded by Handle.mu while use says that the operation is in flight, else
	// by whoever has the slot.
	intent   intent
	progress progress
}

type slotFlags uint8

const (
	started   slotFlags = 1 << iota // its outcome goes to Wait, not to the queue
	late                            // takes its buffer when data is there
	full                            // ends only when the buffer is full
	lent                            // it was given a buffer
	collected                       // it had been waited for before
	vacant                          // there is nothing to move, which needs no call
)

// progress is how far an operation has come.
type progress uint8

const (
	begun       progress = 1 << iota // it is in its handle's queue, or a timer that waits
	opens                            // the first connect of its socket
	lastAborted                      // what is queued behind was submitted after mend
	cutShort                         // a write that may have sent bytes that are not counted
)

// Uses of a slot are numbered. An odd one is in flight, an even one is over:
// the next begins with it. So one load tells both.
func inFlight(use uint32) bool { return use&1 != 0 }

// record is the operation's. It is asked for and not kept, so that there is room
// for prev.
func (s *Slot) record() *Record { return s.op.self() }

// ticket names the operation in the slot, or nothing if it has its outcome.
func (s *Slot) ticket() Ticket {
	if use := s.use.Load(); inFlight(use) {
		return Ticket{s, use}
	}
	return Ticket{}
}

// slotsPerChunk makes chunks of 8 KiB with the word that Go adds. They are of
// one size, since doubling would waste half.
const slotsPerChunk = 127

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

// freeSlot gives the slot to its next use. Its entry in the timer heap stays
// and is dropped when it surfaces. Port.mu is held.
func (p *Port) freeSlot(s *Slot) {
	s.op, s.deadline, s.waiter = nil, 0, 0
	s.flags, s.intent, s.progress = 0, noIntent, 0
	s.next, p.freeSlots = p.freeSlots, s
	p.occupied--
}

// list is a queue of slots, linked in a ring through the slots themselves: it is
// kept as its tail, whose next is the head.
type list struct{ tail *Slot }

func (l *list) head() *Slot {
	if l.tail == nil {
		return nil
	}
	return l.tail.next
}

func (l *list) push(s *Slot) {
	if l.tail == nil {
		s.next, s.prev = s, s
	} else {
		head := l.tail.next
		s.next, s.prev = head, l.tail
		l.tail.next, head.prev = s, s
	}
	l.tail = s
}

func (l *list) pop() *Slot {
	s := l.head()
	if s != nil {
		l.remove(s)
	}
	return s
}

// remove takes s out, wherever it stands in l.
func (l *list) remove(s *Slot) {
	switch {
	case s.next == s:
		l.tail = nil
	case s == l.tail:
		l.tail = s.prev
		fallthrough
	default:
		s.prev.next, s.next.prev = s.next, s.prev
	}
	s.next, s.prev = nil, nil
}

// atMost counts up to max.
func (l *list) atMost(max int) (n int) {
	if l.tail == nil {
		return 0
	}
	for s := l.head(); n < max; s = s.next {
		if n++; s == l.tail {
			break
		}
	}
	return n
}
