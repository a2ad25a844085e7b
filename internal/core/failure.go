package core

import "github.com/completionport/completion/internal/backend"

// Code is the class of a failure. Every code except Foreign and System stands for one
// error value.
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
	Foreign
	System
	ShutOut
	FileClosed
)

// Failure describes why an operation failed. Failures without an errno are shared, so
// that ending an idle operation allocates nothing. A write that ended after some of its
// bytes has a copy of its own.
type Failure struct {
	Code   Code
	Kind   backend.Kind  // for System: of the operation that failed
	Call   string        // for System: the system call, empty for the usual one of Kind
	Errno  backend.Errno // for System
	Handle *Handle       // for System: of the operation that failed
	Target any           // of a connect that failed, for its error: Request.Target
	// Err is the error that Request.Run or a Performer returned for Foreign, or its panic, that
	// Options.Explain made for System, or Options.Blame for an operation that a context
	// cancelled. It is written before any other goroutine knows of the failure, and does
	// not change.
	Err       error
	breaks    bool // of a write: Handle is broken until the write is delivered
	byContext bool // the context of the operation's Wait ended it: see blameContext
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
	shutOutFailure      = &Failure{Code: ShutOut} // a handshake excludes the operation
	fileClosedFailure   = &Failure{Code: FileClosed}
)

// ofKind returns f, and for an operation of a file that is closed a failure of its own: its
// error matches that of package os, too.
func ofKind(f *Failure, k backend.Kind) *Failure {
	if f == closedFailure && k-backend.OpenFile <= backend.CloseFile-backend.OpenFile {
		return fileClosedFailure
	}
	return f
}

// intent is a request to end an operation in flight. Only the first is recorded, and
// recording it never waits for a call: if the operation is in a call, the goroutine in that
// call sees the intent afterwards, and uses it only if the call has not completed the
// operation. The bytes of the call count in any case.
type intent uint8

const (
	noIntent      intent = iota
	toCancel             // the context of its Wait has ended
	toCancelAsked        // Cancel was called
	toExpire             // its deadline has passed
	toClose              // its handle or its port is closed
	toFire               // it is a timer, and due: it ends with success
	toLimit              // more than Options.MaxInFlight are in flight
	toFull               // a read with Append has no room
	toFound              // what a read has kept has its delimiter: it ends with success
)

func (i intent) failure() *Failure {
	switch i {
	case toCancel:
		return contextFailure
	case toCancelAsked:
		return canceledFailure
	case toExpire:
		return deadlineFailure
	case toFire, toFound:
		return nil
	case toLimit:
		return limitFailure
	case toFull:
		return fullFailure
	default:
		return closedFailure
	}
}
