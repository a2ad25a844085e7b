package core

import (
	"math"

	"github.com/completionport/completion/internal/assert"
	"github.com/completionport/completion/internal/backend"
)

// AddHandle makes the port the owner of fd, also if it fails: it closes a descriptor
// that can't be armed. isConnected is false for a socket that is still to be connected.
// atClose, if not nil, is called just before the descriptor is closed, whoever closes
// it, but not if AddHandle fails. It must not call the port.
func (p *Port) AddHandle(fd int, isConnected bool, atClose func()) (*Handle, *Failure) {
	known := latch(0)
	if isConnected {
		// A former owner may have received the urgent byte: reads still stop where
		// it was, and no event says so.
		known = stopsShort
	}
	return p.addHandle(fd, isConnected, known, atClose, nil)
}

// AddShared is AddHandle for a descriptor of a socket that its former owner shares. If it
// fails, it passes the descriptor to discard, since closing it may change the socket for
// the former owner.
func (p *Port) AddShared(fd int, isConnected bool, atClose func(), discard func(fd int)) (*Handle, *Failure) {
	return p.addHandle(fd, isConnected, stopsShort, atClose, discard)
}

// AddStream is AddShared for a stream that is no socket. Such a stream may have one direction
// only, and no edge comes for the other: so the first read is tried without an edge, and
// returns the errno.
func (p *Port) AddStream(fd int, discard func(fd int)) (*Handle, *Failure) {
	return p.addHandle(fd, true, stopsShort|ready, nil, discard)
}

// addHandle is AddHandle if discard is nil, else AddShared or AddStream. known is the latch for
// reading.
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
	// The caller is a user until the handle is armed. Otherwise a Close of the port
	// that finds the handle in the table could free the number before Arm uses it.
	h := &Handle{port: p, fd: int32(fd), users: 1}
	// A fresh socket can be written to: there is no need to wait for the edge. For
	// reads, arming causes an edge if data is there; a try without an edge would cost a
	// call that mostly finds nothing.
	h.latch = [2]latch{in: known, out: ready}
	if isConnected {
		h.state = connected
	}
	return h
}

// refuse gives back the descriptor of a handle that could not be armed. Nobody knows the
// handle, except a Close of the port, which finds it in the table as closed.
func (p *Port) refuse(h *Handle, discard func(int)) {
	l := h.lock()
	l.state |= closing | closed
	l.mu.Unlock()
	p.poller.Disarm(int(h.fd))
	p.takeAtClose(h)
	p.discard(int(h.fd), discard)
	p.forget(h)
}

// discard gives back a descriptor without a handle: it calls how, or closes fd if how is
// nil.
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
	if l, ok := p.layers.LoadAndDelete(h); ok {
		l.(Layer).Close()
	}
	if f := p.takeAtClose(h); f != nil {
		f()
	}
	p.kernel.Close(int(h.fd))
	p.forget(h)
}

// takeAtClose removes and returns the function to call before h is closed, nil for none.
func (p *Port) takeAtClose(h *Handle) func() {
	st := p.lock()
	defer st.unlockQuietly()
	f := st.handles.atClose[h]
	delete(st.handles.atClose, h)
	return f
}

// forget removes a closed handle from the table. A new handle may have its number
// already, since the descriptor was closed first.
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

// giveBackFile closes the file whose handle was closed. Nothing of it is in flight. It does
// nothing for a handle without a file.
func (p *Port) giveBackFile(h *Handle) {
	if f := p.takeAtClose(h); f != nil {
		f()
		p.forgetFile(h)
	}
}

// forgetFile ends the port's ownership of a file that is closed.
func (p *Port) forgetFile(h *Handle) {
	st := p.lock()
	delete(st.files, h)
	st.scheduler.Settled()
	st.unlock()
}

// SetAtClose replaces the function that is called just before the descriptor is closed;
// nil removes it. The caller has acquired the handle, so the old one is not being called.
func (h *Handle) SetAtClose(f func()) {
	st := h.port.lock()
	st.handles.setAtClose(h, f)
	st.unlockQuietly()
}

// HasAtClose reports whether such a function is set.
func (h *Handle) HasAtClose() bool {
	st := h.port.lock()
	defer st.unlockQuietly()
	return st.handles.atClose[h] != nil
}

// explain makes the errors of failures that the system has caused, and frees what Copies have
// left. Nobody else knows
// these operations yet. Meanwhile users keeps the descriptor open, so that its number
// does not go to another socket while the system is asked for its addresses. The lock is
// released in between.
func (h *locked) explain() {
	h.failed = false
	explain := h.port.explain
	if explain == nil {
		explain = func(*Failure, int) error { return nil }
	}
	fd, isOpen := -1, h.state&closed == 0 && h.users < math.MaxUint16
	if isOpen {
		fd = int(h.fd)
		h.users++
	}
	h.mu.Unlock()
	for s := h.ended.head(); ; s = s.next {
		// Operations that waited for one connect share its failure.
		if f := s.record().failure; f != nil && f.Code == System && f.Err == nil {
			f.Err = explain(f, fd)
		}
		if s.kind == backend.Copy {
			s.freeRest()
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

// unlock unlocks the handle and publishes the outcome.
func (h *locked) unlock() {
	h.release()
	if !h.isEmpty() {
		h.port.publish(&h.outcome)
	}
}

// relock is unlock followed by lock.
func (h *locked) relock() {
	h.unlock()
	*h = h.Handle.lock()
}

// release unlocks the handle, and leaves it to the caller to publish the outcome. If the
// handle is closing and its queues are empty, release gives the descriptor back. The
// outcome is published after that, so that a program that gets the last completion finds
// the address free. An operation in a call is still in its queue, as the head.
func (h *locked) release() {
	if h.failed {
		h.explain()
	}
	last := h.state&(closing|closed) == closing && h.users == 0 && h.queue[in].tail == nil && h.queue[out].tail == nil
	if last {
		h.state |= closed
	}
	h.mu.Unlock()
	switch {
	case last && h.fd >= 0:
		h.port.giveBack(h.Handle)
	case last:
		h.port.giveBackFile(h.Handle)
	}
}

// Release ends what Acquire began.
func (h *Handle) Release() {
	l := h.lock()
	assert.That(l.users > 0, "a handle is released more often than acquired")
	l.users--
	l.unlock()
}
