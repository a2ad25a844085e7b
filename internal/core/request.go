package core

import "github.com/completionport/completion/internal/backend"

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
