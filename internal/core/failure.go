package core

import "syscall"

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
	System
)

// Failure is why an operation failed. Those without an errno are shared, so
// that ending an idle operation allocates nothing.
type Failure struct {
	Code   Code
	Kind   Kind          // of the operation that met it, for System
	Call   string        // the system call, for System
	Errno  syscall.Errno // for System
	Handle *Handle       // for its addresses, for System
}

var (
	endOfFile           = &Failure{Code: EndOfFile}
	unexpectedEndOfFile = &Failure{Code: UnexpectedEndOfFile}
	closedFailure       = &Failure{Code: Closed}
	deadlineFailure     = &Failure{Code: DeadlineExceeded}
	canceledFailure     = &Failure{Code: Canceled}
	abortedFailure      = &Failure{Code: WriteAborted}
	limitFailure        = &Failure{Code: LimitExceeded}
)

// intent is what somebody wants of an operation in flight. The first one
// recorded stays.
type intent uint8

const (
	noIntent intent = iota
	toCancel
	toExpire
	toClose
	toFire  // a timer: ending is what it is for
	toLimit // there are too many
)

func (i intent) failure() *Failure {
	switch i {
	case toCancel:
		return canceledFailure
	case toExpire:
		return deadlineFailure
	case toFire:
		return nil
	case toLimit:
		return limitFailure
	default:
		return closedFailure
	}
}
