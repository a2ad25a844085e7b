package kqueue

// CanWake tells whether a Wake would get in at once, and CanClose the same of a
// Close: they keep each other out. A simulator, whose goroutines take turns, asks
// before it lets one of them go on; nobody else has a use for them.
func (p *Poller) CanWake() bool {
	if !p.closing.TryRLock() {
		return false
	}
	p.closing.RUnlock()
	return true
}

// CanClose: see CanWake.
func (p *Poller) CanClose() bool {
	if !p.closing.TryLock() {
		return false
	}
	p.closing.Unlock()
	return true
}
