package core

// SetAtClose replaces what is called just before the descriptor is closed, nil
// for nothing. The caller has acquired the handle, so that is not under way.
func (h *Handle) SetAtClose(f func()) {
	p := h.port
	p.lock()
	defer p.mu.Unlock()
	if f == nil {
		delete(p.atClose, h)
		return
	}
	if p.atClose == nil {
		p.atClose = make(map[*Handle]func())
	}
	p.atClose[h] = f
}

// HasAtClose tells whether something is to be called then.
func (h *Handle) HasAtClose() bool {
	p := h.port
	p.lock()
	defer p.mu.Unlock()
	return p.atClose[h] != nil
}
