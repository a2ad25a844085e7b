package core

import (
	"sync/atomic"

	"github.com/completionport/completion/internal/backend"
)

// direction is the queue of a handle that operations of this kind stand in.
func directionOf(k backend.Kind) direction {
	if k == backend.Accept || k == backend.Read {
		return in
	}
	return out
}

// Operation is what a port performs. It is sealed twice: the parameter types
// can't be named outside this module, and self is promoted only by embedding a
// Record, which package completion does in its Op.
type Operation interface {
	// Describe fills in what is to be done. The port calls it under its lock
	// while it accepts the operation, first to check it and then to take it, and
	// for a connect once more when it performs it, and when it has failed: it must
	// say the same each time.
	Describe(*Request)
	// Deliver puts what the operation produced into it. It is called once,
	// before the operation is handed out, by whoever owns the outcome.
	Deliver(Result)
	// N and Err are the outcome. The port does not call them: they are for whoever
	// was handed the operation.
	N() int
	Err() error
	self() *Record
}

// Request is an operation in the port's words.
type Request struct {
	Kind     backend.Kind
	Full     bool             // a read that ends only when the buffer is full
	Append   bool             // a read that goes behind the bytes that count
	Handle   *Handle          // nil for Post and Timer
	Buffer   *Buffer          // read into, or written from
	Pool     *Pool            // where a late read takes its buffer
	Address  *backend.Address // of Connect
	Target   any              // of Connect: the same address, as the program gave it
	Due      int64            // of Timer: when, on the port's clock
	Deadline int64            // on the port's clock, 0 for none
	Timeout  int64            // nanoseconds from the Submit on, 0 for none
}

// Result is what an operation produced besides its count and its failure.
type Result struct {
	Accepted *Handle // of Accept
	Buffer   *Buffer // of a late read, nil if it failed
}

// Record is the part of an operation that lives in the caller's memory. The
// port owns it while slot points to a real slot.
type Record struct {
	// slot says whose the operation is: nil or &waited, the caller's; &inQueue,
	// finished but not yet dequeued; &unwaited, finished but not yet waited for;
	// &passing, on its way to the caller; any other, in flight in that slot. It
	// is the last thing written when an operation is handed out, so whoever sees
	// the caller's value may use it.
	slot    atomic.Pointer[Slot]
	n       int64    // bytes moved so far; of a timer in flight: when it is due; of a connect: 1 once asked
	failure *Failure // nil for success
	buffer  *Buffer  // lent to the port by this operation
}

// Marks that stand in Record.slot for no slot. inQueueAgain is inQueue for an
// operation that had been waited for before.
var inQueue, inQueueAgain, unwaited, waited, passing Slot

// posted is the mark of an operation that needs no slot.
func posted(old *Slot) *Slot {
	if old == &waited {
		return &inQueueAgain
	}
	return &inQueue
}

func (r *Record) self() *Record { return r }

// recordOf is op.self, which panics with a sentence for a nil operation, and for a
// nil pointer in the interface.
func recordOf(op Operation) (rec *Record) {
	defer func() {
		if rec == nil {
			recover()
			panic(nilOperation)
		}
	}()
	return op.self()
}

// Outcome returns the count and the failure of an operation that the caller
// owns; ok is false while the port owns it.
func Outcome(r *Record) (n int64, f *Failure, ok bool) {
	if s := r.slot.Load(); s != nil && s != &waited {
		return 0, nil, false
	}
	return r.n, r.failure, true
}

// Ticket names one use of an operation: a slot and which use of it.
type Ticket struct {
	slot *Slot
	use  uint32
}

// TicketOf returns the ticket of an operation in flight, the zero Ticket for
// any other.
func TicketOf(r *Record) Ticket {
	s := r.slot.Load()
	switch s {
	case nil, &inQueue, &inQueueAgain, &unwaited, &waited, &passing:
		return Ticket{}
	}
	t := s.ticket()
	// The slot may have been freed and used again between the two loads; then
	// the record no longer points to it.
	if r.slot.Load() != s {
		return Ticket{}
	}
	return t
}

// FailureOf returns the failure of an operation that has been handed out.
func FailureOf(op Operation) *Failure { return op.self().failure }
