package core

import (
	"math"

	"github.com/completionport/completion/internal/backend"
)

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
	breaks    bool // a write's: Handle is broken until it has been handed out
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

// explain has the errors of failures made that the system has caused. Nobody
// else knows of these operations yet, and users keeps the descriptor from being
// closed and its number from going to another while it is asked for its
// addresses. h.mu is held on entry and on return, and let go of in between.
func (h *Handle) explain(after *aftermath) {
	after.failed = false
	explain := h.port.explain
	if explain == nil {
		return
	}
	fd, isOpen := -1, h.state&closed == 0 && h.users < math.MaxUint16
	if isOpen {
		fd = int(h.fd)
		h.users++
	}
	h.mu.Unlock()
	for s := after.finished.head(); ; s = s.next {
		// One failure may be that of several, of those that wait for a connect.
		if f := s.record().failure; f != nil && f.Code == System && f.Err == nil {
			f.Err = explain(f, fd)
		}
		if s == after.finished.tail {
			break
		}
	}
	h.lock()
	if isOpen {
		h.users--
	}
}

// intent is what somebody wants of an operation in flight. The first one
// recorded stays.
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
