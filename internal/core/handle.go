package core

import (
	"math"
	"sync"

	"github.com/completionport/completion/internal/backend"
)

// direction is one of a handle's two queues.
type direction int

const (
	in  direction = iota // Accept, Read
	out                  // Connect, Write, CloseWrite
)

// directionOf is the queue of a handle that operations of this kind stand in.
func directionOf(k backend.Kind) direction {
	if k == backend.Accept || k == backend.Read {
		return in
	}
	return out
}

// Handle is a descriptor that a port owns, with its two queues. It is never
// used again for another descriptor: a stale *Handle finds it closed. 48
// bytes: every connection has one.
//
// The lock guards all but port, fd and generation, and decides the outcome of every
// operation in the queues. Methods that need it held are those of locked.
type Handle struct {
	mu    sync.Mutex
	port  *Port
	queue [2]list
	fd    int32
	// generation tells this use of the descriptor's number from the others.
	generation uint32
	users      uint16 // callers between Acquire and Release
	errno      uint16 // the first fatal errno any call met
	latch      [2]latch
	state      handleState
}

// latch is what is known of one direction.
type latch uint8

const (
	// ready: an edge came, or the last call did not exhaust the direction. It is
	// cleared before a call, so that an edge during the call is not lost.
	ready latch = 1 << iota
	// stopsShort: a short read does not exhaust this direction. The end of the
	// stream may share an edge with the data before it, or the read stopped at
	// urgent data or at the end of a message. It lasts until a call finds nothing.
	stopsShort
	// wantsBuffer: the head stands in its pool's queue.
	wantsBuffer
	// undecided: the connection has ended, and the call under way in the other
	// direction may be learning why. Both look again when that call is over.
	undecided
	// endedEarly: the event of an operation inside a Native kernel came during a call
	// about it.
	endedEarly
	// abandoned: the kernel was asked to end what is inside it.
	abandoned
)

type handleState uint16

const (
	closing    handleState = 1 << iota // refuses operations
	closed                             // its descriptor is gone, or about to be
	draining                           // refuses all but writes
	connecting                         // a first connect is under way: reads wait for it
	connected                          // has been; a later connect that fails leaves it alone
	failed                             // its connect failed: it can only be closed
	finSent                            // our own half close: EPIPE is no news
	broken                             // a write has ended half-way and was not delivered: see mend
	ofUnix                             // see SetUnix
	listedIn                           // in is on the ready list
	listedOut
)

// locked is a handle whose lock is held. It collects what follows from what is done
// under the lock, and unlock publishes that. A comment says so where a method releases
// the lock in between.
type locked struct {
	*Handle
	outcome
}

// outcome is what happened under a handle's lock and is published after it.
type outcome struct {
	ended  list // operations that are Done
	failed bool // one of them by an error of the system, which has no error value yet
	listed bool // the ready list has grown
}

func (o *outcome) isEmpty() bool { return o.ended.tail == nil && !o.listed }

// lock locks the handle.
func (h *Handle) lock() locked {
	h.lockMutex()
	return locked{Handle: h}
}

func (h *Handle) lockMutex() {
	if h.port != nil {
		h.port.lockMutex(&h.mu)
		return
	}
	h.mu.Lock()
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

// isBusy reports whether the kernel may be at work on the head of d, in a call or
// inside: then only the goroutine that is in the call, or that learns of the end,
// performs operations of d.
func (h *locked) isBusy(d direction) bool {
	s := h.queue[d].head()
	return s != nil && s.phase().inCall()
}

// isInside reports whether the head of d is inside a Native kernel, and nobody in a
// call about it.
func (h *locked) isInside(d direction) bool {
	s := h.queue[d].head()
	return s != nil && s.phase() == Inside
}

// Acquire lends the descriptor to a caller outside the engine (an option, an
// address). ok is false once the handle is closing.
func (h *Handle) Acquire() (fd int, ok bool) {
	l := h.lock()
	defer h.mu.Unlock()
	if l.port == nil || l.state&closing != 0 || l.users == math.MaxUint16 {
		return -1, false
	}
	l.users++
	return int(l.fd), true
}

// Release ends what Acquire began.
func (h *Handle) Release() {
	l := h.lock()
	assert(l.users > 0, "a handle is released more often than acquired")
	l.users--
	l.unlock()
}

// SetUnix notes that the handle is a unix socket, which its descriptor can't tell
// when it is closed. It is called before others know of the handle. What a
// listener accepts is of its own kind.
func (h *Handle) SetUnix() {
	l := h.lock()
	l.state |= ofUnix
	l.mu.Unlock()
}

// Past reports what is known of a handle even when it is closed: whether it is
// connected or has been, and whether it is a unix socket.
func (h *Handle) Past() (wasConnected, isUnix bool) {
	l := h.lock()
	defer l.mu.Unlock()
	return l.state&connected != 0, l.state&ofUnix != 0
}

// Kernel returns the one that the descriptor belongs to. It may be asked for
// between Acquire and Release.
func (h *Handle) Kernel() backend.Kernel { return h.port.kernel }

// Close refuses new operations, ends those in flight and gives the descriptor
// back when the last of them has completed. It does not wait for that. It
// reports false if the handle was closed before.
func (h *Handle) Close() bool {
	if h.port == nil {
		return false
	}
	l := h.lock()
	first := l.state&closing == 0
	l.state |= closing
	l.endAll()
	inside := l.abandon(in)
	inside = l.abandon(out) || inside
	l.unlock()
	if inside {
		h.port.lookAround()
	}
	return first
}

// drain refuses and ends everything but writes on their way.
func (h *Handle) drain() {
	l := h.lock()
	l.state |= draining
	l.endAll()
	l.listInside(in)
	if l.state&connecting != 0 {
		l.listInside(out)
	}
	l.unlock()
}
