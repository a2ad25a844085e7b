package core

import "github.com/completionport/completion/internal/backend"

// Code classes a failure. Every code but System stands for one error value.
type Code uint8

const (
	EndOfFile Code = iota + 1
	UnexpectedEndOfFile
	Closed
	DeadlineExceeded
	Canceled
	WriteAborted
	LimitExceeded
	BufferFull
	System
)

// Failure is why an operation failed. Those without an errno are shared, so
// that ending an idle operation allocates nothing; that of a write which ended
// half-way is its own.
type Failure struct {
	Code   Code
	Kind   backend.Kind  // of the operation that met it, for System
	Call   string        // the system call, for System; empty for the one of that kind
	Errno  backend.Errno // for System
	Handle *Handle       // that met it, for System
	Target any           // of a connect that met it, for its error: Request.Target
	// Err is what Options.Explain has made of it, for System, and Options.Blame for
	// Canceled by a context. It is written before anybody else knows of the failure,
	// and stays.
	Err       error
	breaks    bool // a write's: Handle is broken until it is delivered
	byContext bool // the context of its Wait has ended it, which is to be told: see blame
}

var (
	endOfFile           = &Failure{Code: EndOfFile}
	unexpectedEndOfFile = &Failure{Code: UnexpectedEndOfFile}
	closedFailure       = &Failure{Code: Closed}
	deadlineFailure     = &Failure{Code: DeadlineExceeded}
	canceledFailure     = &Failure{Code: Canceled}
	contextFailure      = &Failure{Code: Canceled, byContext: true}
	abortedFailure      = &Failure{Code: WriteAborted}
	limitFailure        = &Failure{Code: LimitExceeded}
	fullFailure         = &Failure{Code: BufferFull}
)

// intent is what somebody wants of an operation in flight. The first one
// recorded stays, and never waits: if the operation is in a call, the goroutine in
// that call sees the intent afterwards, and uses it only if the call brought no result.
type intent uint8

const (
	noIntent      intent = iota
	toCancel             // the context of its Wait has ended
	toCancelAsked        // Cancel was called
	toExpire
	toClose
	toFire  // a timer: ending is what it is for
	toLimit // there are too many
	toFull  // a read that appends has no room
)

func (i intent) failure() *Failure {
	switch i {
	case toCancel:
		return contextFailure
	case toCancelAsked:
		return canceledFailure
	case toExpire:
		return deadlineFailure
	case toFire:
		return nil
	case toLimit:
		return limitFailure
	case toFull:
		return fullFailure
	default:
		return closedFailure
	}
}
