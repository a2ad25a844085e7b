package core

import (
	"math"

	"github.com/completionport/completion/internal/assert"
)

// AddHandle makes fd the port's, whether it succeeds or not: a descriptor that
// can't be armed is closed. Sockets begin as connected, unless they are still
// to be connected. atClose, if not nil, is called just before the descriptor
// is closed, whoever closes it, but not if AddHandle fails. It must not call
// the port.
func (p *Port) AddHandle(fd int, isConnected bool, atClose func()) (*Handle, *Failure) {
	known := latch(0)
	if isConnected {
		// It has been somebody else's, who may have received the urgent byte:
		// reads still stop where it was, and no event says so.
		known = stopsShort
	}
	return p.addHandle(fd, isConnected, known, atClose, nil)
}

// AddShared is AddHandle for a descriptor of a socket that is still its former
// owner's, too: if it fails, discard gives the descriptor back, since closing it may
// change what is shared.
func (p *Port) AddShared(fd int, isConnected bool, atClose func(), discard func(fd int)) (*Handle, *Failure) {
	return p.addHandle(fd, isConnected, stopsShort, atClose, discard)
}

// addHandle is AddHandle, with what is known of reading, and AddShared, unless discard
// is nil.
func (p *Port) addHandle(fd int, isConnected bool, known latch, atClose func(), discard func(int)) (*Handle, *Failure) {
	h := p.newHandle(fd, isConnected, known)
	st := p.lock()
	if st.refusing {
		st.unlockQuietly()
		p.discard(fd, discard)
		return nil, closedFailure
	}
	if atClose != nil {
		st.handles.setAtClose(h, atClose)
	}
	h.generation = st.handles.newGeneration()
	st.handles.count++
	p.table.Set(fd, h)
	st.unlockQuietly()
	if errno := p.poller.Arm(fd, h.generation); errno != 0 {
		p.refuse(h, discard)
		return nil, &Failure{Code: System, Call: p.armCall, Errno: errno}
	}
	h.Release()
	return h, nil
}

func (p *Port) newHandle(fd int, isConnected bool, known latch) *Handle {
	// Counted as a user until it is armed, so that a Close of the port which
	// finds it in the table does not free the number under our hands.
	h := &Handle{port: p, fd: int32(fd), users: 1}
	// A fresh socket can be written to: no need to wait for the edge. For
	// reading, arming brings an edge if data is there; trying without one
	// would cost a call that mostly finds nothing.
	h.latch = [2]latch{in: known, out: ready}
	if isConnected {
		h.state = connected
	}
	return h
}

// refuse gives back the descriptor of a handle that could not be armed. But for a Close
// of the port, which finds it closed in the table, nobody knows the handle.
func (p *Port) refuse(h *Handle, discard func(int)) {
	l := h.lock()
	l.state |= closing | closed
	l.mu.Unlock()
	p.poller.Disarm(int(h.fd))
	p.takeAtClose(h)
	p.discard(int(h.fd), discard)
	p.forget(h)
}

// discard gives back a descriptor that no handle has got.
func (p *Port) discard(fd int, how func(int)) {
	if how == nil {
		p.kernel.Close(fd)
		return
	}
	how(fd)
}

// giveBack gives the descriptor of a closed handle back to the system.
func (p *Port) giveBack(h *Handle) {
	p.poller.Disarm(int(h.fd))
	if f := p.takeAtClose(h); f != nil {
		f()
	}
	p.kernel.Close(int(h.fd))
	p.forget(h)
}

// takeAtClose returns what is to be called before h is closed, if anything.
func (p *Port) takeAtClose(h *Handle) func() {
	st := p.lock()
	defer st.unlockQuietly()
	f := st.handles.atClose[h]
	delete(st.handles.atClose, h)
	return f
}

// forget takes a closed handle out of the table. The number may have gone to
// a new handle already, as the descriptor was closed first.
func (p *Port) forget(h *Handle) {
	st := p.lock()
	if p.table.Get(int(h.fd)) == h {
		p.table.Set(int(h.fd), nil)
	}
	st.handles.count--
	st.scheduler.Settled()
	st.unlock()
	p.connectFailures.Delete(h)
}

// SetAtClose replaces what is called just before the descriptor is closed, nil
// for nothing. The caller has acquired the handle, so that is not under way.
func (h *Handle) SetAtClose(f func()) {
	st := h.port.lock()
	st.handles.setAtClose(h, f)
	st.unlockQuietly()
}

// HasAtClose reports whether something is to be called then.
func (h *Handle) HasAtClose() bool {
	st := h.port.lock()
	defer st.unlockQuietly()
	return st.handles.atClose[h] != nil
}

// explain has the errors of failures made that the system has caused. Nobody
// else knows of these operations yet, and users keeps the descriptor from being
// closed and its number from going to another while it is asked for its
// addresses. The lock is released in between.
func (h *locked) explain() {
	h.failed = false
	explain := h.port.explain
	if explain == nil {
		return
	}
	fd, isOpen := -1, h.state&closed == 0 && h.users < math.MaxUint16
	if isOpen {
		fd = int(h.fd)
		h.users++
	}
	h.mu.Unlock()
	for s := h.ended.head(); ; s = s.next {
		// One failure may be that of several, of those that wait for a connect.
		if f := s.record().failure; f != nil && f.Code == System && f.Err == nil {
			f.Err = explain(f, fd)
		}
		if s == h.ended.tail {
			break
		}
	}
	h.lockMutex()
	if isOpen {
		h.users--
	}
}

// unlock unlocks the handle and publishes what has happened meanwhile.
func (h *locked) unlock() {
	h.release()
	if !h.isEmpty() {
		h.port.publish(&h.outcome)
	}
}

// relock is unlock, and lock after it.
func (h *locked) relock() {
	h.unlock()
	*h = h.Handle.lock()
}

// release unlocks the handle, and leaves it to the caller to publish. Whoever unlocks
// a closing handle when nothing is queued any more gives the descriptor back, and what
// was finished meanwhile is to be published after that: who is delivered the last
// completion finds the address free. What is in a call is the head of its queue.
func (h *locked) release() {
	if h.failed {
		h.explain()
	}
	last := h.state&(closing|closed) == closing && h.users == 0 && h.queue[in].tail == nil && h.queue[out].tail == nil
	if last {
		h.state |= closed
	}
	h.mu.Unlock()
	if last && h.fd >= 0 {
		h.port.giveBack(h.Handle)
	}
}

// Release ends what Acquire began.
func (h *Handle) Release() {
	l := h.lock()
	assert.That(l.users > 0, "a handle is released more often than acquired")
	l.users--
	l.unlock()
}
