package kqueue

import (
	"sync"

	"github.com/completionport/completion/internal/backend"
)

var _ backend.Poller = (*Poller)(nil)

// Poller is the poller of one port. Go's own poller can't watch a kqueue descriptor, so
// a leader always blocks in the system, whichever way it is told to wait.
type Poller struct {
	system System
	waker  waker

	// closing keeps Wake from using descriptors that have a new owner.
	closing sync.RWMutex
	closed  bool

	// Only the leader uses these.
	until  int64
	buffer []Event
}

// New returns a poller, which owns the system. If New fails, it closes the system.
func New(system System) (*Poller, error) {
	p := &Poller{system: system, until: backend.Never}
	if err := p.waker.open(system); err != nil {
		system.Close()
		return nil, err
	}
	return p, nil
}

// Arm adds a knote for each direction. If only the second fails, the first is removed
// when the engine closes the descriptor, which it does after a failure.
//
// EPIPE concerns the second only, of a pipe that nobody reads any more or whose other end
// writes. A write of such a descriptor fails at once and waits for no event.
//
// EINVAL may concern either: OpenBSD's fifo_kqfilter returns it for the direction in which a
// FIFO is not open, and its devices for a direction that never waits. So each knote is added by
// itself, and one of the two is enough.
func (p *Poller) Arm(fd int, generation uint32) backend.Errno {
	const flags = Add | Clear
	read := Event{Ident: fd, Filter: Read, Flags: flags, Generation: generation}
	write := Event{Ident: fd, Filter: Write, Flags: flags, Generation: generation}
	switch errno := change(p.system, read, write); errno {
	case backend.EPIPE:
		return 0
	case backend.EINVAL:
		in, out := change(p.system, read, Event{}), change(p.system, write, Event{})
		if in == backend.EINVAL || in == 0 && out != backend.EINVAL {
			return out
		}
		return in
	default:
		return errno
	}
}

// Disarm does nothing: the close that follows removes the knotes of this descriptor and
// their pending events, and no others. Knotes belong to the descriptor and not to the
// socket, so a duplicate keeps none alive, and a child process inherits no queue. No
// change is held back that could apply to the next owner of the number. An event that
// the leader has already taken has an old generation.
func (p *Poller) Disarm(int) {}

// change submits changes, again if a signal interrupts it. Systems differ in whether an
// interrupted change has been made. To make it twice does no harm.
func change(s System, first, second Event) backend.Errno {
	for {
		errno := s.Change(first, second)
		if errno != backend.EINTR {
			return errno
		}
	}
}

// SetTimeout sets the time until which the next waits may last.
func (p *Poller) SetTimeout(until int64) { p.until = until }

// Wake ends a wait, or the next one.
func (p *Poller) Wake(backend.Waiting) {
	p.closing.RLock()
	defer p.closing.RUnlock()
	if !p.closed {
		p.waker.wake(p.system)
	}
}

// Wait takes events. Unless how is Look, it waits for the first.
func (p *Poller) Wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	if how == backend.Look {
		return p.take(events, 0), false
	}
	if n = p.take(events, p.left()); n == 0 {
		// The time has passed, or Wake has ended the wait. The engine finds out
		// which: it looks at its clock and sets the time-out again.
		return 0, p.until != backend.Never
	}
	return n, false
}

// longest is the limit of a wait, one day in nanoseconds. Some systems refuse longer
// times. A wait that ends early costs no more than a look.
const longest = 24 * 60 * 60 * 1_000_000_000

// left returns how long the next wait may last, in nanoseconds, negative for no limit. It
// rounds up to microseconds, which all systems support. If it rounded down, the leader
// would spend the last microsecond in waits that end at once.
func (p *Poller) left() int64 {
	if p.until == backend.Never {
		return -1
	}
	left := min(max(p.until-p.system.Now(), 0), longest)
	return (left + 999) / 1000 * 1000
}

// take moves events out of the queue and translates them.
func (p *Poller) take(events []backend.Event, nanoseconds int64) int {
	if len(p.buffer) < len(events) {
		p.buffer = make([]Event, len(events))
	}
	// An error is EINTR, or ETIMEDOUT, which macOS may return instead of 0: the engine
	// waits again.
	n, _ := p.system.Wait(p.buffer[:len(events)], nanoseconds)
	kept := 0
	for i := range p.buffer[:n] {
		e := &p.buffer[i]
		if e.Generation == 0 {
			p.waker.woken(p.system, e)
			continue
		}
		event := backend.Event{FD: e.Ident, Generation: e.Generation, Ready: readiness(e)}
		switch {
		case event.Ready == 0:
		case kept > 0 && sameHandle(events[kept-1], event):
			events[kept-1].Ready |= event.Ready
		default:
			events[kept] = event
			kept++
		}
	}
	return kept
}

// sameHandle reports whether two successive events are of one descriptor, from its two
// filters. This is the usual case, and the engine gets one event for both.
func sameHandle(a, b backend.Event) bool { return a.FD == b.FD && a.Generation == b.Generation }

// readiness translates a filter and its flags. It ignores the rest of an event, since the
// next call returns the same and is newer: it finds the socket's error, and how much
// there is may have changed since the event.
func readiness(e *Event) (r backend.Readiness) {
	switch e.Filter {
	case Read:
		// No event reports urgent data or the end of a message, and with Clear there
		// is none for the bytes behind it. EOF reports the end of the stream, with
		// data left to read or without. It is not needed: reads go on until they
		// find the end.
		r = backend.Readable | backend.StopsShort
	case Write:
		// Its EOF also follows a half close of our own, and says nothing about reads.
		r = backend.Writable
	}
	if e.Flags&Error != 0 {
		// Change returns the errors of changes. If a kernel reports another error
		// here, a call in each direction finds it.
		r = backend.Readable | backend.Writable | backend.StopsShort
	}
	return r
}

// Close closes the descriptors.
func (p *Poller) Close() error {
	p.closing.Lock()
	defer p.closing.Unlock()
	p.closed = true
	p.waker.close(p.system)
	return p.system.Close()
}
