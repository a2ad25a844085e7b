package sim

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/kqueue"
)

// Wait is kevent with room for events. Its time-out begins with the call: the time until
// the call takes effect counts, too.
func (q *queue) Wait(events []kqueue.Event, nanoseconds int64) (int, syscall.Errno) {
	limit := int64(backend.Never)
	if nanoseconds >= 0 {
		limit = q.k.now + nanoseconds/tick
	}
	if nanoseconds > 0 && nanoseconds%tick != 0 {
		q.w.fail("a wait of %d ns", nanoseconds)
	}
	q.step("kevent, to wait")
	q.w.keepBusy()
	if nanoseconds != 0 {
		if q.w.fires(interruptedWait) {
			return 0, [...]syscall.Errno{syscall.EINTR, errTimedOut}[q.w.schedule.pick(2)]
		}
		q.w.sleepUntil = limit
		q.w.sleepIn(inPoller, func() bool { return q.k.now >= limit || q.something() })
		q.w.sleepUntil = backend.Never
		q.k.overdue(limit)
		if q.k.now >= limit && q.something() {
			q.w.fired[timedOutAndEdge]++
			if q.w.schedule.pick(2) == 1 {
				return 0, 0
			}
		}
	}
	n := q.take(events)
	if n > 0 {
		q.w.pause()
		q.linger()
	}
	for _, e := range events[:n] {
		q.checkTaken(e)
	}
	return n, 0
}

// take moves events out of the queue: all of them or some, in any order. It takes one
// after the other, and others may run in between.
func (q *queue) take(events []kqueue.Event) (n int) {
	q.taking = append(q.taking[:0], q.active...)
	for len(q.taking) > 0 && n < len(events) {
		if n > 0 && q.w.fires(truncated) {
			break
		}
		if n > 0 {
			q.linger()
		}
		i := 0
		if len(q.taking) > 1 && q.w.fires(reordered) {
			i = q.w.schedule.pick(len(q.taking))
		}
		next := q.taking[i]
		q.taking = append(q.taking[:i], q.taking[i+1:]...)
		if !next.active { // its descriptor was closed meanwhile
			continue
		}
		e, ready := q.look(next)
		if !ready {
			q.deactivate(next)
			continue
		}
		events[n] = q.report(next, e)
		if n > 0 && e.Filter == kqueue.Read && events[n-1].Filter == kqueue.Write && events[n-1].Ident == e.Ident {
			q.w.fired[writeFirst]++
		}
		n++
	}
	return n
}

// linger lets others run for many steps. They may close the descriptor of an event that
// was taken, and get a new one with its number.
func (q *queue) linger() {
	if !q.w.fires(lingering) {
		return
	}
	for range 2 + q.w.schedule.pick(20) {
		q.w.pause()
	}
}

// report returns the event of a knote, and updates the knote.
func (q *queue) report(n *knote, e kqueue.Event) kqueue.Event {
	if e.Flags&kqueue.Clear != 0 {
		q.deactivate(n)
		n.fired = false
	}
	if q.habits.echoes {
		q.w.fired[echoedFlags]++
	} else {
		e.Flags &^= kqueue.Add | kqueue.Clear
	}
	switch {
	case n == &q.user:
		q.w.fired[wokenByUser]++
	case n == &q.pipe:
		q.w.fired[wokenByPipe]++
	default:
		q.tell(n, &e)
	}
	q.w.trace("event: descriptor %d, generation %d, filter %d, flags %04x, fflags %d, data %d",
		e.Ident, e.Generation, e.Filter, uint16(e.Flags), e.FFlags, e.Data)
	return e
}

// tell does the work of report for a socket.
func (q *queue) tell(n *knote, e *kqueue.Event) {
	s := n.socket
	switch {
	case (s.gone || s.phase == refused) && len(s.received) == 0 && q.w.fires(errorEvent):
		// The error event stands for both.
		e.Flags = e.Flags&^kqueue.EOF | kqueue.Error
		e.Data, e.FFlags = int64(s.errno), 0
		q.deactivate(&s.knotes[0])
		q.deactivate(&s.knotes[1])
		s.announced = true
		return
	case e.FFlags != 0:
		q.w.fired[endWithErrno]++
	case e.Flags&kqueue.EOF != 0 && e.Filter == kqueue.Write:
		q.w.fired[endOfOurs]++
	case e.Flags&kqueue.EOF != 0 && e.Data > 0:
		q.w.fired[endWithDataLeft]++
	}
	if e.Filter == kqueue.Read {
		s.arrived, s.announced = false, true
	}
	if q.w.fires(duplicatedEvent) { // the next wait reports it again
		q.activate(n)
	}
}

// checkTaken counts what happened to an event before the wait returned.
func (q *queue) checkTaken(e kqueue.Event) {
	if e.Generation == 0 {
		return
	}
	switch s := q.k.table[e.Ident]; {
	case s == nil:
		q.w.fired[staleEvent]++
	case s.knotes[0].event.Generation != e.Generation:
		q.w.fired[staleEvent]++
		q.w.fired[staleOfReused]++
	}
}
