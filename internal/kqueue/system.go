package kqueue

import (
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// System is a kernel's queue of events. Wait is called by one goroutine at a time, Close
// when no goroutine is inside any other method, and the rest by any goroutine.
type System interface {
	// Change submits the first change, and the second unless it is the zero Event. It
	// takes no events and never waits. It returns the errno of the first change that
	// fails, and does not submit a change after that one.
	Change(first, second Event) backend.Errno
	// Wait moves events out of the queue, and waits for the first for at most this
	// many nanoseconds, a whole number of microseconds. It does not wait if they are 0,
	// and waits without a limit if they are negative. With an errno there are no
	// events.
	Wait(events []Event, nanoseconds int64) (n int, errno backend.Errno)
	// Pipe opens a pipe with non-blocking ends.
	Pipe() (read, write int, err error)
	// Signal writes a byte to a pipe, unless it is full.
	Signal(write int)
	// Drain empties a pipe.
	Drain(read int)
	// ClosePipe closes both ends.
	ClosePipe(read, write int)
	// Now returns the time of a monotonic clock, in nanoseconds, above 0.
	Now() int64
	// Close closes the queue.
	Close() error
}

// Event is struct kevent: a change, or an event. Package sys defines it and translates it
// to the system's own numbers.
type Event = sys.KqueueEvent

// Filter is the kind of an event.
type Filter = sys.KqueueFilter

const (
	Read  = sys.KqueueRead
	Write = sys.KqueueWrite
	User  = sys.KqueueUser
)

// Flags are the flags of an event.
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
