package core

import (
	"context"
	"sync/atomic"

	"github.com/completionport/completion/internal/backend"
)

// Operation is what a port performs. It is sealed twice: the parameter types
// can't be named outside this module, and self is promoted only by embedding a
// Record, which package completion does in its Op.
type Operation interface {
	// Describe fills in the request. The port calls it under its lock while it accepts
	// the operation, first to check it and then to take it. For a connect, the port calls
	// it again when it performs the connect, and when the connect has failed; for a
	// handshake, when it begins. Describe must fill in the same each time.
	Describe(*Request)
	// Deliver stores a result in the operation. The goroutine that owns the outcome calls
	// it once, before the operation is delivered.
	Deliver(Result)
	// N and Err are the outcome. The port does not call them: the program does, when
	// the operation is delivered.
	N() int
	Err() error
	self() *Record
}

// Request describes an operation to the port.
type Request struct {
	Kind     backend.Kind
	Full     bool             // a read that ends only when the buffer is full
	Append   bool             // a read that begins at the length of the buffer
	Handle   *Handle          // nil for Post, Timer, Borrow and Dial
	Buffer   *Buffer          // read into, or written from; of several datagrams, nil
	Until    *Until           // of a full read, if it ends behind a delimiter
	Vector   *Vector          // the same, if there are several buffers
	Pool     *Pool            // where a pooled read or a Borrow gets its buffer
	Address  *backend.Address // of Connect
	Target   any              // of Connect: the same address, as the program gave it; of Work: its function
	Due      int64            // of Timer: when, on the port's clock
	Deadline int64            // on the port's clock, 0 for none
	Timeout  int64            // nanoseconds after the Submit, 0 for none
	Beneath  bool             // it belongs to the handshake of Handle, or to a Dial

	// Run performs a Dial, a Handshake, a Signal or a Process, on a goroutine of its own. owner is
	// Options.Owner.
	Run func(ctx context.Context, owner any) (Result, error)
}

// Seeker is embedded in a read that ends behind a delimiter. A slot has no room for what it
// needs.
type Seeker struct{ until Until }

// Until is the state of a read that ends behind a delimiter. It describes the memory of the
// buffer: first come the bytes of the message that was delivered, or nothing, and then those
// that were read behind them. It outlives a use of the operation, so that the next use goes on
// with these. Between two uses it belongs to the program.
type Until struct {
	Delimiter string // set by Describe

	from    *Handle // where the bytes are from
	memory  []byte  // where they are
	held    int     // how many there are
	taken   int     // how many of them the next use does not keep
	scanned int     // how many of them have no delimiter
}

// Result is what an operation produced besides its count and its failure.
type Result struct {
	Accepted *Handle // of Accept and Dial
	Buffer   *Buffer // of a pooled read or a Borrow, nil if it moved no bytes; of one datagram likewise
}

// Record is the part of an operation that lives in the program's memory. The port owns
// it while slot points to a slot of a port, or to a mark that is Done.
type Record struct {
	// slot gives the phase of the operation: Idle if it is nil, else the phase of the
	// slot. It points to a slot of a port while the operation is in flight, and is a mark
	// or nil otherwise. It is the last word written when an operation is delivered, so a
	// goroutine that sees Idle may use the operation.
	slot    atomic.Pointer[Slot]
	n       int64    // bytes moved so far; of a timer in flight: when it is due; of a connect: 1 once started
	failure *Failure // nil for success
	buffer  *Buffer  // lent to the port by this operation
}

// Marks stand in Record.slot for operations that are not in flight.
var (
	waited       Slot // Idle: delivered by a Wait, which may be repeated
	inQueue      Slot // Done: in the queue of finished operations
	inQueueAgain Slot // Done: the same, for an operation that was waited before
	unwaited     Slot // Done: not waited for yet
	delivering   Slot // Done: a Wait is delivering it
)

func init() {
	for _, mark := range []*Slot{&inQueue, &inQueueAgain, &unwaited, &delivering} {
		mark.word.Store(uint32(Done))
	}
}

// queuedMark returns the mark of an operation that goes into the queue without a slot.
// was is the pointer that its record had before.
func queuedMark(was *Slot) *Slot {
	if was == &waited {
		return &inQueueAgain
	}
	return &inQueue
}

func (r *Record) self() *Record { return r }

// recordOf returns op.self(). It panics with a text for a nil operation, and for a nil
// pointer in the interface.
func recordOf(op Operation) (rec *Record) {
	defer func() {
		if rec == nil {
			recover()
			panic(nilOperation)
		}
	}()
	return op.self()
}

// claim makes the port the owner of an operation without a slot. If two goroutines
// submit one operation, the exchange fails for one of them, as in state.claim.
func (r *Record) claim(was, mark *Slot) {
	if !r.slot.CompareAndSwap(was, mark) {
		panic(operationOfThePort)
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
	nilOperation       = "completion: nil operation"
	operationOfThePort = "completion: the operation belongs to the port until it is delivered"
)
