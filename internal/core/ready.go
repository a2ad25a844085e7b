package core

// readyDirection is a direction of a handle that may go on, and for which no event will
// come. Those that the port lists are run by the leader, some at a turn.
type readyDirection struct {
	handle    *Handle
	direction direction
	isListed  bool // in the handle's state too, see locked.list
}

// list lists a direction. The lock of its handle may be held or not. list takes the
// port's lock, but wakes nobody: that is for publish, which follows when the lock of
// the handle is released.
func (p *Port) list(r readyDirection) {
	st := p.lock()
	st.ready.push(r)
	st.unlockQuietly()
}

// list lists a direction of the handle, unless it is listed: else each event that comes
// meanwhile would add one turn, and what has the longest list of operations would leave
// the others the fewest.
func (h *locked) list(d direction) {
	if h.state&(listedIn<<d) != 0 {
		return
	}
	h.state |= listedIn << d
	h.port.list(readyDirection{h.Handle, d, true})
	h.listed = true
}
