package core

// Busy is the reason why a handle was not detached.
type Busy uint8

// Reasons why a handle can't be detached.
const (
	NotBusy   Busy = iota
	IsClosed       // it is closed, or its port is
	HasWork        // operations are in flight, or it is lent to a caller of Acquire
	IsLayered      // bytes may be in its layer
)

// Detach gives the socket of an idle handle another owner. share makes the other owner;
// no operation is accepted meanwhile. If share reports true, discard gets the descriptor,
// and the handle is closed from then on. Otherwise the handle is as before, except that
// operations which were submitted meanwhile have ended as closed.
func (h *Handle) Detach(share func(fd int) bool, discard func(fd int)) Busy {
	if why := h.reserve(); why != NotBusy {
		return why
	}
	if !share(int(h.fd)) {
		h.keep()
		return NotBusy
	}
	l := h.lock()
	l.state |= closed
	l.users--
	l.mu.Unlock()
	h.port.poller.Disarm(int(h.fd))
	h.port.takeAtClose(h)
	h.port.discard(int(h.fd), discard)
	h.port.forget(h)
	return NotBusy
}

// reserve makes an idle handle refuse operations. The caller is a user of it, so a Close
// of the port does not give the descriptor back.
func (h *Handle) reserve() Busy {
	if h.port == nil {
		return IsClosed
	}
	l := h.lock()
	defer l.mu.Unlock()
	switch {
	case l.state&(closing|draining) != 0:
		return IsClosed
	case l.state&(layered|shaking) != 0:
		return IsLayered
	case l.users > 0 || l.queue[in].tail != nil || l.queue[out].tail != nil:
		return HasWork
	}
	l.state |= closing
	l.users++
	return NotBusy
}

// keep ends what reserve began. A Close of the port that came meanwhile found the handle
// closing: then it stays so, and its descriptor is given back here. The port's lock is
// taken inside the handle's: a Close that refuses operations after it comes to this handle
// later, and finds it open.
func (h *Handle) keep() {
	l := h.lock()
	st := h.port.lock()
	if !st.refusing {
		l.state &^= closing
	}
	st.unlockQuietly()
	l.users--
	l.unlock()
}

// Detach ends the port's ownership of an idle file, which is closed to operations from then on.
// It returns the calls of the file, which stays open.
func (f *File) Detach() (FileCalls, Busy) {
	if f.handle.port == nil {
		return nil, IsClosed
	}
	h := f.handle.lock()
	switch {
	case h.state&(closing|draining) != 0:
		h.mu.Unlock()
		return nil, IsClosed
	case h.users > 0 || h.queue[in].tail != nil || h.queue[out].tail != nil || h.state&sending != 0:
		h.mu.Unlock()
		return nil, HasWork
	}
	h.state |= closing | closed
	h.mu.Unlock()
	h.port.takeAtClose(h.Handle)
	h.port.forgetFile(h.Handle)
	return f.Calls, NotBusy
}
