package sim

import (
	"slices"
	"syscall"

	"github.com/completionport/completion/internal/backend"
)

var _ backend.Parker = poller{}

// poller is epoll, edge-triggered, with two ways to sleep. A parked wait has a time-out
// that SetTimeout sets and Wake overwrites with a time in the past. It stays until it is
// set again. A blocked wait has the time-out of the call, and Wake is an event among the
// others, which any look takes out.
type poller struct{ *kernel }

const past = 1

func (k poller) Arm(fd int, generation uint32) syscall.Errno {
	s := k.enter(fd, "arm")
	if s == nil {
		return syscall.EBADF
	}
	if s.armed {
		k.w.fail("descriptor %d is armed twice", fd)
	}
	if k.w.fires(armRefused) {
		k.w.armRefusals++
		return syscall.ENOSPC
	}
	s.armed, s.generation = true, generation
	if k.mask(s) != 0 {
		k.raise(s, backend.Readable|backend.Writable)
	}
	return 0
}

func (k poller) Disarm(fd int) {
	s := k.enter(fd, "disarm")
	if s == nil || !s.armed { // its arming has failed
		return
	}
	if s.begun != [2]*begun{} {
		k.w.fail("descriptor %d is disarmed and something is inside", fd)
	}
	if k.w.fires(staleEvent) { // as from a duplicated descriptor
		k.ghosts = append(k.ghosts, backend.Event{FD: fd, Generation: s.generation, Ready: k.anything()})
	}
	s.armed, s.listed = false, false
	k.ready = remove(k.ready, s)
	k.forgetLate(s)
}

// anything is an event of a descriptor without a reason.
func (k poller) anything() backend.Readiness {
	if k.ring != nil {
		return backend.EndedIn | backend.EndedOut
	}
	return backend.Readable | backend.Writable | backend.StopsShort
}

func remove(list []*socket, s *socket) []*socket {
	return slices.DeleteFunc(list, func(t *socket) bool { return t == s })
}

func (k poller) SetTimeout(until int64) {
	k.w.trace("sets the time-out to %d", until)
	k.w.pause()
	k.until = until
}

func (k poller) Wake(how backend.Waiting) {
	if k.w.current == nil {
		return
	}
	k.w.trace("wakes the leader, %s", waitings[how])
	before := k.w.steps
	k.w.pause()
	if k.w.steps > before+1 {
		k.w.fired[wakeUpInFlight]++
	}
	if how == backend.Block {
		k.event = true
	} else {
		k.until = past
	}
}

var waitings = [...]string{"looking", "parked", "blocked"}

func (k poller) Wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	k.enterWait(how)
	switch how {
	case backend.Look:
		k.w.keepBusy()
		n = k.collect(events)
	case backend.Block:
		n, timedOut = k.block(events)
	default:
		k.w.fail("a Parker is told to park, and serves nobody")
	}
	k.leaveWait(n, timedOut)
	return n, timedOut
}

func (k poller) Park(events []backend.Event, serve func(int) (int, bool)) (n int, timedOut bool) {
	k.enterWait(backend.Park)
	n, timedOut = k.park(events, serve)
	k.leaveWait(n, timedOut)
	return n, timedOut
}

func (k poller) enterWait(how backend.Waiting) {
	k.w.tracePoint(waitings[how])
	if k.closed {
		k.w.fail("a wait after the poller was closed")
	}
	k.sleepers++
	if k.sleepers > 1 {
		k.w.fail("two leaders in the poller")
	}
	k.looking = how == backend.Look
	k.w.turned()
	k.w.pause()
	k.looking = false
}

func (k poller) leaveWait(n int, timedOut bool) {
	k.sleepers--
	k.w.mix(uint64(n))
	k.w.trace("the wait brings %d events, timed out: %v", n, timedOut)
}

