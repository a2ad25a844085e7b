package kqueue

// CanWake reports whether a Wake would get the lock at once; CanClose does the same for a
// Close. Wake and Close exclude each other. Only a simulator, whose goroutines take turns,
// needs this: it asks before it lets one of them go on.
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
