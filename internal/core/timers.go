package core

import "github.com/completionport/completion/internal/backend"

// reachable brings a deadline into the range that clocks can handle: a negative one is
// the past, and one that is more than a century away never comes.
func reachable(deadline int64) int64 {
	switch {
	case deadline < 0:
		return 1
	case deadline > backend.Never/2:
		return backend.Never
	}
	return deadline
}

// due returns when the clock ends the slot's operation, 0 for never.
func (s *Slot) due() int64 {
	if s.kind != backend.Timer || s.op == nil {
		return s.deadline
	}
	if due := s.record().n; s.deadline == 0 || due <= s.deadline {
		return due
	}
	return s.deadline
}

// timers orders the operations that the clock ends.
type timers struct {
	heap timerHeap
	due  []expiry // memory for the result of expired
}

// next returns when the first entry must be looked at.
func (t *timers) next() int64 { return t.heap.next() }

// set makes sure that the slot is looked at when it is due. It returns when that is,
// backend.Never if the slot is never due.
func (t *timers) set(s *Slot) int64 {
	due := s.due()
	switch {
	case due == 0:
		return backend.Never
	case s.heap == 0:
		t.heap.push(timerEntry{due, s})
	case due < t.heap.at(int(s.heap-1)).when:
		t.heap.up(int(s.heap-1), timerEntry{due, s})
	}
	return due
}

// expiriesPerTurn is how many entries of the heap one turn of the leader looks at. The
// next turns look at the rest: with a million timers due at once, neither the lock nor
// the lead is held for longer than this number takes.
const expiriesPerTurn = 64

// expired removes and returns operations that are due, and corrects each entry that is
// the first but not due yet. It leaves the rest to its next call. retry is a slot without
// an operation: retried reports that it is due.
func (t *timers) expired(now int64, retry *Slot) (due []expiry, retried bool) {
	due = t.due[:0]
	for range expiriesPerTurn {
		if t.next() > now {
			break
		}
		s := t.heap.at(0).slot
		if s == retry {
			t.heap.drop()
			retried = true
			continue
		}
		when := s.due()
		if when > now {
			t.heap.down(0, timerEntry{when, s})
			continue
		}
		if when != 0 {
			fires := s.kind == backend.Timer && when == s.record().n
			due = append(due, expiry{s.ticket(), fires})
		}
		t.heap.drop()
	}
	t.due = due[:0]
	return due, retried
}

// expiry is an operation that the clock ends: a timer that fires, or any operation at its
// deadline.
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
