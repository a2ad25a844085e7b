package core

// Poller tells which descriptors have become ready. It is all that differs
// between epoll and kqueue. SetTimeout and Wait are called by one goroutine at
// a time, the leader; the others by anyone.
type Poller interface {
	// Arm registers fd for both directions, edge-triggered, for its whole life.
	// What is ready already counts as an edge. Every event of fd carries the
	// generation, so one that is late does not reach the next owner of the
	// descriptor's number.
	Arm(fd int, generation uint32) Errno
	// Disarm ends what Arm began. It is called before fd is closed.
	Disarm(fd int)
	// SetTimeout says until when the next Wait may last, Never for no limit. A
	// Wake that comes after SetTimeout has returned ends that Wait.
	SetTimeout(until int64)
	// Wait fills in events, and waits for the first in the way it is told.
	// timedOut tells that the time-out has passed or was cut short by Wake: it
	// must be set again before the next Wait. If it has waited, or was to, it
	// calls serve with the number of events before it returns: how many of them
	// are left for the caller, and whether it is to wait again in the same way.
	Wait(how Waiting, events []Event, serve func(n int) (left int, again bool)) (n int, timedOut bool)
	// Wake ends the Wait under way in that way, or the next. It may come too
	// late, and it may come during and after Close; it allocates nothing.
	Wake(how Waiting)
	Close() error
}

// Waiting is how a leader waits for events.
type Waiting uint8

const (
	// Look: not at all.
	Look Waiting = iota
	// Park: asleep as a goroutine. It leaves the thread to others, which is right
	// for one of many goroutines that await.
	Park
	// Block: in a system call. It wakes up without Go's scheduler, which is
	// right for a loop that has the port to itself. A poller that can only do
	// one of the two does that.
	Block
)

// Event is one edge.
type Event struct {
	FD         int
	Generation uint32
	Ready      Readiness
}

// Readiness is what an edge says of a descriptor.
type Readiness uint8

const (
	Readable Readiness = 1 << iota
	Writable
	// HungUp: no more data will come after what is there now. It is not taken
	// back, and it comes with Readable or means it.
	HungUp
	// StopsShort: a read may end before the last of what is there, at urgent data
	// or at the end of a message, and no event comes for the rest. Every event of
	// a descriptor says so for as long as it is so. It does not mean Readable.
	StopsShort
	// EndedIn and EndedOut come from a Native alone: what it was given for that
	// direction has ended.
	EndedIn
	EndedOut
)

// Kernel performs the system calls, none of which blocks. It reports errors
// as the kernel does; Classify says what they mean.
type Kernel interface {
	// Now is the port's clock: nanoseconds, monotonic, above 0.
	Now() int64
	Read(fd int, p []byte) (int, Errno)
	Write(fd int, p []byte) (int, Errno)
	Accept(fd int) (int, Errno)
	Connect(fd int, to Address) Errno
	// Connected says how a connect under way ended: 0 if well, a WouldBlock
	// errno if it has not.
	Connected(fd int) Errno
	CloseWrite(fd int) Errno
	Close(fd int) Errno
	// Classify says what an errno of the call that this kind of operation makes
	// means.
	Classify(Kind, Errno) Class
}

// Native is a kernel that performs transfers by itself and tells of their end:
// the kernel of a completion port. Of the calls above, the engine then makes
// Read only for a late read that the kernel has called readable, and never
// Write, Accept, Connect and Connected.
//
// There is at most one operation of a direction inside it that the engine knows
// of, and none is when the descriptor is closed.
type Native interface {
	Kernel
	// Start begins an Accept, a Connect (to an address), a Read or a Write. A
	// read of no bytes ends when there is something to read, be it the end, and
	// takes nothing. If the operation is pending, an event tells of its end,
	// possibly before Start has returned, and Finish tells how it ended. Else it
	// has ended as n and errno say, there is no event, and nothing to finish.
	//
	// n is the number of bytes moved, which an errno does not make zero, or of
	// an accept the new descriptor. The data is the kernel's while the operation
	// is inside it.
	Start(fd int, kind Kind, data []byte, to *Address) (n int, errno Errno, pending bool)
	// Finish returns how a pending operation has ended, once its event has come.
	Finish(fd int, kind Kind) (n int, errno Errno)
	// Abandon asks once for the early end of what is pending, and has not been
	// finished. The engine makes one such call about a direction at a time. The
	// event comes all the same, at any time. One that was ended by it and by nothing
	// else has an errno that Classify calls Again; of a write, the count may be too
	// low then.
	//
	// heard is false if the kernel has found nothing to end: it has ended and its
	// event is still to come, or the kernel is busy with it just now. The engine
	// asks again if no event comes.
	Abandon(fd int, kind Kind) (heard bool)
	// AcceptAhead says that n Accepts of fd are to be expected, the pending one
	// among them, so that as many connections can be taken at once: what comes
	// of the others is for the next Start. It may be said again and for nothing.
	// ended tells that what is pending has ended during the call, if no event is
	// going to. It is called as Abandon is.
	AcceptAhead(fd, n int) (ended bool)
}

// Class is what an errno means to the engine.
type Class uint8

const (
	// Failed ends the operation, and says nothing about the next.
	Failed Class = iota
	// WouldBlock: the direction is exhausted (EAGAIN), or a connect is under way
	// (EINPROGRESS): an edge will come.
	WouldBlock
	// Again: the call did nothing and is made once more (EINTR, a connection
	// that died in the backlog).
	Again
	// Fatal ends the operation and the connection: the handle remembers it.
	Fatal
	// BrokenPipe: the write side is gone (EPIPE); why, an earlier error said.
	BrokenPipe
)
