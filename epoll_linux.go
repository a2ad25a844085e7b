package completion

import (
	"os"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

var _ core.Poller = (*epoll)(nil)

var drivers = []opener{{"epoll", openEpoll}}

// epoll is the poller of Linux. The leader does not block in epoll_wait: the
// epoll descriptor is itself pollable, so it parks in Go's own poller, as a
// goroutine that reads does. That costs no thread, and a deadline in the past
// wakes it for a fraction of what an eventfd would take.
type epoll struct {
	fd   int
	file *os.File // keeps fd registered with Go's poller
	raw  syscall.RawConn
	wait func(uintptr) bool // look, bound once

	// The leader's, during one Wait.
	buffer []sys.EpollEvent
	events []core.Event
	n      int
}

func openEpoll() (driver, error) {
	fd, err := sys.EpollCreate()
	if err != nil {
		return driver{}, os.NewSyscallError("epoll_create1", err)
	}
	e := &epoll{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	e.raw, err = e.file.SyscallConn()
	if err == nil {
		// Fails if Go's poller does not take the descriptor.
		err = e.file.SetReadDeadline(time.Time{})
	}
	if err != nil {
		e.file.Close()
		return driver{}, err
	}
	e.wait = e.look
	return driver{name: "epoll", poller: e, kernel: sys.Kernel{}}, nil
}

// Arm is EPOLL_CTL_ADD.
func (e *epoll) Arm(fd int, generation uint32) syscall.Errno {
	return sys.EpollAdd(e.fd, fd, generation)
}

// Disarm is EPOLL_CTL_DEL. The descriptor is open and armed: it can't fail.
func (e *epoll) Disarm(fd int) { sys.EpollDel(e.fd, fd) }

// SetTimeout sets the deadline of the next park.
func (e *epoll) SetTimeout(until int64) {
	if until == core.Never {
		e.file.SetReadDeadline(time.Time{})
		return
	}
	e.file.SetReadDeadline(sys.Time(until))
}

// Wake sets a deadline in the past. Only the leader sets others, so a wake-up
// stays until the leader has seen it. After Close it does nothing.
func (e *epoll) Wake() { e.file.SetReadDeadline(sys.Time(1)) }

// Wait looks, and parks until there is something to see. Go's poller calls
// look before it parks, after it has made itself ready for the next edge, so
// an event between the two is not lost.
func (e *epoll) Wait(block bool, events []core.Event) (n int, timedOut bool) {
	e.events, e.n = events, 0
	if !block {
		e.look(0)
		return e.n, false
	}
	if err := e.raw.Read(e.wait); err != nil {
		// The time-out: look was not called then, and with steady wake-ups
		// would never be.
		e.look(0)
		return e.n, true
	}
	return e.n, false
}

// look asks epoll without waiting, and tells whether it found something.
func (e *epoll) look(uintptr) bool {
	if len(e.buffer) < len(e.events) {
		e.buffer = make([]sys.EpollEvent, len(e.events))
	}
	e.n = sys.EpollPoll(e.fd, e.buffer[:len(e.events)])
	for i, event := range e.buffer[:e.n] {
		e.events[i] = core.Event{
			FD:         int(event.Fd),
			Generation: uint32(event.Pad),
			Ready:      readiness(event.Events),
		}
	}
	return e.n > 0
}

// readiness translates epoll's bits. An error or a hang-up concerns both
// directions: their next call says what it is.
func readiness(bits uint32) core.Readiness {
	var r core.Readiness
	if bits&(sys.EpollIn|sys.EpollFailed) != 0 {
		r |= core.Readable
	}
	if bits&(sys.EpollOut|sys.EpollFailed) != 0 {
		r |= core.Writable
	}
	if bits&sys.EpollHangUp != 0 {
		r |= core.HungUp
	}
	return r
}

// Close gives the descriptor back.
func (e *epoll) Close() error { return e.file.Close() }
