package core

import (
	"context"
	"math"
	"sync"

	"github.com/completionport/completion/internal/backend"
)

// direction is one of a handle's two queues.
type direction int

const (
	in  direction = iota // Accept, Read, Borrow, Receive, CopyIn, ReadAt, PollIn
	out                  // Connect, Write, CloseWrite, Send, Copy, PollOut; what else concerns files
)

// directionOf returns the direction whose queue holds operations of kind k.
func directionOf(k backend.Kind) direction {
	const inward = 1<<backend.Accept | 1<<backend.Read | 1<<backend.Borrow | 1<<backend.ReadAt | 1<<backend.Receive |
		1<<backend.CopyIn | 1<<backend.PollIn
	if 1<<k&inward != 0 {
		return in
	}
	return out
}

// Handle is a descriptor that a port owns, with its two queues. It is never reused for
// another descriptor: a stale *Handle is a closed one. It takes 48 bytes, since every
// connection has one.
//
// The lock guards all fields except port, fd and generation. The outcome of every
// operation in the queues is decided under it. Methods that need it held are methods of
// locked.
type Handle struct {
	mu    sync.Mutex
	port  *Port
	queue [2]list
	fd    int32
	// generation distinguishes this use of the descriptor's number from others.
	generation uint32
	users      uint16 // callers between Acquire and Release
	errno      uint16 // the first fatal errno that a call reported
	latch      [2]latch
	state      handleState
}

// latch holds what is known about one direction.
type latch uint8

const (
	// ready: an edge arrived, or the last call did not exhaust the direction. It is
	// cleared before a call, so that an edge during the call is not lost.
	ready latch = 1 << iota
	// stopsShort: a short read does not exhaust this direction. The end of the
	// stream may share an edge with the data before it, or the read stopped at
	// urgent data or at the end of a message. It lasts until a call finds nothing.
	stopsShort
	// wantsBuffer: the handle is in the queue of the pool that its head needs.
	wantsBuffer
	// undecided: the connection has ended, and the call under way in the other
	// direction may return why. This direction looks again when that call is over.
	undecided
	// endedEarly: the event of an operation inside a Native kernel arrived during a
	// call for it.
	endedEarly
	// abandoned: the kernel was asked to end the operation inside it.
	abandoned
)

type handleState uint16

const (
	closing    handleState = 1 << iota // refuses operations
	closed                             // its descriptor is gone, or about to be
	draining                           // refuses all operations except writes
	connecting                         // a first connect is under way: reads wait for it
	connected                          // is or was; a later connect that fails does not clear it
	failed                             // its connect failed: it can only be closed
	finSent                            // our own half close was sent: EPIPE is expected
	broken                             // a write ended after some of its bytes: see mend
	ofUnix                             // see SetUnix
	listedIn                           // the direction in is on the ready list
	listedOut
	shaking     // a handshake is under way or has failed: see beginShaking
	layered     // it has a layer, see Layer
	ofWorkPool  // its operations are those of the work pool: see workPool
	ofDatagrams // see SetDatagrams
)

// States that other handles have for other things.
const (
	ending      = finSent     // of a file: a CloseFile is in flight or has ended
	inAppend    = layered     // of a file: an Append is Calling
	tries       = connected   // of a file: its reads are Triers
	sending     = ofUnix      // of a file: SendFiles of it are in flight
	startsReads = ofDatagrams // of a file: a FileReader may perform its ReadAts
)

// Layer stands between the queues of a handle and the system, as TLS does: operations move
// plain bytes, and the layer exchanges others with the system. The engine calls it where
// it makes the system calls otherwise, with no lock held: one call for each direction at a
// time, and Close after all others. No call blocks.
//
// Errors are ErrBlocked, ErrShut, an errno, io.EOF for the end of the stream that the peer
// has declared, io.ErrUnexpectedEOF for any other end, or errors of the layer itself.
type Layer interface {
	// Read moves plain bytes into p. An err beside n above 0 is nil, and beside 0 it may be:
	// then Read is called again, when others have had their turn. drained reports that
	// the layer has no more, and that an edge comes when the system has. With stopsShort,
	// no edge comes after a short read of the system, only after ErrBlocked.
	Read(p []byte, stopsShort bool) (n int, drained bool, err error)

	// Write and CloseWrite are for kernels of readiness.
	//
	// Write returns of how many bytes everything is with the system. owes reports that the
	// layer has taken more of p, of which it will send the rest later. The next call of
	// this operation has again set, and begins with these bytes.
	Write(p []byte, again bool) (n int, owes bool, err error)
	// CloseWrite sends the end of the stream. From its first call on, which does not wait
	// for room, Write returns ErrShut. It is called again after ErrBlocked.
	CloseWrite() error

	// Begin and Ended are for Native kernels. Begin returns what the system is to send for
	// a Write of p, or for a CloseWrite if p is nil. It may be nothing: with again, a call
	// of Read may have sent the rest, and n is of how many bytes of p everything is with
	// the system then. data must not change before Ended is called with the number of bytes that were sent, or that it is
	// unknown. Ended returns of how many bytes of p everything is with the system, and
	// owes as Write does.
	Begin(p []byte, again bool) (data []byte, n int, err error)
	Ended(sent int, unknown bool) (n int, owes bool)

	// Close sends the end of the stream if it can do so without waiting.
	Close()
}

