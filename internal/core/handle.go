package core

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/completionport/completion/internal/backend"
)

// direction is one of a handle's two queues.
type direction int

const (
	in  direction = iota // Accept, Read
	out                  // Connect, Write, CloseWrite
)

// Handle is a descriptor that a port owns, with its two queues. It is never
// used again for another descriptor: a stale *Handle finds it closed. 48
// bytes: every connection has one.
type Handle struct {
	mu    sync.Mutex
	port  *Port
	queue [2]list
	fd    int32
	// generation tells this use of the descriptor's number from the others.
	generation uint32
	users      uint16 // callers between Acquire and Release
	errno      uint16 // the first fatal errno any call gave
	latch      [2]latch
	state      handleState
}

// latch is what is known of one direction.
type latch uint8

const (
	// ready: an edge came, or the last call did not exhaust the direction. The
	// owner clears it before its call, so that an edge during the call is not
	// lost.
	ready latch = 1 << iota
	// owned: one goroutine performs this direction's operations, without the lock.
	owned
	// stopsShort: a short read does not exhaust this direction. The end of the
	// stream may share an edge with the data before it, or the read stopped at
	// urgent data or at the end of a message. It lasts until a call finds nothing.
	stopsShort
	// wantsBuffer: the head stands in its pool's queue.
	wantsBuffer
	// undecided: the connection has ended, and the call under way in the other
	// direction may be learning why. Both look again when that call is over.
	undecided
	// pending: the head is inside a Native kernel, and nobody in a call about it.
	// The direction stays owned until its end has been told.
	pending
	// endedEarly: that came during a call about it.
	endedEarly
	// abandoned: the kernel was asked to end it.
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
	broken                             // a write has ended half-way and was not handed out: see mend
	ofUnix                             // see SetUnix
	listedIn                           // in is on the ready list: see listReady
	listedOut
)

