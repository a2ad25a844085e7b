package core

import (
	"sync/atomic"

	"github.com/completionport/completion/internal/backend"
)

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
	// before the operation is delivered, by whoever owns the outcome.
	Deliver(Result)
	// N and Err are the outcome. The port does not call them: they are for whoever
	// was delivered the operation.
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
	Pool     *Pool            // where a pooled read takes its buffer
	Address  *backend.Address // of Connect
	Target   any              // of Connect: the same address, as the program gave it
	Due      int64            // of Timer: when, on the port's clock
	Deadline int64            // on the port's clock, 0 for none
	Timeout  int64            // nanoseconds from the Submit on, 0 for none
}

// Result is what an operation produced besides its count and its failure.
type Result struct {
	Accepted *Handle // of Accept
	Buffer   *Buffer // of a pooled read, nil if it failed
}

// Record is the part of an operation that lives in the program's memory. The
// port owns it while slot points to a slot of a port, or to one of the marks that are
// Done.
type Record struct {
	// slot leads to the phase of the operation: nil is Idle, else it is the slot's. The
	// slot is one of a port while the operation is in flight, and a mark otherwise. It
	// is the last thing written when an operation is delivered, so whoever sees Idle
	// may use the operation.
	slot    atomic.Pointer[Slot]
	n       int64    // bytes moved so far; of a timer in flight: when it is due; of a connect: 1 once asked
	failure *Failure // nil for success
	buffer  *Buffer  // lent to the port by this operation
}

// Marks stand in Record.slot for operations that are not in flight.
var (
	waited       Slot // Idle: delivered by a Wait, which may be asked again
	inQueue      Slot // Done: in the queue of finished operations
	inQueueAgain Slot // Done: the same, for an operation that was waited before
	unwaited     Slot // Done: ended, and not waited for yet
	delivering   Slot // Done: on its way to the program
)

func init() {
	for _, mark := range []*Slot{&inQueue, &inQueueAgain, &unwaited, &delivering} {
		mark.word.Store(uint32(Done))
	}
}

// queuedMark is the mark of an operation in the queue that needs no slot; was is what
// its record had before.
func queuedMark(was *Slot) *Slot {
	if was == &waited {
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

// claim makes an operation without a slot the port's. The exchange is where two
// submitters of the same operation meet, as in state.claim: one of them fails.
func (r *Record) claim(was, mark *Slot) {
	if !r.slot.CompareAndSwap(was, mark) {
		panic(operationInFlight)
	}
}

// unclaim gives back an operation that was claimed without a slot.
func (r *Record) unclaim() {
	if r.slot.Load() == &inQueueAgain {
		r.slot.Store(&waited)
	} else {
		r.slot.Store(nil)
	}
}

// Outcome returns the count and the failure of an operation that the program
// owns. ok is false while the port owns it.
func Outcome(r *Record) (n int64, f *Failure, ok bool) {
	if s := r.slot.Load(); s != nil && s != &waited {
		return 0, nil, false
	}
	return r.n, r.failure, true
}

// FailureOf returns the failure of an operation that has been delivered.
func FailureOf(op Operation) *Failure { return op.self().failure }

// Ticket names one use of an operation: a slot, and the generation that it has for
// this use.
type Ticket struct {
	slot       *Slot
	generation uint32
}

// TicketOf returns the ticket of an operation in flight, the zero Ticket for
// any other.
func TicketOf(r *Record) Ticket {
	s := r.slot.Load()
	if s == nil {
		return Ticket{}
	}
	t := s.ticket() // the zero Ticket for a mark
	// The slot may have been freed and used again between the two loads; then
	// the record no longer points to it.
	if r.slot.Load() != s {
		return Ticket{}
	}
	return t
}

// PhaseOf returns the phase of an operation, for a simulator. It changes nothing.
func PhaseOf(r *Record) Phase {
	if s := r.slot.Load(); s != nil {
		return s.phase()
	}
	return Idle
}

const (
	nilOperation      = "completion: nil operation"
	operationInFlight = "completion: the operation is in flight: it belongs to the port until it is delivered"
)
