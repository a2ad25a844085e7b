//go:build linux

package uring

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var _ backend.Parker = (*Poller)(nil)

// Poller is the poller of one port.
type Poller struct {
	queue   queue
	sockets backend.Table[socket]
	readAts readAts
	file    *os.File // an eventfd, which Go's poller watches for a leader that parks
	eventFD int      // its number
	raw     syscall.RawConn
	wait    func(uintptr) bool // attempt, bound once
	woken   atomic.Bool        // a request that wakes is in the ring, or its result
	groups  struct {
		mu   sync.Mutex // guards used
		used int
		of   [mostGroups]*sys.UringBuffers
	}

	// Only the leader uses these, but for a field of end.
	end    end
	until  int64
	events []backend.Event
	n      int
	wakes  bool                  // the result of Wake was found
	serve  func(int) (int, bool) // of the Park under way
}

// Arm makes an entry for fd. It makes no call.
func (p *Poller) Arm(fd int, generation uint32) syscall.Errno {
	p.sockets.Set(fd, newSocket(generation))
	return 0
}

// Disarm removes the entry of fd. Nothing of fd is inside the kernel any more.
//
// A request refers to the socket until a little later than its result is there. A socket that
// has an address must be closed for good when Close has returned, since the address may be
// needed again at once. So Disarm waits until the kernel has let go of it, with a call. For
// connections it does not: their end reaches the peer some microseconds later. For a request that a
// thread of the kernel has performed, as a peek beside an error queue, nothing can wait.
func (p *Poller) Disarm(fd int) {
	if p.sockets.Get(fd).hasAddress() {
		p.queue.ring.Settle()
	}
	p.sockets.Set(fd, nil)
}

// SetTimeout sets the time until which the next waits may last.
func (p *Poller) SetTimeout(until int64) {
	p.until = until
	if until == backend.Never {
		p.file.SetReadDeadline(time.Time{})
		return
	}
	p.file.SetReadDeadline(sys.Time(until))
}

// Wake ends a wait, or the next one. For a leader that parks it sets a deadline in the past, as
// package epoll does. For one that blocks, the result of a request that does nothing ends the
// wait. One such request is enough for all that wake before it is found.
func (p *Poller) Wake(how backend.Waiting) {
	if how != backend.Block || p.queue.ended() != 0 {
		p.wakeParked()
		return
	}
	p.queue.closing.RLock()
	if !p.queue.closed && p.woken.CompareAndSwap(false, true) {
		p.queue.put(&sys.UringEntry{Op: sys.UringNop, FD: -1, UserData: tokenOfWake})
	}
	p.queue.closing.RUnlock()
}

// Wait takes results. Unless how is Look, it waits for the first. It may return without an
// event, after a result that does not concern the engine.
func (p *Poller) Wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	switch {
	case how == backend.Look:
		p.begin(events)
		p.look()
	case how == backend.Block && p.queue.ended() == 0:
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
func (p *Poller) begin(events []backend.Event) { p.events, p.n, p.wakes = events, 0, false }

// look submits what is there, and takes the results that are there. If results wait in the
// kernel, a call moves them to the completion queue.
func (p *Poller) look() {
	if p.queue.ended() != 0 {
		p.lookEnded()
		return
	}
	if !p.queue.submit() || p.take() == 0 && p.queue.ring.NeedsEnter() {
		p.queue.judge(p.queue.ring.Enter(0, true))
	}
	for p.take() == 0 && p.queue.ring.HasMore() { // all that were there are nobody's
		if errno := p.queue.ring.Enter(0, true); errno != 0 {
			p.queue.judge(errno)
			return
		}
	}
}

// block waits in the system, in the call that submits what is there. If there are results, it
// does not wait. If the kernel does not take all requests now, it waits for a short time only.
func (p *Poller) block() (timedOut bool) {
	left := int64(-1)
	if p.until != backend.Never {
		left = max(p.until-sys.Now(), 0)
	}
	if p.take() > 0 || p.wakes {
		p.look()
	} else {
		p.waitFor(left)
	}
	return p.n == 0 && left >= 0
}

func (p *Poller) waitFor(left int64) {
	q := &p.queue
	q.sleeps.Store(true) // before the look for requests: see queue
	q.stopTimer()
	defer q.timeRest()
	n := q.pending()
	if q.left.Load() == 0 || q.submit() {
		errno := q.ring.Wait(n, left)
		q.sleeps.Store(false)
		if q.judge(errno); errno != syscall.EAGAIN && errno != syscall.EBUSY && errno != syscall.ENOMEM {
			p.take()
			return
		}
	}
	q.sleeps.Store(false)
	if q.ended() == 0 {
		q.judge(q.ring.Wait(0, int64(min(uint64(left), uint64(soon)))))
	}
	p.take()
}

// Park sleeps in Go's poller.
func (p *Poller) Park(events []backend.Event, serve func(int) (int, bool)) (n int, timedOut bool) {
	p.begin(events)
	p.serve = serve
	// As in package epoll: no edge of the eventfd is lost, and without the look a leader that
	// is woken again and again would take no event.
	err := p.raw.Read(p.wait)
	p.setAsleep(false)
	if err != nil {
		p.look()
		return p.n, true
	}
	return p.n, false
}

// attempt is called by Go's poller. It reports whether the wait is over.
//
// Before it returns false, it lets the kernel write to the eventfd, and sets sleeps. Then it
// looks for results and for requests once more: what has come before has not caused an edge, or
// was not submitted by those who have put it there.
func (p *Poller) attempt(uintptr) (over bool) {
	for {
		if p.look(); p.n == 0 {
			p.setAsleep(true)
			if p.look(); p.n == 0 {
				p.rest()
				return false
			}
		}
		p.setAsleep(false)
		var again bool
		if p.n, again = p.serve(p.n); !again {
			return true
		}
		p.n = 0
	}
}

// rest stops the timer of a queue that is empty.
func (p *Poller) rest() {
	if p.queue.isEmpty() {
		p.queue.stopTimer()
		p.queue.timeRest()
	}
}

// setAsleep is called when the leader is about to park, and when it is awake again. The kernel
// looks at the flag for the eventfd after it has stored a result, with a barrier in between.
func (p *Poller) setAsleep(asleep bool) {
	p.queue.sleeps.Store(asleep)
	p.queue.ring.SetSignal(asleep)
}

// Close closes the ring, and the eventfd.
func (p *Poller) Close() error {
	openPorts.Delete(p)
	p.queue.close()
	p.closeEnd()
	return p.file.Close()
}
