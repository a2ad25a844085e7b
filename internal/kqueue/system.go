package kqueue

import (
	"github.com/completionport/completion/internal/backend"
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

// Event is struct kevent, as a change or as what has happened.
type Event struct {
	Ident      int // a descriptor, or any number of a User event
	Filter     Filter
	Flags      Flags
	FFlags     uint32
	Data       int64
	Generation uint32 // travels in udata
}

// Filter says what an event is about. Systems number them in different ways.
type Filter uint8

const (
	Read  Filter = iota + 1 // EVFILT_READ
	Write                   // EVFILT_WRITE
	User                    // EVFILT_USER
)

// Flags are numbered alike on all systems.
type Flags uint16

const (
	Add    Flags = 0x1    // EV_ADD
	Delete Flags = 0x2    // EV_DELETE
	Clear  Flags = 0x20   // EV_CLEAR
	Error  Flags = 0x4000 // EV_ERROR
	EOF    Flags = 0x8000 // EV_EOF
)

// Trigger is NOTE_TRIGGER, in the FFlags of a change.
const Trigger = 0x1000000
