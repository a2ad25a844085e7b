package backend

// Never is a time that never comes.
const Never = int64(1<<63 - 2)

// Poller reports which descriptors have become ready, or whose operations have ended.
type Poller interface {
	// Arm registers fd for both directions, edge-triggered, until Disarm. What is ready
	// already counts as an edge. Every event of fd carries the generation, so that a late
	// one does not reach the next owner of the descriptor's number. Generations are above
	// 0.
	Arm(fd int, generation uint32) Errno
	// Disarm ends what Arm began. It is called before fd is closed.
	Disarm(fd int)
	// SetTimeout sets the time until which a Wait may last, Never for no limit. It
	// holds for each Wait until one has timed out. A Wake that comes after SetTimeout
	// has returned ends a Wait.
	SetTimeout(until int64)
	// Wait fills in events, and waits for the first in the given way.
	// timedOut reports that the time has passed or was cut short by Wake: it
	// must be set again before the next Wait.
	Wait(how Waiting, events []Event) (n int, timedOut bool)
	// Wake ends the Wait in the given way that is under way, or the next one. It may come
	// too late, and it may come during and after Close. It allocates nothing if it
	// succeeds.
	Wake(how Waiting)
	Close() error
}

// Parker is a Poller in which a leader saves work if it serves events without leaving.
// Go's own poller looks for events each time before it lets a goroutine sleep, but not
// when the goroutine goes back to sleep inside the poller.
type Parker interface {
	Poller
	// Park is a Wait with Park that calls serve with the number of events as soon as
	// there are some, unless the time is over. serve returns how many of them are left
	// for the caller, and whether to wait again: then none are left.
	Park(events []Event, serve func(n int) (left int, again bool)) (n int, timedOut bool)
}

// Waiting is a way to wait for events.
type Waiting uint8

const (
	// Look does not wait.
	Look Waiting = iota
	// Park sleeps as a goroutine. It leaves the thread to others, which suits one of
	// many goroutines that await.
	Park
	// Block sleeps in a system call. It wakes up without Go's scheduler, which suits a
	// loop that has the port to itself. A poller that has only one of Park and Block uses
	// that for both.
	Block
)

// Event is one edge, or the end of an operation.
type Event struct {
	FD         int
	Generation uint32
	Ready      Readiness
}

// Readiness is what an event reports about a descriptor.
type Readiness uint8

const (
	Readable Readiness = 1 << iota
	Writable
	// StopsShort: a read may return less than there is, because it stops at urgent data or
	// at the end of a message, and no event comes for the rest. The end of the stream is
	// such a rest: the data before it may share its event. Every event of the descriptor
	// has StopsShort as long as this is so. It does not imply Readable.
	StopsShort
	// EndedIn and EndedOut come only with a Native kernel: the operation that was started
	// in that direction has ended.
	EndedIn
	EndedOut
	// EndedReadAt comes alone, and only with a FileReader: a ReadAt has ended.
	EndedReadAt
)
