package core

const (
	// timeBetweenLooks is how many nanoseconds of loop bodies go by before the port
	// looks at I/O and at the clock again, or one body if that takes longer.
	timeBetweenLooks = 100_000
	// takenBetweenLooks bounds the number of those bodies: a body that posts every
	// turn must not starve the others.
	takenBetweenLooks = 64
	// takenBetweenClocks bounds the number of bodies between two looks at the clock
	// itself, so that bodies which suddenly take longer are noticed.
	takenBetweenClocks = 16
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
	most := takenBetweenClocks
	if now == 0 {
		most /= 2
	}
	c.taken, c.timed, c.looked = 0, 0, now
	c.check = min(c.check, most)
}

// lookIsDue tells whether a loop looks at I/O and at the clock before it takes the
// next finished operation. mu is held.
func (p *Port) lookIsDue() bool {
	c := &p.pace
	if c.taken == 0 || c.taken < c.check {
		return false
	}
	if c.taken >= takenBetweenLooks {
		c.check = takenBetweenClocks
		return true
	}
	now := p.kernel.Now()
	if c.looked == 0 {
		c.timed, c.looked = c.taken, now
		c.check = c.taken + takenBetweenClocks/2
		return false
	}
	spent := now - c.looked
	if spent >= timeBetweenLooks {
		c.check = max((c.taken-c.timed)/2, 1)
		return true
	}
	// At this pace, half of the time that is left.
	each := spent/int64(max(c.taken-c.timed, 1)) + 1
	c.check = c.taken + int(min((timeBetweenLooks-spent)/(2*each)+1, takenBetweenClocks))
	c.check = min(c.check, takenBetweenLooks)
	return false
}

// lookIsDueAfterTurn tells whether a leader that has what it wants from a turn of the
// ready list looks at I/O and at the clock before it leaves. Such a turn counts as one
// body, also if what it finished is awaited, and has read the clock anyway. mu is held.
func (p *Port) lookIsDueAfterTurn() bool {
	c, now := &p.pace, p.kernel.Now()
	c.taken++
	if c.looked == 0 {
		c.timed, c.looked = c.taken, now
	}
	return c.taken >= takenBetweenLooks || now-c.looked >= timeBetweenLooks
}