// block is epoll_wait.
func (k poller) block(events []backend.Event) (n int, timedOut bool) {
	k.w.keepBusy()
	limit := k.until // the call reads it when it begins
	if !k.w.fires(spuriousWakeUp) {
		k.w.sleepUntil = limit
		k.w.sleepIn(inPoller, func() bool { return k.hasEvents() || k.event || k.now >= limit })
		k.w.sleepUntil = backend.Never
	}
	k.overdue(limit)
	n = k.collect(events)
	return n, n == 0 && limit != backend.Never
}

// park is Go's poller: it checks the time-out, then the events, and sleeps until one of
// the two has changed.
func (k poller) park(events []backend.Event, serve func(int) (int, bool)) (n int, timedOut bool) {
	for inTime := k.now < k.until; inTime; {
		if n = k.collect(events); n > 0 {
			var again bool
			if n, again = serve(n); !again {
				return n, false
			}
			k.w.fired[servedAsleep]++
			k.w.trace("served, and waits on")
		} else if k.w.fires(spuriousWakeUp) {
			return 0, false
		}
		k.w.keepBusy()
		k.w.parkedUntil = true
		k.w.sleepIn(inPoller, func() bool { return k.hasEvents() || k.now >= k.until })
		k.w.parkedUntil = false
		// If both have come, the wait may report either.
		inTime = k.now < k.until || k.hasEvents() && k.w.schedule.pick(2) == 1
	}
	k.overdue(k.until)
	if k.hasEvents() {
		k.w.fired[timedOutAndEdge]++
	}
	return k.collect(events), true
}

func (k *kernel) overdue(limit int64) {
	if limit > past && k.now > limit {
		k.w.fired[overdueWakeUp]++
	}
}

// collect takes events.
func (k poller) collect(events []backend.Event) int {
	if k.ring != nil {
		return k.ring.harvest(events)
	}
	return k.harvest(events)
}

// harvest takes events from the ready list: all of them or some, in any order, and
// perhaps one that nothing has caused.
func (k poller) harvest(events []backend.Event) (n int) {
	k.event = false
	for len(k.ready) > 0 && n < len(events) {
		if n > 0 && k.w.fires(truncated) {
			break
		}
		i := 0
		if len(k.ready) > 1 && k.w.fires(reordered) {
			i = k.w.schedule.pick(len(k.ready))
		}
		s := k.ready[i]
		if r := k.mask(s); r != 0 {
			events[n] = backend.Event{FD: s.fd, Generation: s.generation, Ready: r}
			s.arrived, s.announced = false, true
			n++
		}
		if n > 0 && n < 4 && k.w.fires(duplicatedEvent) {
			continue
		}
		s.listed = false
		k.ready = slices.Delete(k.ready, i, i+1)
	}
	if n < len(events) && len(k.ghosts) > 0 {
		events[n] = k.ghosts[0]
		k.ghosts = k.ghosts[1:]
		n++
	}
	if n < len(events) && k.w.fires(spuriousEvent) {
		if s := k.anyArmed(); s != nil {
			events[n] = backend.Event{FD: s.fd, Generation: s.generation, Ready: backend.Readable | backend.Writable}
			s.announced = true
			n++
		}
	}
	for _, e := range events[:n] {
		k.w.trace("event: descriptor %d, generation %d, ready %03b", e.FD, e.Generation, e.Ready)
	}
	return n
}

func (k poller) anyArmed() *socket {
	at := k.w.schedule.pick(max(len(k.sockets), 1))
	for i := range k.sockets {
		if s := k.sockets[(at+i)%len(k.sockets)]; s.armed {
			return s
		}
	}
	return nil
}

func (k poller) Close() error {
	k.w.trace("closes the poller")
	k.w.checkCallbacks()
	if k.closed {
		k.w.fail("the poller is closed twice")
	}
	if k.sleepers > 0 {
		k.w.fail("the poller is closed under a wait")
	}
	k.closed = true
	return nil
}
