package completion

import (
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var _ backend.Poller = (*epoll)(nil)

var drivers = []opener{{"epoll", openEpoll}}

// epoll is the poller of Linux. There are two ways to wait. The epoll descriptor
// is itself pollable, so the leader can park in Go's own poller, as a goroutine
// that reads does: that costs no thread, and a deadline in the past wakes it
// for a fraction of what an eventfd takes. Or it blocks in epoll_wait, which
// saves Go's poller and scheduler on the way to sleep and back.
type epoll struct {
	fd    int
	event int      // an eventfd, to wake a leader that blocks
	file  *os.File // keeps fd registered with Go's poller
	raw   syscall.RawConn
	wait  func(uintptr) bool // attempt, bound once

	// closing keeps Wake from writing to a descriptor that is somebody else's.
	closing sync.RWMutex
	closed  bool

	// The leader's.
	until  int64
	buffer []sys.EpollEvent
	events []backend.Event
	n      int
	serve  func(int) (int, bool)
}

func openEpoll() (driver, error) {
	fd, err := sys.EpollCreate()
	if err != nil {
		return driver{}, os.NewSyscallError("epoll_create1", err)
	}
	e := &epoll{fd: fd, event: -1, until: backend.Never, file: os.NewFile(uintptr(fd), "epoll")}
	e.raw, err = e.file.SyscallConn()
	if err == nil {
		// Fails if Go's poller does not take the descriptor.
		err = e.file.SetReadDeadline(time.Time{})
	}
	if err == nil {
		e.event, err = sys.EventCreate(fd)
	}
	if err != nil {
		e.file.Close()
		return driver{}, err
	}
	e.wait = e.attempt
	return driver{name: "epoll", poller: e, arm: "epoll_ctl", kernel: &sys.Kernel{}}, nil
}

// Arm is EPOLL_CTL_ADD.
func (e *epoll) Arm(fd int, generation uint32) syscall.Errno {
	return sys.EpollAdd(e.fd, fd, generation)
}

// Disarm is EPOLL_CTL_DEL. The descriptor is open and armed: it can't fail.
func (e *epoll) Disarm(fd int) { sys.EpollDel(e.fd, fd) }

// SetTimeout sets the end of the next wait.
func (e *epoll) SetTimeout(until int64) {
	e.until = until
	if until == backend.Never {
		e.file.SetReadDeadline(time.Time{})
		return
	}
	e.file.SetReadDeadline(sys.Time(until))
}

// Wake ends a wait. A parked leader gets a deadline in the past: only leaders
// set others, so it stays until one has seen it.
func (e *epoll) Wake(how backend.Waiting) {
	if how != backend.Block {
		e.file.SetReadDeadline(sys.Time(1))
		return
	}
	e.closing.RLock()
	if !e.closed {
		sys.EventSignal(e.event)
	}
	e.closing.RUnlock()
}

// Wait looks, and sleeps until there is something to see.
func (e *epoll) Wait(how backend.Waiting, events []backend.Event, serve func(int) (int, bool)) (n int, timedOut bool) {
	if len(e.buffer) < len(events) {
		e.buffer = make([]sys.EpollEvent, len(events))
	}
	e.events, e.n, e.serve = events, 0, serve
	switch how {
	case backend.Look:
		e.look()
	case backend.Block:
		timedOut = e.block()
		for e.served() {
			timedOut = e.block()
		}
	default:
		// Go's poller calls wait before it parks, after it has made itself ready for
		// the next edge, so an event between the two is not lost; and again after
		// each edge, without making itself ready anew: an edge from then on is kept.
		if err := e.raw.Read(e.wait); err != nil {
			// The time-out: wait was not called then, and with steady wake-ups
			// would never be.
			e.look()
			return e.n, true
		}
	}
	return e.n, timedOut
}

// attempt is what Go's poller calls to know whether to go on waiting.
func (e *epoll) attempt(uintptr) (over bool) {
	e.look()
	return e.n > 0 && !e.served()
}

// served lets the leader serve others, and tells whether it waits on after it.
func (e *epoll) served() (again bool) {
	if e.n > 0 {
		e.n, again = e.serve(e.n)
	}
	return again
}

// look asks epoll without waiting.
func (e *epoll) look() { e.take(sys.EpollPoll(e.fd, e.buffer[:len(e.events)])) }

// block waits in the system. A wake-up is an event that take leaves out.
func (e *epoll) block() (timedOut bool) {
	left := int64(-1)
	if e.until != backend.Never {
		left = max(e.until-sys.Now(), 0)
	}
	e.take(sys.EpollWait(e.fd, e.buffer[:len(e.events)], left))
	return e.n == 0 && left >= 0
}

// take translates n events, but for those of the eventfd.
func (e *epoll) take(n int) {
	for _, event := range e.buffer[:n] {
		if event.Pad == 0 {
			continue
		}
		fd, messages := sys.EpollTarget(&event)
		ready := readiness(event.Events)
		if messages {
			ready |= backend.StopsShort
		}
		e.events[e.n] = backend.Event{FD: fd, Generation: uint32(event.Pad), Ready: ready}
		e.n++
	}
}

// readiness translates epoll's bits. An error or a hang-up concerns both
// directions: their next call says what it is. Urgent data that comes alone is no
// reason to read: there is nothing to be had, and a read would drop it.
func readiness(bits uint32) backend.Readiness {
	var r backend.Readiness
	if bits&(sys.EpollIn|sys.EpollFailed) != 0 {
		r |= backend.Readable
	}
	if bits&(sys.EpollOut|sys.EpollFailed) != 0 {
		r |= backend.Writable
	}
	if bits&sys.EpollHangUp != 0 {
		r |= backend.HungUp
	}
	if bits&sys.EpollUrgent != 0 {
		sys.SawUrgent()
		r |= backend.StopsShort
	}
	return r
}

// Close gives the descriptors back.
func (e *epoll) Close() error {
	e.closing.Lock()
	e.closed = true
	sys.Close(e.event)
	e.closing.Unlock()
	return e.file.Close()
}
