package kqueue

import (
	"sync"

	"github.com/completionport/completion/internal/backend"
)

var _ backend.Poller = (*Poller)(nil)

// Poller is the poller of one port. A kqueue descriptor can't be watched by
// Go's own poller, so a leader always blocks in the system, whichever way it is
// told to wait.
type Poller struct {
	system System
	waker  waker

	// closing keeps Wake from using descriptors that are somebody else's.
	closing sync.RWMutex
	closed  bool

	// The leader's.
	until  int64
	buffer []Event
}

// New returns a poller. The system is its own from now on, and closed if New
// fails.
func New(system System) (*Poller, error) {
	p := &Poller{system: system, until: backend.Never}
	if err := p.waker.open(system); err != nil {
		system.Close()
		return nil, err
	}
	return p, nil
}

// Arm adds a knote for each direction. If it fails half-way, what it did add
// goes when the engine closes the descriptor, as it then does.
func (p *Poller) Arm(fd int, generation uint32) backend.Errno {
	const flags = Add | Clear
	return change(p.system,
		Event{Ident: fd, Filter: Read, Flags: flags, Generation: generation},
		Event{Ident: fd, Filter: Write, Flags: flags, Generation: generation})
}

// Disarm leaves it to the close that follows. That removes the knotes of this
// descriptor and their pending events, and no others: they belong to the
// descriptor, not to what it stands for, so that a duplicate keeps none alive,
// and a child process inherits no queue. No change is kept back that could
// meet the next owner of the number. An event that the leader holds already
// has an old generation.
func (p *Poller) Disarm(int) {}

// change submits changes until no signal comes between. Whether one that was
// interrupted has been made is not the same everywhere; made twice it does no
// harm.
func change(s System, first, second Event) backend.Errno {
	for {
		errno := s.Change(first, second)
		if errno != backend.EINTR {
			return errno
		}
	}
}

// SetTimeout sets the end of the next waits.
func (p *Poller) SetTimeout(until int64) { p.until = until }

// Wake ends a wait, or the next one.
func (p *Poller) Wake(backend.Waiting) {
	p.closing.RLock()
	defer p.closing.RUnlock()
	if !p.closed {
		p.waker.wake(p.system)
	}
}

// Wait takes events, and sleeps until there is one.
func (p *Poller) Wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	if how == backend.Look {
		return p.take(events, 0), false
	}
	if n = p.take(events, p.left()); n == 0 {
		// The time has passed, or we were woken: the engine knows which, if it
		// looks at its clock and sets the time-out anew.
		return 0, p.until != backend.Never
	}
	return n, false
}

// longest is the most that a wait may last. Some systems refuse times that they
// think are too long; ending early only costs a look.
const longest = 24 * 60 * 60 * 1_000_000_000

// left is how long the next wait may last. It is rounded up to microseconds,
// which all systems know: if it were rounded down, the last of them would be
// spent in waits that end at once.
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
	// Errors are EINTR, or ETIMEDOUT of a macOS that means 0: the engine waits
	// again.
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

// sameHandle tells whether two events in a row are of both filters of one
// descriptor. They mostly come so, and are one event for the engine then.
func sameHandle(a, b backend.Event) bool { return a.FD == b.FD && a.Generation == b.Generation }

// readiness translates a filter and its flags. Whatever an event says besides,
// the call tells it again and better: an error is in the socket, how much there
// is may have changed since.
func readiness(e *Event) (r backend.Readiness) {
	switch e.Filter {
	case Read:
		// No event tells of urgent data, or of the end of a message, and Clear
		// brings none for what is behind it. EOF tells of the end of the stream, with
		// data left to read or without: reads go on until they find it anyway.
		r = backend.Readable | backend.StopsShort
	case Write:
		// Its EOF also follows a half close of our own, and says nothing of reads.
		r = backend.Writable
	}
	if e.Flags&Error != 0 {
		// What a change of ours met would be returned by Change; if a kernel has
		// something to say here, both directions find out.
		r = backend.Readable | backend.Writable | backend.StopsShort
	}
	return r
}

// Close gives the descriptors back.
func (p *Poller) Close() error {
	p.closing.Lock()
	defer p.closing.Unlock()
	p.closed = true
	p.waker.close(p.system)
	return p.system.Close()
}
