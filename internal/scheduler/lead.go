package scheduler

import (
	"runtime"

	"github.com/completionport/completion/internal/backend"
)

const (
	// handful is the largest number of events for which no other goroutine is woken: a
	// wake-up costs as much as the work on some of them.
	handful = 4
	// longBody is the number of nanoseconds from which on the work of a woken waiter is
	// worth a processor of its own. For such work, mostInARow is the number of events
	// that the leader works on before it steps aside.
	longBody   = 12_000
	mostInARow = 64
)

// TimePerTurn is the number of nanoseconds after which a turn ends early: a turn of the
// events of one poll, or of what is ready without an event.
const TimePerTurn = 250_000

// lead does one step of the leader's work: it works on what is possible now, one event at
// a time, or else waits for more. w has the lead. The lock is released in between.
//
// It takes one event at a time, because what follows from an event mostly concerns the
// same connection: the reply is written while the socket is still in the caches.
func (s *Scheduler) lead(w *Waiter) {
	if s.work.Ready() {
		// One turn, and then the events: a direction that has more to do than its turn
		// allows is on the list again.
		s.takeReadyTurn()
		switch {
		case s.closed:
			return
		case s.satisfied(w) && len(s.pending) == 0:
			// The next leader may be satisfied in the same way, and so on: without this
			// look, nobody would poll.
			if s.lookIsDueAfterTurn() {
				s.poll(w, false)
			}
			return
		}
	}
	switch {
	case len(s.pending) > 0:
		before := s.woken
		s.serveNext(w)
		if s.woken != before && len(s.pending) > 0 && !s.satisfied(w) && s.stepsAsideNow() {
			s.stepAside(w)
		}
	case s.standby != nil: // it is about to take the lead
		s.leader = nil
		s.park(w)
	default:
		s.poll(w, true)
	}
}

// stepAside lets a waiter that was just woken run first, while its connection is still in
// the caches. If that waiter comes back to wait, it takes the lead and the next event, and
// so on through all events. It may also stay away and work. So w stands by: it does not
// sleep, and takes the lead if nobody has it when w runs again. w has the lead. The lock
// is released in between.
func (s *Scheduler) stepAside(w *Waiter) {
	s.leader = nil
	if s.standby != nil {
		s.park(w)
		return
	}
	s.standby = w
	if s.processors > 1 {
		s.steppedAside = s.clock.Now()
	}
	s.Unlock()
	if s.steps != nil {
		s.steps.Step()
	} else {
		runtime.Gosched()
	}
	s.Lock()
	s.standby = nil
}

// stepsAsideNow reports whether the leader steps aside for the waiter that it has just
// woken. With one processor it always does. With several it works on more events first
// if the work of woken waiters takes long: then each of them finds a processor, and no
// other waiter has to take the lead between two events.
func (s *Scheduler) stepsAsideNow() bool {
	if s.processors > 1 && s.body >= longBody {
		if s.servedInARow++; s.servedInARow < mostInARow {
			return false
		}
	}
	s.servedInARow = 0
	return true
}

// noteReturn is called by each waiter that arrives. The time from a leader's step aside
// until the first waiter arrives is about how long a woken waiter works, or less if several
// work side by side.
func (s *Scheduler) noteReturn() {
	if s.steppedAside != 0 {
		s.body += (s.clock.Now() - s.steppedAside - s.body) / 4
		s.steppedAside = 0
	}
}

// round works on the I/O and the deadlines that are possible now, as far as one turn
// allows, and does not wait. w has the lead. The lock is released in between.
func (s *Scheduler) round(w *Waiter) {
	if len(s.pending) == 0 && s.work.Armed() {
		s.poll(w, false)
	}
	now := s.clock.Now()
	for end := now + TimePerTurn; len(s.pending) > 0 && !s.closed && now < end; now = s.clock.Now() {
		s.serveNext(w)
	}
	if !s.closed {
		s.takeTurn(now)
	}
	s.pace.restart(s.clock.Now())
}

// serveNext works on the first of the pending events. w is the leader, or a helper. The
// lock is released in between.
func (s *Scheduler) serveNext(w *Waiter) {
	e := s.pending[0]
	s.pending = s.pending[1:]
	s.pace.restart(0)
	s.workers++
	s.work.Serve(e)
	s.workers--
	s.Settled()
	if !s.closed && s.leader == w {
		s.lookAtDeadlines()
	}
}

// lookAtDeadlines ends operations that have timed out, once all events of a poll have been
// worked on: an operation whose data arrived in time must not time out because the port
// looks late. If the events and the loop bodies between them take TimeBetweenLooks, it
// does not wait for the last of them. It is called by the leader after each of its steps.
// The lock is released in between.
func (s *Scheduler) lookAtDeadlines() {
	if s.work.Deadline() == backend.Never {
		return
	}
	now := s.clock.Now()
	if s.polled == 0 { // then nothing had a deadline
		s.polled = now
	}
	if s.work.Deadline() <= now && (len(s.pending) == 0 || now-s.polled >= TimeBetweenLooks) {
		s.takeTurn(now)
	}
}

// takeReadyTurn takes a turn of what is ready. Helpers may have worked on the last event
// meanwhile, and then nobody else looks at deadlines. The lock is released in between.
func (s *Scheduler) takeReadyTurn() {
	s.takeTurn(0)
	if !s.closed {
		s.lookAtDeadlines()
	}
}

// takeTurn takes a turn of the work. It is called by the leader. The lock is released
// in between.
func (s *Scheduler) takeTurn(now int64) {
	s.workers++
	s.work.Turn(now)
	s.workers--
	s.Settled()
}
