package core

// Never is a time that does not come.
const Never = int64(1<<63 - 2)

// reachable brings a deadline into the range that clocks can handle: all of the
// past is one moment, and what is more than a century away does not come.
func reachable(deadline int64) int64 {
	switch {
	case deadline < 0:
		return 1
	case deadline > Never/2:
		return Never
	}
	return deadline
}

// timerEntry says that slot wants a look at when. There is at most one per
// slot, and it is corrected lazily: moving a deadline back, or ending the
// operation, leaves the entry where it is, to be put right when it surfaces.
// A connection that reads again and again with a deadline of its own thus
// mostly costs the heap nothing.
type timerEntry struct {
	when int64
	slot *Slot
}

// due is when the slot's operation ends by the clock, 0 for never.
func (s *Slot) due() int64 {
	if s.kind != Timer || s.op == nil {
		return s.deadline
	}
	if due := s.record().n; s.deadline == 0 || due <= s.deadline {
		return due
	}
	return s.deadline
}

// schedule makes sure that slot is looked at when it is due. Port.mu is held.
func (p *Port) schedule(s *Slot) {
	due := s.due()
	switch {
	case due == 0:
		return
	case s.heap == 0:
		p.timers = append(p.timers, timerEntry{due, s})
		s.heap = int32(len(p.timers))
		p.timerUp(len(p.timers) - 1)
	case due < p.timers[s.heap-1].when:
		p.timers[s.heap-1].when = due
		p.timerUp(int(s.heap - 1))
	}
	if due < p.until {
		p.wakeLeader()
	}
}

// nextTimer is when the first entry wants a look. Port.mu is held.
func (p *Port) nextTimer() int64 {
	if len(p.timers) == 0 {
		return Never
	}
	return p.timers[0].when
}

// expired appends the operations whose time has come to p.overdue, and puts
// right the entries that surface on the way. Port.mu is held.
func (p *Port) expired(now int64) []expiry {
	list := p.overdue[:0]
	for len(p.timers) > 0 && p.timers[0].when <= now {
		s := p.timers[0].slot
		due := s.due()
		if due > now {
			p.timers[0].when = due
			p.timerDown(0)
			continue
		}
		if due != 0 {
			fires := s.kind == Timer && due == s.record().n
			list = append(list, expiry{s.ticket(), fires})
		}
		p.dropTimer()
	}
	return list
}

// expiry is an operation that the clock ends: a timer that fires, or anything
// else by its deadline.
type expiry struct {
	ticket Ticket
	fires  bool
}

func (e expiry) intent() intent {
	if e.fires {
		return toFire
	}
	return toExpire
}

// dropTimer removes the first entry. Port.mu is held.
func (p *Port) dropTimer() {
	last := len(p.timers) - 1
	p.timers[0].slot.heap = 0
	if last > 0 {
		p.timers[0] = p.timers[last]
		p.timers[0].slot.heap = 1
	}
	p.timers[last] = timerEntry{}
	p.timers = p.timers[:last]
	if last > 1 {
		p.timerDown(0)
	}
}

// The heap has four children per node: fewer levels than two, and siblings
// that share a cache line.

func (p *Port) timerUp(i int) {
	entry := p.timers[i]
	for i > 0 {
		parent := (i - 1) / 4
		if p.timers[parent].when <= entry.when {
			break
		}
		p.placeTimer(i, p.timers[parent])
		i = parent
	}
	p.placeTimer(i, entry)
}

func (p *Port) timerDown(i int) {
	entry := p.timers[i]
	for {
		least, child := i, 4*i+1
		when := entry.when
		for c := child; c < child+4 && c < len(p.timers); c++ {
			if p.timers[c].when < when {
				least, when = c, p.timers[c].when
			}
		}
		if least == i {
			break
		}
		p.placeTimer(i, p.timers[least])
		i = least
	}
	p.placeTimer(i, entry)
}

func (p *Port) placeTimer(i int, entry timerEntry) {
	p.timers[i] = entry
	entry.slot.heap = int32(i + 1)
}
