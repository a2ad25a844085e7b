package scheduler

const (
	// TimeBetweenLooks is how many nanoseconds of loop bodies go by before the port
	// looks at I/O and at the clock again, or one body if that takes longer.
	TimeBetweenLooks = 100_000
	// ItemsBetweenLooks bounds the number of those bodies: a body that posts every
	// turn must not starve the others.
	ItemsBetweenLooks = 64
	// ItemsBetweenClocks bounds the number of bodies between two looks at the clock
	// itself, so that bodies which suddenly take longer are noticed.
	ItemsBetweenClocks = 16
)

// pace tells a loop that finds finished operations in the queue, and so need not
// wait, when to look at I/O and at the clock first. Reading the clock costs as much
// as dequeuing, so it is read as seldom as the bodies so far allow.
type pace struct {
	taken  int   // dequeued since the last look, and turns that count as much
	check  int   // how many may be before the clock is read
	looked int64 // when that look was, or the clock was first read after it; 0: not yet
	timed  int   // how many had been dequeued then
}

// restart notes a look at the time now, which is 0 if nobody has read the clock. Then
// the bodies before the first look at the clock are not timed, and half as many go by
// before each of the first two.
func (c *pace) restart(now int64) {
	most := ItemsBetweenClocks
	if now == 0 {
		most /= 2
	}
	c.taken, c.timed, c.looked = 0, 0, now
	c.check = min(c.check, most)
}

// lookIsDue tells whether a loop looks at I/O and at the clock before it takes the
// next finished operation.
func (s *Scheduler) lookIsDue() bool {
	c := &s.pace
	if c.taken == 0 || c.taken < c.check {
		return false
	}
	if c.taken >= ItemsBetweenLooks {
		c.check = ItemsBetweenClocks
		return true
	}
	now := s.clock.Now()
	if c.looked == 0 {
		c.timed, c.looked = c.taken, now
		c.check = c.taken + ItemsBetweenClocks/2
		return false
	}
	spent := now - c.looked
	if spent >= TimeBetweenLooks {
		c.check = max((c.taken-c.timed)/2, 1)
		return true
	}
	// At this pace, half of the time that is left.
	each := spent/int64(max(c.taken-c.timed, 1)) + 1
	c.check = c.taken + int(min((TimeBetweenLooks-spent)/(2*each)+1, ItemsBetweenClocks))
	c.check = min(c.check, ItemsBetweenLooks)
	return false
}

// lookIsDueAfterTurn tells whether a leader that has what it wants from a turn of the
// ready list looks at I/O and at the clock before it leaves. Such a turn counts as one
// body, also if what it finished is awaited, and has read the clock anyway.
func (s *Scheduler) lookIsDueAfterTurn() bool {
	c, now := &s.pace, s.clock.Now()
	c.taken++
	if c.looked == 0 {
		c.timed, c.looked = c.taken, now
	}
	return c.taken >= ItemsBetweenLooks || now-c.looked >= TimeBetweenLooks
}

// ItemTaken is called for each item that is taken out of the queue.
func (s *Scheduler) ItemTaken() { s.pace.taken++ }
