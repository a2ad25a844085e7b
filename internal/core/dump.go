package core

import "github.com/completionport/completion/internal/backend"

// The functions of this file read what a port has in flight. They change nothing, and hold
// a lock for one operation or for one chunk of slots at a time.

// Listed is an operation that was in flight when List found it.
type Listed struct {
	Ticket Ticket
	Record *Record
	Kind   backend.Kind
	FD     int // -1 for none
}

// List returns the operations in flight, in no particular order. It holds the port's lock
// for a chunk of slots at a time, so an operation that is submitted or ends meanwhile may
// be in the list or not.
func (p *Port) List() (all []Listed) {
	for i, more := 0, true; more; i++ {
		var part [slotsPerChunk]Listed
		var n int
		n, more = p.listIn(i, &part)
		all = append(all, part[:n]...) // without the lock: it copies what is there
	}
	return all
}

// listIn stores the operations in a chunk of slots, and reports whether there may be more
// in the next.
func (p *Port) listIn(chunk int, part *[slotsPerChunk]Listed) (n int, more bool) {
	st := p.lock()
	defer st.unlockQuietly()
	if chunk == len(st.slots.chunks) {
		return 0, false
	}
	for i := range st.slots.chunks[chunk] {
		s := &st.slots.chunks[chunk][i]
		t := s.ticket()
		if t == (Ticket{}) || s.op == nil || s.kind == backend.CopyIn {
			continue
		}
		part[n] = Listed{Ticket: t, Record: s.record(), Kind: s.kind, FD: int(s.handle.Load().fd)}
		n++
	}
	return n, true
}

// Need is what an operation waits for in its queue.
type Need uint8

const (
	NeedsTurn      Need = iota // nothing: it is performed when its turn comes
	NeedsReadiness             // data, room, a connection or an answer
	NeedsBuffer                // a buffer of its pool
	NeedsConnect               // the connect of its socket
	NeedsOther                 // the operation before it in its queue
	NeedsTime                  // a timer: its time
	NeedsGoroutine             // a Dial: its goroutine has not started; of the work pool: a goroutine of it
)

// Pending describes an operation in flight, as it was when Look looked at it.
type Pending struct {
	Phase    Phase
	Need     Need         // while it is Queued
	Before   backend.Kind // with NeedsOther: the operation before it
	Handle   *Handle      // nil if it has no descriptor
	Pool     *Pool        // of a pooled read or a Borrow
	Size     int          // bytes of the buffer that it reads into or writes
	Moved    int          // bytes moved so far
	Deadline int64        // 0 for none
	Due      int64        // of a timer
	Started  bool         // a Wait delivers it
	Awaited  bool         // such a Wait is under way
	Doomed   bool         // it has an intent, which has not ended it yet
	Failure  *Failure     // with Doomed: its failure, unless it has a result first
}

// Look describes an operation in flight. It reports false if the operation has ended.
func (p *Port) Look(o Listed) (Pending, bool) {
	s := o.Ticket.slot
	handle := s.handle.Load()
	h := handle.lock()
	defer h.mu.Unlock()
	// As in record: from here on the operation can't end before the lock is released.
	if !s.has(o.Ticket) || s.handle.Load() != handle {
		return Pending{}, false
	}
	is := Pending{Phase: s.phase(), Started: s.flags&started != 0}
	if handle.fd >= 0 {
		is.Handle = handle
	}
	if is.Phase == Queued {
		is.Need, is.Before = h.need(s)
	}
	is.Pool, is.Size, is.Moved = s.transfer()
	if i := h.intentOf(s); i != noIntent {
		is.Doomed, is.Failure = true, i.failure()
	}
	st := p.lock()
	defer st.unlockQuietly()
	is.Deadline, is.Awaited = s.deadline, s.waiter != 0
	if s.kind == backend.Timer {
		is.Due = s.record().n
	}
	return is, true
}

// need returns what s, which is Queued, waits for, and for NeedsOther the operation before
// it.
func (h *locked) need(s *Slot) (Need, backend.Kind) {
	d := directionOf(s.kind)
	switch {
	case s.kind == backend.Timer:
		return NeedsTime, 0
	case isWork(s.kind), onPool(s.kind) && (s.flags&pooled == 0 || h.latch[in]&wantsBuffer == 0):
		return NeedsGoroutine, 0
	case s != h.queue[d].head():
		return NeedsOther, s.prev.kind
	case d == in && h.state&connecting != 0:
		return NeedsConnect, 0
	case d == in && h.latch[in]&wantsBuffer != 0:
		return NeedsBuffer, 0
	case s.kind == backend.CloseWrite && h.state&layered == 0 || h.latch[d]&(ready|undecided) == ready:
		return NeedsTurn, 0
	}
	return NeedsReadiness, 0
}

// transfer returns the pool of a pooled operation, the number of bytes that there is room
// for or that are to be sent, and the number moved so far. The lock of its handle is held.
func (s *Slot) transfer() (pool *Pool, size, moved int) {
	rec := s.record()
	b := rec.buffer
	switch {
	case s.kind == backend.Receive || s.kind == backend.Send:
		pool, size = s.room(rec)
		return pool, size, int(rec.n)
	case b == nil:
		return nil, 0, 0
	case s.flags&vectored != 0:
		return nil, b.place.vector.total, int(rec.n)
	case s.flags&pooled != 0:
		return b.pool, b.pool.size, int(rec.n)
	case s.kind == backend.Read || s.kind == backend.ReadAt:
		return nil, len(b.data) - b.n, int(rec.n)
	}
	return nil, b.n, int(rec.n)
}

// FirstFinished returns the operation that Next would deliver, nil for none. Its owner is
// the port, or by now whoever it was delivered to: it may be asked for its type only.
func (p *Port) FirstFinished() Operation {
	st := p.lock()
	defer st.unlockQuietly()
	if st.finished.count == 0 {
		return nil
	}
	return st.finished.front().op
}

// RecordOf returns the record of an operation, which is only compared with others. It
// panics for an operation that is nil, as Submit does.
func RecordOf(op Operation) *Record { return recordOf(op) }

// FD returns the number of the descriptor, which may be closed by now.
func (h *Handle) FD() int { return int(h.fd) }

// Limits returns the size of the buffers in bytes, and how many there are at most.
func (p *Pool) Limits() (size, count int) { return p.size, p.limit }

// OnPool reports whether the work pool performs operations of this kind.
func OnPool(k backend.Kind) bool { return onPool(k) }

// room returns the pool of a pooled Receive, and the bytes that there is room for, or that
// are to be sent.
func (s *Slot) room(rec *Record) (pool *Pool, size int) {
	d := datagramsOf(s.op)
	switch {
	case s.flags&pooled != 0:
		return rec.buffer.pool, rec.buffer.pool.size
	case s.kind == backend.Send && !d.isBatch():
		return nil, rec.buffer.n
	case !d.isBatch():
		return nil, len(rec.buffer.data)
	}
	for _, b := range d.Buffers {
		if s.kind == backend.Send {
			size += b.n
		} else {
			size += len(b.data)
		}
	}
	return nil, size
}