// AddHandle makes fd the port's, whether it succeeds or not: a descriptor that
// can't be armed is closed. Sockets begin as connected, unless they are still
// to be connected. atClose, if not nil, is called just before the descriptor
// is closed, whoever closes it, but not if AddHandle fails; it must not call
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
	p.lock()
	if p.refusing {
		p.mu.Unlock()
		p.discard(fd, discard)
		return nil, closedFailure
	}
	if atClose != nil {
		if p.atClose == nil {
			p.atClose = make(map[*Handle]func())
		}
		p.atClose[h] = atClose
	}
	if p.generation++; p.generation == 0 { // a poller's own events carry 0
		p.generation = 1
	}
	h.generation = p.generation
	p.handles++
	p.table.set(fd, h)
	p.mu.Unlock()
	if errno := p.poller.Arm(fd, h.generation); errno != 0 {
		h.refuse(discard)
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
func (h *Handle) refuse(discard func(int)) {
	h.lock()
	h.state |= closing | closed
	h.mu.Unlock()
	h.port.poller.Disarm(int(h.fd))
	h.port.takeAtClose(h)
	h.port.discard(int(h.fd), discard)
	h.port.forget(h)
}

// discard gives back a descriptor that no handle has got.
func (p *Port) discard(fd int, how func(int)) {
	if how == nil {
		p.kernel.Close(fd)
		return
	}
	how(fd)
}

// Acquire lends the descriptor to a caller outside the engine (an option, an
// address). ok is false once the handle is closing.
func (h *Handle) Acquire() (fd int, ok bool) {
	h.lock()
	defer h.mu.Unlock()
	if h.port == nil || h.state&closing != 0 || h.users == math.MaxUint16 {
		return -1, false
	}
	h.users++
	return int(h.fd), true
}

// SetUnix notes that the handle is a unix socket, which its descriptor can't tell
// when it is closed. It is called before others know of the handle; what a
// listener accepts is of its own kind.
func (h *Handle) SetUnix() {
	h.lock()
	h.state |= ofUnix
	h.mu.Unlock()
}

// Past tells what is known of a handle even when it is closed: whether it is
// connected or has been, and whether it is a unix socket.
func (h *Handle) Past() (wasConnected, isUnix bool) {
	h.lock()
	defer h.mu.Unlock()
	return h.state&connected != 0, h.state&ofUnix != 0
}

// Kernel returns the one that the descriptor belongs to. It may be asked for
// between Acquire and Release.
func (h *Handle) Kernel() backend.Kernel { return h.port.kernel }

// Release ends what Acquire began.
func (h *Handle) Release() {
	h.lock()
	h.users--
	h.leave(&aftermath{})
}

// aftermath is what happened under a handle's lock and is told to the port
// after it.
type aftermath struct {
	finished list // operations that have their outcome
	failed   bool // one of them by an error of the system, which is to be explained
	kick     bool // the ready list has grown
}

// leave unlocks the handle and publishes what has happened meanwhile.
func (h *Handle) leave(after *aftermath) {
	h.unlock(after)
	if after.finished.tail != nil || after.kick {
		h.port.publish(after)
	}
}

// unlock unlocks the handle. Whoever unlocks a closing handle when nothing is
// queued any more gives the descriptor back, and what was finished meanwhile is to
// be published after that: who dequeues the last completion finds the address
// free. What is inside a call is the head of its queue.
func (h *Handle) unlock(after *aftermath) {
	if after.failed {
		h.explain(after)
	}
	last := h.state&(closing|closed) == closing && h.users == 0 && h.queue[in].tail == nil && h.queue[out].tail == nil
	if !last {
		h.mu.Unlock()
		return
	}
	h.state |= closed
	h.mu.Unlock()
	if h.fd >= 0 {
		h.giveBack()
	}
}

// giveBack gives the descriptor back to the system.
func (h *Handle) giveBack() {
	h.port.poller.Disarm(int(h.fd))
	if f := h.port.takeAtClose(h); f != nil {
		f()
	}
	h.port.kernel.Close(int(h.fd))
	h.port.forget(h)
}

// Close refuses new operations, ends those in flight and gives the descriptor
// back when the last of them has completed. It does not wait for that. It
// reports false if the handle was closed before.
func (h *Handle) Close() bool {
	if h.port == nil {
		return false
	}
	var after aftermath
	h.lock()
	first := h.state&closing == 0
	h.state |= closing
	h.endAll(&after)
	inside := h.abandon(in, &after)
	inside = h.abandon(out, &after) || inside
	h.leave(&after)
	if inside {
		h.port.takeEndsIn()
	}
	return first
}

// drain refuses and ends everything but writes on their way.
func (h *Handle) drain() {
	var after aftermath
	h.lock()
	h.state |= draining
	h.endAll(&after)
	h.listPending(in, &after)
	if h.state&connecting != 0 {
		h.listPending(out, &after)
	}
	h.leave(&after)
}

// handlesPerChunk is the number of descriptors one chunk of the table covers:
// 4 KiB with the word that Go adds.
const handlesPerChunk = 511

type handleChunk [handlesPerChunk]atomic.Pointer[Handle]

// table finds handles by descriptor. The kernel hands out small numbers, so
// it needs no allocator of its own. The leader reads it without a lock:
// chunks, once there, stay, and whether an entry is the right one the
// generation tells.
type table struct {
	chunks atomic.Pointer[[]*handleChunk]
}

// get returns the handle of fd, or nil.
func (t *table) get(fd int) *Handle {
	chunks, n := t.chunks.Load(), uint(fd)
	if i := n / handlesPerChunk; chunks != nil && i < uint(len(*chunks)) && (*chunks)[i] != nil {
		return (*chunks)[i][n%handlesPerChunk].Load()
	}
	return nil
}

// set stores the handle of fd. Port.mu is held.
func (t *table) set(fd int, h *Handle) {
	i := fd / handlesPerChunk
	var chunks []*handleChunk
	if old := t.chunks.Load(); old != nil {
		chunks = *old
	}
	if i >= len(chunks) || chunks[i] == nil {
		// A copy: the leader may be reading the old directory.
		grown := make([]*handleChunk, max(i+1, len(chunks)))
		copy(grown, chunks)
		grown[i] = new(handleChunk)
		t.chunks.Store(&grown)
		chunks = grown
	}
	chunks[i][fd%handlesPerChunk].Store(h)
}

// all calls f with every handle. Port.mu is not held: f may take any lock.
func (t *table) all(f func(*Handle)) {
	chunks := t.chunks.Load()
	if chunks == nil {
		return
	}
	for _, c := range *chunks {
		for i := 0; c != nil && i < len(c); i++ {
			if h := c[i].Load(); h != nil {
				f(h)
			}
		}
	}
}

// takeAtClose returns what is to be called before h is closed, if anything.
func (p *Port) takeAtClose(h *Handle) func() {
	p.lock()
	defer p.mu.Unlock()
	f := p.atClose[h]
	delete(p.atClose, h)
	return f
}

// forget takes a closed handle out of the table. The number may have gone to
// a new handle already, as the descriptor was closed first.
func (p *Port) forget(h *Handle) {
	p.lock()
	if p.table.get(int(h.fd)) == h {
		p.table.set(int(h.fd), nil)
	}
	p.handles--
	p.settled()
	p.unlock()
	p.connectFailures.Delete(h)
}
