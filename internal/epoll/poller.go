//go:build linux

package epoll

import (
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var _ backend.Parker = (*Poller)(nil)

// Poller is the poller of one port.
type Poller struct {
	fd    int
	event int      // an eventfd, which wakes a leader that blocks
	file  *os.File // keeps fd registered with Go's poller
	raw   syscall.RawConn
	wait  func(uintptr) bool // attempt, bound once

	// closing keeps Wake from writing to a descriptor that has a new owner.
	closing sync.RWMutex
	closed  bool

	// Only the leader uses these.
	until  int64
	buffer []sys.EpollEvent
	events []backend.Event
	n      int
	serve  func(int) (int, bool) // of the Park under way
}

// Arm is EPOLL_CTL_ADD.
func (p *Poller) Arm(fd int, generation uint32) syscall.Errno {
	return sys.EpollAdd(p.fd, fd, generation)
}

// Disarm is EPOLL_CTL_DEL. It can't fail, since the descriptor is open and armed.
func (p *Poller) Disarm(fd int) { sys.EpollDel(p.fd, fd) }

// SetTimeout sets the time until which the next waits may last.
func (p *Poller) SetTimeout(until int64) {
	p.until = until
	if until == backend.Never {
		p.file.SetReadDeadline(time.Time{})
		return
	}
	p.file.SetReadDeadline(sys.Time(until))
}

// Wake ends a wait, or the next one. For a leader that parks it sets a deadline in the
// past. Only leaders set other deadlines, so this one stays until a leader has seen it.
func (p *Poller) Wake(how backend.Waiting) {
	if how != backend.Block {
		p.file.SetReadDeadline(sys.Time(1))
		return
	}
	p.closing.RLock()
	if !p.closed {
		sys.EventSignal(p.event)
	}
	p.closing.RUnlock()
}

// Wait takes events. Unless how is Look, it waits for the first.
func (p *Poller) Wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	switch how {
	case backend.Look:
		p.begin(events)
		p.look()
	case backend.Block:
		p.begin(events)
		timedOut = p.block()
	default:
		return p.Park(events, leave)
	}
	return p.n, timedOut
}

// leave is a serve that leaves all events to the caller.
func leave(n int) (left int, again bool) { return n, false }

// begin prepares for a wait.
func (p *Poller) begin(events []backend.Event) {
	if len(p.buffer) < len(events) {
		p.buffer = make([]sys.EpollEvent, len(events))
	}
	p.events, p.n = events, 0
}

// Park sleeps in Go's poller. A leader that works on an event inside of Park goes back to
// sleep at once. A leader that left and came back would make one more epoll_pwait.
func (p *Poller) Park(events []backend.Event, serve func(int) (int, bool)) (n int, timedOut bool) {
	p.begin(events)
	p.serve = serve
	// Go's poller prepares for the next edge, calls wait, and then parks, so no event
	// is lost before it parks. After each edge it calls wait again, without preparing
	// again: it keeps an edge that comes from then on.
	if err := p.raw.Read(p.wait); err != nil {
		// The time-out. Go's poller has not called wait in this case. With steady
		// wake-ups it never would, and no event would be taken.
		p.look()
		return p.n, true
	}
	return p.n, false
}

// attempt is called by Go's poller. It reports whether the wait is over.
func (p *Poller) attempt(uintptr) (over bool) {
	p.look()
	if p.n == 0 {
		return false
	}
	var again bool
	p.n, again = p.serve(p.n)
	return !again
}

// look takes the events that are there, without waiting.
func (p *Poller) look() { p.take(sys.EpollPoll(p.fd, p.buffer[:len(p.events)])) }

// block waits in the system. A wake-up is an event, which take drops.
func (p *Poller) block() (timedOut bool) {
	left := int64(-1)
	if p.until != backend.Never {
		left = max(p.until-sys.Now(), 0)
	}
	p.take(sys.EpollWait(p.fd, p.buffer[:len(p.events)], left))
	return p.n == 0 && left >= 0
}

// take translates n events and drops those of the eventfd.
func (p *Poller) take(n int) {
	for _, event := range p.buffer[:n] {
		if event.Pad == 0 {
			continue
		}
		fd, messages := sys.EpollTarget(&event)
		ready := readiness(event.Events)
		if messages {
			ready |= backend.StopsShort
		}
		p.events[p.n] = backend.Event{FD: fd, Generation: uint32(event.Pad), Ready: ready}
		p.n++
	}
}

// readiness translates epoll's bits. An error or a hang-up concerns both directions:
// the next call of each direction returns the error. Urgent data alone does not make a
// socket readable: there is nothing to read, and a read would drop the urgent byte.
func readiness(bits uint32) backend.Readiness {
	var r backend.Readiness
	if bits&(sys.EpollIn|sys.EpollFailed) != 0 {
		r |= backend.Readable
	}
	if bits&(sys.EpollOut|sys.EpollFailed) != 0 {
		r |= backend.Writable
	}
	if bits&sys.EpollHangUp != 0 { // there may be data left to read
		r |= backend.Readable | backend.StopsShort
	}
	if bits&sys.EpollUrgent != 0 {
		sys.SawUrgent()
		r |= backend.StopsShort
	}
	return r
}

// Close closes the descriptors.
func (p *Poller) Close() error {
	p.closing.Lock()
	p.closed = true
	sys.Close(p.event)
	p.closing.Unlock()
	return p.file.Close()
}
