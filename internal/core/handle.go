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
	const inward = 1<<backend.Accept | 1<<backend.Read | 1<<backend.Borrow
	if 1<<k&inward != 0 {
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
	counts counts
}

// counts are for Stats. They are added up when an outcome is published.
type counts struct {
	calls       uint32 // to the kernel about an operation
	wouldBlocks uint32 // of these have found nothing to do
	poolWaits   uint32 // pooled reads that had data and found their pool empty
}

func (o *outcome) isEmpty() bool {
	return o.ended.tail == nil && !o.listed && o.counts == counts{}
}

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

// mend is called when the write that has broken h is delivered. What is still
// queued was submitted before that, and is aborted all the same: the last of it
// is marked. No lock is held.
//
// A Submit that runs at the same time comes before or after it as a whole, as
// all of its operations are queued under one hold of the lock.
func (h *Handle) mend() {
	l := h.lock()
	if last := l.queue[out].tail; last != nil {
		last.progress |= lastAborted
	} else {
		l.state &^= broken
	}
	l.mu.Unlock()
}

// handles are those of a port, but for the table that finds them.
type handles struct {
	count      int
	generation uint32 // of the last one
	atClose    map[*Handle]func()
}

// newGeneration tells the next handle from all others. A poller's own events carry 0.
func (t *handles) newGeneration() uint32 {
	if t.generation++; t.generation == 0 {
		t.generation = 1
	}
	return t.generation
}

func (t *handles) setAtClose(h *Handle, f func()) {
	if f == nil {
		delete(t.atClose, h)
		return
	}
	if t.atClose == nil {
		t.atClose = make(map[*Handle]func())
	}
	t.atClose[h] = f
}
