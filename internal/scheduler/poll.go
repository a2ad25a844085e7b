package scheduler

import (
	"runtime"

	"github.com/completionport/completion/internal/backend"
)

// unknownTimeout means that the poller's time-out has passed or was cut short: it must be
// set before the next wait, whatever the deadline is.
const unknownTimeout = backend.Never + 1

// poll waits for events or the next deadline, and stores the events in pending. Without
// block it looks once and does not wait. w has the lead, and pending is empty. The lock is
// released in between. The package's comment says why no wake-up is lost.
func (s *Scheduler) poll(w *Waiter, block bool) {
	deadline := s.work.Deadline()
	if block && deadline != backend.Never && deadline <= s.clock.Now() {
		block = false // more operations are due than one turn ends
	}
	if block && !s.setTimeout(w) {
		return // there is news already
	}
	if s.closed {
		return
	}
	how := s.chooseWait(w, block)
	s.Unlock()

	n := s.sleep(w, how)

	s.Lock()
	s.parked = false
	s.workers--
	s.pending = s.events[:n]
	s.countProcessors()
	s.Settled()
	s.polled = 0
	if s.closed || s.work.Deadline() == backend.Never {
		return
	}
	s.polled = s.clock.Now()
	if n == 0 && s.work.Deadline() <= s.polled {
		s.takeTurn(s.polled)
	}
}

// chooseWait decides how w polls, and sets parked if it sleeps.
func (s *Scheduler) chooseWait(w *Waiter, block bool) backend.Waiting {
	s.polls++
	s.workers++
	s.pace.restart(0)
	s.until, s.how = 0, backend.Look
	if block && !s.work.Ready() {
		s.until, s.how = s.work.Deadline(), backend.Park
		if w.want == Item {
			s.how = s.itemWait
		}
		s.parked = s.spin == 0
	}
	s.newsFlag.Store(false)
	return s.how
}

// countProcessors asks the runtime now and then how many goroutines can run at once, and
// only when it matters: when a poll has returned many events.
func (s *Scheduler) countProcessors() {
	if len(s.pending) <= handful || s.fixed {
		return
	}
	if s.counted++; s.counted%64 == 1 {
		s.processors = runtime.GOMAXPROCS(0)
	}
}

// sleep waits for events in the way that poll has chosen. The lock is not held.
func (s *Scheduler) sleep(w *Waiter, how backend.Waiting) (n int) {
	slept := how != backend.Look && s.observe != nil
	if slept {
		s.observe(false, 0)
	}
	if how != backend.Look && s.spin > 0 {
		n, how = s.look(w, how)
	}
	if n == 0 {
		var timedOut bool
		if how == backend.Park && s.parker != nil {
			n, timedOut = s.parker.Park(s.events, s.serve)
		} else {
			n, timedOut = s.waitOn(how)
		}
		if timedOut {
			s.timeout = unknownTimeout
		}
	}
	if slept {
		s.observe(true, n)
	}
	return n
}

// waitOn waits in the given way, and again as long as serveAsleep reports so. The lock is
// not held.
func (s *Scheduler) waitOn(how backend.Waiting) (n int, timedOut bool) {
	for again := true; again; {
		n, timedOut = s.poller.Wait(how, s.events)
		if n == 0 || timedOut || how == backend.Look {
			break
		}
		n, again = s.serveAsleep(n)
	}
	return n, timedOut
}

// serveAsleep works on a single event for a leader that stays in the poller. It returns
// how many events are left for the leader, and whether the leader waits again. In this way
// a leader serves others that await: it chooses nothing anew, and a Parker need not look
// again before it sleeps. serveAsleep follows the protocol of poll. The lock is not held.
func (s *Scheduler) serveAsleep(n int) (left int, again bool) {
	if n != 1 || s.spin > 0 || s.observe != nil {
		return n, false
	}
	s.Lock()
	s.parked = false
	s.work.Serve(s.events[0])
	if again = s.canSleepOn(); again {
		s.polls++
		s.until = s.work.Deadline()
		s.parked = true
	}
	s.Unlock()
	return 0, again
}

// canSleepOn reports whether a leader in the poller has nothing to do there but sleep.
func (s *Scheduler) canSleepOn() bool {
	deadline := s.work.Deadline()
	if s.closed || s.satisfied(s.leader) || s.work.Ready() || deadline < s.timeout {
		return false
	}
	// The poller checks its time-out only when it finds no event.
	return deadline == backend.Never || deadline > s.clock.Now()
}

// setTimeout sets the time until which the poller may wait. It keeps a time-out that is
// earlier than needed: that costs one look, and a new time-out costs as much each time. It
// releases the lock to set one, and reports false if there was news meanwhile.
func (s *Scheduler) setTimeout(w *Waiter) bool {
	until := s.work.Deadline()
	if s.timeout <= until || s.work.Ready() {
		return true
	}
	s.workers++ // a Drain must not use the poller meanwhile
	s.Unlock()
	s.poller.SetTimeout(until)
	s.Lock()
	s.workers--
	s.Settled()
	s.timeout = until
	return !s.satisfied(w) && s.work.Deadline() >= until
}

// look spins: it polls without waiting until there is an event or news, or the spin time
// is over. It returns the number of events, and how the leader waits after that. A deadline
// ends the spin time early. look reads until without the lock: only the leader writes it
// while it is in the poller, and an earlier deadline is news. The lock is not held.
func (s *Scheduler) look(w *Waiter, how backend.Waiting) (int, backend.Waiting) {
	for end := min(s.clock.Now()+s.spin, s.until); ; {
		n, _ := s.poller.Wait(backend.Look, s.events)
		if n > 0 || s.newsFlag.Load() {
			return n, backend.Look
		}
		if now := s.clock.Now(); now >= end {
			break
		}
		runtime.Gosched()
	}
	// The same check as in poll: the leader must not sleep if there is news since then.
	s.Lock()
	defer s.Unlock()
	if s.satisfied(w) || s.newsFlag.Load() || s.until <= s.clock.Now() {
		return 0, backend.Look
	}
	s.parked = true
	return 0, how
}

// Drain polls for a closed port, and works on its events until done reports true. First it
// waits until no other goroutine polls or works. The lock is released in between.
func (s *Scheduler) Drain(done func() bool) {
	for s.workers > 0 {
		s.AwaitChange()
	}
	w := &Waiter{scheduler: s, want: AllEnds}
	s.leader = w
	if s.work.InFlight() == 0 {
		// Nothing will end any more, and nobody hands the lead on: who waits for items does so in
		// vain, and done may wait for what it does then.
		s.WakeAll()
	}
	for !done() {
		switch {
		case len(s.pending) > 0:
			s.serveNext(w)
		case s.work.Ready() || s.work.Deadline() <= s.clock.Now():
			// And then a look, even if more is ready or due. When the calls take long,
			// there is always an operation to abandon again, and its end is in the poller.
			s.takeTurn(s.clock.Now())
			s.pollClosed(backend.Look)
		default:
			s.pollClosed(backend.Block)
		}
	}
	s.leader = nil
}

// pollClosed is poll for a closed port. Another goroutine that does something for the end
// of the port meanwhile wakes it. The lock is released in between.
func (s *Scheduler) pollClosed(how backend.Waiting) {
	s.polls++
	s.until, s.how = s.work.Deadline(), how
	s.workers++
	s.parked = how != backend.Look
	until := s.until
	s.Unlock()
	if how != backend.Look {
		s.poller.SetTimeout(until)
	}
	n, _ := s.poller.Wait(how, s.events)
	s.Lock()
	s.parked = false
	s.workers--
	s.pending = s.events[:n]
}
