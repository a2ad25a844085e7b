package kqueue

import (
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// System is a kernel's queue of events. Wait is called by one goroutine at a
// time, Close when nobody is inside any other method, the rest by anyone.
type System interface {
	// Change submits a change, and a second one unless that is the zero Event.
	// It takes no events and never waits. It returns the errno of the first
	// change that fails; what stands behind that is not submitted.
	Change(first, second Event) backend.Errno
	// Wait moves events out of the queue and waits for the first: for so many
	// nanoseconds, a whole number of microseconds, or not at all if that is 0, or
	// for ever if it is negative. With an errno there are no events.
	Wait(events []Event, nanoseconds int64) (n int, errno backend.Errno)
	// Pipe opens a pipe whose ends do not block.
	Pipe() (read, write int, err error)
	// Signal writes a byte to a pipe, unless it is full.
	Signal(write int)
	// Drain empties a pipe.
	Drain(read int)
	// ClosePipe closes both ends.
	ClosePipe(read, write int)
	// Now is a monotonic clock in nanoseconds, above 0.
	Now() int64
	// Close closes the queue.
	Close() error
}

// Event is struct kevent, as a change or as what has happened. Its type is that of
// package sys, which knows the system's own numbers.
type Event = sys.KqueueEvent

// Filter says what an event is about.
type Filter = sys.KqueueFilter

const (
	Read  = sys.KqueueRead
	Write = sys.KqueueWrite
	User  = sys.KqueueUser
)

// Flags are those of an event.
type Flags = sys.KqueueFlags

const (
	Add    = sys.KqueueAdd
	Delete = sys.KqueueDelete
	Clear  = sys.KqueueClear
	Error  = sys.KqueueError
	EOF    = sys.KqueueEOF
)

// Trigger is NOTE_TRIGGER, in the FFlags of a change.
const Trigger = sys.KqueueTrigger
