package scheduler

// AwaitItems returns when there is an item to take, or none will come: the context is
// over, or the port is closed and nothing is in flight. It collects more items, up to
// room, if that needs no wait. The lock is released in between.
func (s *Scheduler) AwaitItems(ctx Context, room int) {
	if s.work.Items() > 0 && (s.leader == nil || s.canTakeOver()) && !s.closed && s.lookIsDue() {
		s.lookAround()
	}
	// A consumer that is alone goes from event to event: there is nobody to wake.
	for s.work.Items() < room && len(s.pending) > 0 && s.leader == nil && !s.closed && !s.crowded() {
		s.leader = &s.transient
		if s.work.Ready() {
			s.takeReadyTurn()
		}
		if len(s.pending) > 0 && !s.closed {
			s.serveNext(&s.transient)
		}
		s.handOff(&s.transient)
	}
	// The lock was released, and Dismiss may release it again: others may have taken the
	// items.
	for over := false; s.work.Items() == 0 && !over; {
		w, _ := s.Enlist(ctx, Item)
		w.room = room
		s.Wait(w)
		over = w.over || s.closed && s.work.InFlight() == 0
		s.Dismiss(w)
	}
}

// lookAround looks at I/O and deadlines as the leader, and does not wait.
func (s *Scheduler) lookAround() {
	w, _ := s.Enlist(Forever, Item)
	s.leader, s.coming = w, nil
	s.round(w)
	s.handOff(w)
	s.Dismiss(w)
}

// LookAround works on what is ready and on the events that are there now, unless there is
// a leader or the port is closed. It does not wait. It is for a caller that has just caused
// an operation to end.
func (s *Scheduler) LookAround() {
	if s.leader != nil || s.closed {
		return
	}
	w, _ := s.Enlist(Forever, Item)
	s.leader = w
	s.takeTurn(0)
	s.round(w)
	s.handOff(w)
	s.Dismiss(w)
}

// Wait returns when w has what it wants. If nobody has the lead, w takes it and polls. Wait
// hands off the lead before it returns, if w has it. The lock is released in between.
func (s *Scheduler) Wait(w *Waiter) {
	s.noteReturn()
	for !s.satisfied(w) || s.hasMore(w) {
		switch {
		case s.closed: // Close ends what is in flight, and then wakes all
			s.handOff(w)
			s.park(w)
		case s.leader == w:
			s.lead(w)
		case s.leader == nil || s.canTakeOver():
			s.leader, s.coming = w, nil
		case s.canHelp(w):
			s.helpers++
			s.serveNext(w)
			s.helpers--
		default:
			s.park(w)
		}
	}
	s.handOff(w)
}

// satisfied reports whether w need not wait any more.
func (s *Scheduler) satisfied(w *Waiter) bool {
	switch w.want {
	case Item:
		return s.work.Items() > 0 || w.over || s.closed && s.work.InFlight() == 0
	case OneEnd:
		return w.ended
	default:
		return w.over || s.closed || s.work.InFlight() == 0
	}
}

// hasMore reports whether a leader that has its item works on the next event before it
// leaves: because it wants more items, or because sleeping waiters would wait for the event
// while the body for this item runs. With more than a handful of events and several
// processors, it leaves at once and wakes one of them, which works on the events while the
// body runs.
func (s *Scheduler) hasMore(w *Waiter) bool {
	if s.leader != w || w.want != Item || len(s.pending) == 0 || s.standby != nil || s.closed || w.over {
		return false
	}
	if s.work.Items() < w.room {
		return true
	}
	return s.crowded() && (s.processors == 1 || len(s.pending) <= handful)
}

// canTakeOver reports whether another waiter may take the lead from a leader that became
// leader in its sleep and has not run since. That leader may find no processor for
// milliseconds while others go from an event to a body and on to the next event, and only a
// leader looks at deadlines and at what is ready. With one processor the answer is no: the
// next to run is mostly the leader itself.
func (s *Scheduler) canTakeOver() bool { return s.coming != nil && s.processors > 1 }

// canHelp reports whether w, which is not the leader and wants an item, works on the next
// event instead of going to sleep. One processor is the leader's.
func (s *Scheduler) canHelp(w *Waiter) bool {
	return w.want == Item && len(s.pending) > 0 && s.helpers < s.processors-1
}

// crowded reports whether other waiters sleep.
func (s *Scheduler) crowded() bool { return s.dequeuers.head != nil || s.awaiters.head != nil }

// handOff gives the lead to a sleeping waiter, if w has it or nobody does. A waiter that
// became leader while it got what it wanted hands it off here, too, and so does one that
// stood by, if nobody has the lead. The successor is the waiter that has slept longest,
// dequeuers first, since it is the likeliest to go on waiting.
func (s *Scheduler) handOff(w *Waiter) {
	if s.leader != nil && s.leader != w {
		return
	}
	s.leader, s.coming = nil, nil
	if s.closed {
		s.Settled()
		return
	}
	if s.standby != nil {
		return
	}
	successor := s.dequeuers.tail
	if successor == nil {
		successor = s.awaiters.tail
	}
	if successor != nil {
		s.leader, s.coming = successor, successor
		s.wakeWaiter(successor)
	}
}

// park sleeps until another goroutine takes w out of its list. The lock is released in
// between.
func (s *Scheduler) park(w *Waiter) {
	if w.want == Item {
		s.dequeuers.push(w)
	} else {
		s.awaiters.push(w)
	}
	w.sleep()
	if s.coming == w {
		s.coming = nil
	}
	if w.forItem {
		w.forItem = false
		s.itemWakes--
	}
}

// End records that the operation of the waiter with that number has ended, and wakes it.
func (s *Scheduler) End(number int32) {
	w := s.waiters[number]
	w.ended = true
	s.wakeWaiter(w)
}

// wakeWaiter makes w look again, whether it sleeps in a list or leads.
func (s *Scheduler) wakeWaiter(w *Waiter) {
	switch {
	case w.list != nil:
		s.woken++
		w.list.remove(w)
		w.wake.Signal()
	case s.leader == w:
		s.WakeLeader()
	}
}

// WakeAll makes every waiter look again.
func (s *Scheduler) WakeAll() {
	for s.dequeuers.head != nil {
		s.wakeWaiter(s.dequeuers.head)
	}
	for s.awaiters.head != nil {
		s.wakeWaiter(s.awaiters.head)
	}
	if s.leader != nil {
		s.WakeLeader()
	}
}

// ItemsChanged makes sure that no item is in the queue while a waiter that would take it
// sleeps. It is called after each change of the number of items, and by each dequeuer that
// leaves, so that the wake-up of one that left for another reason reaches the next.
func (s *Scheduler) ItemsChanged() {
	unclaimed := s.work.Items() - s.itemWakes
	if unclaimed <= 0 {
		return
	}
	leads := s.leader != nil && s.leader.want == Item
	if leads && !s.parked {
		s.newsFlag.Store(true) // it may spin
		unclaimed--            // it looks at the queue before it sleeps
	}
	for ; unclaimed > 0 && s.dequeuers.head != nil; unclaimed-- {
		w := s.dequeuers.head
		w.forItem = true
		s.itemWakes++
		s.wakeWaiter(w)
	}
	if unclaimed > 0 && leads {
		s.WakeLeader()
	}
}
