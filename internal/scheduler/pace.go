package scheduler

const (
	// TimeBetweenLooks is how many nanoseconds of loop bodies pass before the port looks
	// at I/O and at the clock again, or one body if that takes longer.
	TimeBetweenLooks = 100_000
	// ItemsBetweenLooks limits the number of those bodies: a body that posts every time
	// must not starve the others.
	ItemsBetweenLooks = 64
	// ItemsBetweenClocks limits the number of bodies between two readings of the clock,
	// so that the port notices bodies that suddenly take longer.
	ItemsBetweenClocks = 16
)

// pace decides when a loop that finds finished operations in the queue, and so need not
// wait, looks at I/O and at the clock first. Reading the clock costs as much as dequeuing,
// so it is read as seldom as the bodies so far allow.
type pace struct {
	taken  int   // items dequeued since the last look, and turns that count as one each
	check  int   // the value of taken at which the clock is read
	looked int64 // when that look was, or the clock was first read after it; 0: not yet
	timed  int   // the value of taken at that time
}

// restart records a look at the time now, 0 if nobody has read the clock. With 0, the
// bodies before the first reading of the clock are not timed, and only half as many pass
// before each of the first two readings.
func (c *pace) restart(now int64) {
	most := ItemsBetweenClocks
	if now == 0 {
		most /= 2
	}
	c.taken, c.timed, c.looked = 0, 0, now
	c.check = min(c.check, most)
}

// lookIsDue reports whether a loop looks at I/O and at the clock before it takes the next
// finished operation.
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
	// Read the clock again after half of the time that is left, at this pace.
	each := spent/int64(max(c.taken-c.timed, 1)) + 1
	c.check = c.taken + int(min((TimeBetweenLooks-spent)/(2*each)+1, ItemsBetweenClocks))
	c.check = min(c.check, ItemsBetweenLooks)
	return false
}

// lookIsDueAfterTurn reports whether a leader that got what it wants from a turn of the
// ready list looks at I/O and at the clock before it leaves. Such a turn counts as one
// body, also if it ended awaited operations. It has read the clock anyway.
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
