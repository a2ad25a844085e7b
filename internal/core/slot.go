package core

import (
	"sync/atomic"

	"github.com/completionport/completion/internal/assert"
	"github.com/completionport/completion/internal/backend"
)

// Slot is the port's part of one operation in flight. Slots are never given back to Go's
// heap, so a stale pointer to one can be followed safely, and the generation shows that
// it is stale. A slot takes 64 bytes, since an idle connection holds one.
type Slot struct {
	op     Operation
	handle atomic.Pointer[Handle] // the port's own handle for Timer and Post

	// Neighbours in the one list that the slot is in. A free slot has next only.
	next, prev *Slot

	deadline int64 // 0 for none; guarded by the port's lock

	// word is the generation of the slot and the phase of the operation in it. The
	// generation rises when an operation is Done. The word is written under the port's
	// lock until the operation is Accepted, under its handle's until it is Done, and
	// under the port's again. Any goroutine may read it.
	word atomic.Uint32

	heap   int32 // position in the heap of timers plus 1; guarded by the port's lock
	waiter int32 // number of the waiter plus 1; guarded by the port's lock

	kind  backend.Kind
	flags slotFlags // fixed when accepted
	// Guarded by the handle's lock while the operation is in flight. At other times only
	// the goroutine that owns the slot uses them.
	intent   intent
	progress progress
}

const (
	phaseBits = 3
	phaseMask = 1<<phaseBits - 1
)

// phase returns the phase of the operation in the slot.
func (s *Slot) phase() Phase { return Phase(s.word.Load() & phaseMask) }

// enter moves the operation to its next phase.
func (s *Slot) enter(next Phase) {
	word := s.word.Load()
	if assert.Enabled {
		checkTransition(Phase(word&phaseMask), next)
	}
	s.word.Store(word&^phaseMask | uint32(next))
}

// enterDone is enter(Done). It raises the generation, so that tickets of this use are
// stale.
func (s *Slot) enterDone() {
	word := s.word.Load()
	if assert.Enabled {
		checkTransition(Phase(word&phaseMask), Done)
	}
	s.word.Store(word&^phaseMask + 1<<phaseBits | uint32(Done))
}

type slotFlags uint8

const (
	started   slotFlags = 1 << iota // its outcome goes to Wait, not to the queue
	pooled                          // a read that takes its buffer when there is data, or a half of a Copy
	full                            // ends only when the buffer is full
	lent                            // the program's buffer is lent to it
	collected                       // its record had the mark waited before
	vacant                          // a write of no bytes, or a poll through a layer, which need no call
	beneath                         // belongs to the handshake of its handle, or to a Dial
	vectored                        // has several buffers: a Vector
)

// seeking marks, together with full, a read that ends behind a delimiter: see Until. No read
// is vacant.
const seeking = vacant

// progress records what has happened to an operation in flight.
type progress uint8

const (
	opens       progress = 1 << iota // the first connect of its socket
	lastAborted                      // operations behind it were submitted after the broken write was delivered
	shutting                         // a half close that its layer has begun
	cutShort                         // a write that may have sent, or that its layer will send, bytes that are not counted
	oneTurn                          // the upper bits count turns behind its deadline, see tryOnceMore
	allTurns    = 15 * oneTurn
)

// sends reports whether the operation sends bytes of a stream: after some of them, its end
// cuts a message short.
func (s *Slot) sends() bool { return s.kind == backend.Write || s.kind == backend.Copy }

// record returns the operation's Record. The slot does not keep a pointer to it, so that
// there is room for prev.
func (s *Slot) record() *Record { return s.op.self() }

// ticket returns the ticket of the operation in the slot, the zero Ticket unless it is in
// flight.
func (s *Slot) ticket() Ticket {
	if word := s.word.Load(); Phase(word & phaseMask).inFlight() {
		return Ticket{s, word >> phaseBits}
	}
	return Ticket{}
}

// has reports whether the operation that t names is in flight. The caller holds a lock
// that keeps it in flight: its handle's, or the port's while it is Accepted.
func (s *Slot) has(t Ticket) bool { return s.ticket() == t }

// slotsPerChunk makes chunks of 8 KiB with the word that Go adds. All chunks have one
// size, since doubling would waste half.
const slotsPerChunk = 127

// slots holds all slots of a port.
type slots struct {
	free     *Slot // linked by next
	chunks   [][]Slot
	occupied int
}

// take returns a free slot.
func (t *slots) take() *Slot {
	if t.free == nil {
		chunk := make([]Slot, slotsPerChunk)
		for i := range chunk {
			chunk[i].next = t.free
			t.free = &chunk[i]
		}
		t.chunks = append(t.chunks, chunk)
	}
	s := t.free
	t.free, s.next = s.next, nil
	t.occupied++
	return s
}

// put makes the slot free for its next use. Its entry in the heap of timers stays, and
// is dropped when it is the first.
func (t *slots) put(s *Slot) {
	if s.phase() == Done { // else it was never accepted
		s.enter(Idle)
	}
	s.op, s.deadline, s.waiter = nil, 0, 0
	s.flags, s.intent, s.progress = 0, noIntent, 0
	s.next, t.free = t.free, s
	t.occupied--
}

// list is a queue of slots, linked in a ring through the slots themselves. tail.next is
// the head.
type list struct{ tail *Slot }

func (l *list) head() *Slot {
	if l.tail == nil {
		return nil
	}
	return l.tail.next
}

func (l *list) push(s *Slot) {
	if assert.Enabled {
		assert.That(s.next == nil && s.prev == nil, "an operation is put in a second list")
	}
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
	if assert.Enabled {
		assert.That(l.contains(s), "an operation is not in the list that it is removed from")
	}
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

// contains reports whether s is in l. It looks at the first 16 slots at most, and assumes
// that s is behind them: lists may be long.
func (l *list) contains(s *Slot) bool {
	const most = 16
	at := l.head()
	for i := 0; at != nil && i < most; i++ {
		if at == s {
			return true
		}
		if at = at.next; at == l.head() {
			return false
		}
	}
	return at != nil && s.next != nil && s.prev != nil
}

// atMost returns the length of l, at most max.
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

// endsAtOnce reports whether the operation ends when it is accepted: it needs neither a
// handle nor time.
func (s *Slot) endsAtOnce() bool {
	return s.intent == toFire || s.kind == backend.Post && s.intent == noIntent
}