// locked is a handle whose lock is held. It collects the outcome of the work under the
// lock, and unlock publishes it. If a method releases the lock in between, its comment
// says so.
type locked struct {
	*Handle
	outcome
}

// outcome holds what happened under a handle's lock, until it is published.
type outcome struct {
	ended  list // operations that are Done
	failed bool // one of them failed with an errno, and may have no error value yet, or has left a pipe
	listed bool // the ready list has grown
	counts counts
}

// counts are for Stats. They are added up when an outcome is published.
type counts struct {
	calls       uint32 // calls of the kernel for an operation
	wouldBlocks uint32 // those of them that found nothing to do
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

// Acquire lends the descriptor to a caller outside the engine, for an option or an
// address, until Release. ok is false once the handle is closing.
func (h *Handle) Acquire() (fd int, ok bool) {
	l := h.lock()
	defer h.mu.Unlock()
	if l.port == nil || l.state&closing != 0 || l.users == math.MaxUint16 {
		return -1, false
	}
	l.users++
	return int(l.fd), true
}

// SetUnix records that the handle is a unix socket, which a closed descriptor can't show.
// It is called before other goroutines know the handle. Connections that a listener
// accepts are of the same kind.
func (h *Handle) SetUnix() {
	l := h.lock()
	l.state |= ofUnix
	l.mu.Unlock()
}

// Past reports whether the handle is or was connected, and whether it is a unix socket.
// It may be called for a closed handle.
func (h *Handle) Past() (wasConnected, isUnix bool) {
	l := h.lock()
	defer l.mu.Unlock()
	return l.state&connected != 0, l.state&ofUnix != 0
}

// Closing reports whether the handle is closing or closed.
func (h *Handle) Closing() bool {
	l := h.lock()
	defer l.mu.Unlock()
	return l.state&closing != 0
}

// Kernel returns the kernel that the descriptor belongs to. It may be called between
// Acquire and Release.
func (h *Handle) Kernel() backend.Kernel { return h.port.kernel }

// mend is called when the write that broke h is delivered. The operations that are still
// queued were submitted before that, and are aborted all the same: mend marks the last
// of them. No lock is held.
//
// A Submit that runs at the same time comes before or after mend as a whole, since all
// of its operations are queued under one hold of the lock.
func (h *Handle) mend() {
	l := h.lock()
	if last := l.queue[out].tail; last != nil {
		last.progress |= lastAborted
	} else {
		l.state &^= broken
	}
	l.mu.Unlock()
}

// handles describes the handles of a port, except the table that finds them.
type handles struct {
	count      int
	generation uint32 // of the newest handle
	atClose    map[*Handle]func()
}

// newGeneration returns the generation of the next handle. A poller's own events carry 0.
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

// worker is the port's own handle of operations that a goroutine of their own performs:
// they wait for something that is not a descriptor, such as the lookup of a name. Such an
// operation is Queued until its goroutine runs, and Calling while Request.Run does. An
// intent ends the context of Run, and is the outcome unless Run has a result all the same.
type worker struct {
	handle Handle
	// The lock of handle guards the rest, which has the operations that are Calling.
	cancel map[*Slot]context.CancelFunc
	shakes map[*Handle]*Slot // the handshakes
}

// isWork reports whether operations of this kind have a goroutine of their own.
func isWork(k backend.Kind) bool { return k == backend.Handshake || isLonely(k) }

// isLonely reports whether operations of this kind have a goroutine of their own, and no handle.
func isLonely(k backend.Kind) bool {
	return k == backend.Dial || k == backend.Signal || k == backend.Process
}

// workPool performs operations that block a thread: those of files, which no poller
// reports, and functions of the program. It has a limited number of goroutines, which it
// starts when there is work. A goroutine without work ends, so an idle port has none.
//
// An operation waits, Queued, in the queue of its handle: of its file, or of fileless. So
// the number that waits is unlimited and takes no memory. The pool has the directions with
// operations that can begin in a queue of its own, and each has one operation begun in its
// turn. While an operation is Calling it is in no queue, since many operations of one
// direction are Calling at a time: Handle.users counts them, and keeps the file open. The
// goroutine that takes an operation out of the queue of its handle owns the outcome: it
// performs it, or it ends it by an intent.
type workPool struct {
	port  *Port
	limit int
	loop  func() // work, bound once: a go statement with it allocates nothing

	fileless Handle // of operations without a file
	// cancel has those that are Calling and have a context. The lock of fileless guards it.
	cancel map[*Slot]context.CancelFunc

	mu      sync.Mutex // taken after that of a handle
	turns   fifo[readyDirection]
	workers int // goroutines
	// starting: one of them has not looked at turns yet. It starts the next one if there is
	// work for it, so a burst of short operations starts few.
	starting bool
}

// SetDatagrams records that the handle is a datagram socket. It is called before other
// goroutines know the handle.
func (h *Handle) SetDatagrams() {
	l := h.lock()
	l.state |= ofDatagrams
	l.mu.Unlock()
}

// IsDatagrams reports whether the handle is a datagram socket.
func (h *Handle) IsDatagrams() bool {
	l := h.lock()
	defer l.mu.Unlock()
	return l.state&ofDatagrams != 0
}

// SetConnected records that a datagram socket has a peer.
func (h *Handle) SetConnected() {
	l := h.lock()
	l.state |= connected
	l.mu.Unlock()
}
