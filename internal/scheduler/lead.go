package scheduler

import (
	"runtime"

	"github.com/completionport/completion/internal/backend"
)

const (
	// handful is how many events are too few to wake another goroutine for: that costs
	// as much as working on some of them.
	handful = 4
	// longBody is from how many nanoseconds on the work of a woken waiter is worth a
	// processor of its own, and mostInARow how many events the leader works on before
	// it steps aside then.
	longBody   = 12_000
	mostInARow = 64
)

// TimePerTurn is after how many nanoseconds a turn ends early: of the events of one poll,
// and of what is ready without one.
const TimePerTurn = 250_000

// lead is one step of the leader's work: work on what is known to be possible,
// one event at a time, or else wait for more. w has the lead. The lock is released in
// between.
//
// One event at a time, because what follows from it mostly concerns the same
// connection: the reply is written while the socket is still in the caches.
func (s *Scheduler) lead(w *Waiter) {
	if s.work.Ready() {
		// One turn, and on to the events: a direction that has more than its turn
		// allows is on the list again.
		s.takeTurn(0)
		switch {
		case s.closed:
			return
		case s.satisfied(w) && len(s.pending) == 0:
			// The next leader may be satisfied in the same way, and the one after it.
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
	case s.standby != nil: // it is about to look
		s.leader = nil
		s.park(w)
	default:
		s.poll(w, true)
	}
}

// stepAside lets a waiter that was woken go first, while its connection is
// still in the caches: if it comes back to wait, it takes the lead and the next
// event, and so on through all of them. Each of them may also stay away and
// work, so the one that stepped aside stands by: it does not sleep, and takes the
// lead when it gets its turn and nobody has it. w has the lead. The lock is released in
// between.
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
// if what the woken do takes long: then each of them finds a processor, and nobody has to
// come for the lead between two events.
func (s *Scheduler) stepsAsideNow() bool {
	if s.processors > 1 && s.body >= longBody {
		if s.servedInARow++; s.servedInARow < mostInARow {
			return false
		}
	}
	s.servedInARow = 0
	return true
}

// noteReturn is called by each waiter that comes. The first that comes after a leader has
// stepped aside shows how long those work that are woken: about as long as it took, or
// less where several work side by side.
func (s *Scheduler) noteReturn() {
	if s.steppedAside != 0 {
		s.body += (s.clock.Now() - s.steppedAside - s.body) / 4
		s.steppedAside = 0
	}
}

// round works on what is possible now, I/O and deadlines, without waiting: all of
// it, or as much as one turn allows. w has the lead. The lock is released in between.
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
	if !s.closed && s.leader == w && s.work.Deadline() != backend.Never {
		s.lookAtDeadlines()
	}
}

// lookAtDeadlines ends what is overdue once all events of a poll have been
// worked on: what has arrived in time is not overdue because it is looked at late.
// When the events, and the loop bodies between them, take long, it does not wait
// for the last of them. The lock is released in between.
func (s *Scheduler) lookAtDeadlines() {
	now := s.clock.Now()
	if s.polled == 0 { // then nothing had a deadline
		s.polled = now
	}
	if s.work.Deadline() <= now && (len(s.pending) == 0 || now-s.polled >= TimeBetweenLooks) {
		s.takeTurn(now)
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
