package sim

// fault is a failure, or an event so unusual that a run in which it never happened shows
// little.
type fault uint8

const (
	shortRead fault = iota
	shortWrite
	againRead      // EAGAIN although there is data; its edge comes later
	againWrite     // EAGAIN although there is room
	againAccept    // EAGAIN although a connection is in the backlog
	againConnected // EINPROGRESS although the connect is decided
	interruptedRead
	interruptedWrite
	interruptedAccept
	interruptedConnect
	noBuffersWrite // ENOBUFS
	noBuffersAccept
	noDescriptors   // EMFILE
	diedInBacklog   // ECONNABORTED
	armRefused      // epoll_ctl or a change fails
	connectRefused  // at once or later
	connectPending  // EINPROGRESS
	connectTimedOut // ETIMEDOUT
	noWay           // EHOSTUNREACH at once
	spuriousEvent
	duplicatedEvent
	staleEvent
	lateEdge        // an edge that comes later than what it reports
	reordered       // events in another order than they came
	truncated       // a wait that returns fewer events than there are
	spuriousWakeUp  // a wait that ends without a reason
	overdueWakeUp   // a wait that ends later than its time-out
	wakeUpInFlight  // others run between the reason for a wake-up and the wake-up
	servedAsleep    // a leader that serves others without leaving a Parker
	timedOutAndEdge // a wait whose time-out and event come together
	halfClosed
	dataAndFin // one edge for data and the end of the stream
	closedByPeer
	reset
	resetUnread // the peer closes with data unread
	wroteToNobody
	reused // a descriptor's number has a new owner at once
	clockJumped
	contextEnded
	observed
	stoppedAtUrgent  // a read ends at urgent data
	stoppedAtTaken   // a read ends where such data was received before the adoption
	stoppedAtMessage // a read ends at the end of a message
	urgentAlone      // urgent data comes with nothing before it
	keptBusy         // a look found something, since the world keeps the leader busy
	gathered         // several writes leave together
	gatheredShort    // and there is room for the first of them, but not for all
	shortBatch       // a call receives fewer datagrams than there are
	shortSend        // a call sends fewer datagrams than there is room for
	errorBehind      // an error is reported beside datagrams that were received
	refusedEarlier   // an error of a datagram that was sent before
	functionPanics   // a function of the work pool panics
	hearsItsContext  // a function of the work pool ends with the error of its context
	triedInVain      // a read of a file needs a goroutine after all
	spliced          // a copy moves bytes through a pipe
	notSpliced       // splice does not work for a socket after all
	noPipe           // EMFILE for a pipe
	copyLost         // a copy ends with bytes that did not reach its target
	sameSocket       // a copy from a socket to itself
	probedInVain     // a poll finds a socket that is not ready
	owesBytes        // a layer takes bytes of a write that it has not sent
	delimiterCut     // a delimiter comes in two parts
	readBehind       // bytes are read together with the delimiter ahead of them
	foundKept        // a read up to a delimiter begins with that
	fullWithout      // its memory is full without one
	keptDropped      // it keeps bytes, and goes on with another socket
	keptSkipped      // the program uses some of the bytes that it keeps
	notSendable      // sendfile does not work for a file after all
	sourceFails      // an error of a file, with or without bytes
	sentToTheEnd     // a file ends before the count, or without one
	// With kqueue only.
	refusedHalfWay // the second of two changes fails
	changedClosed  // a change fails because its descriptor is closed
	interruptedChange
	interruptedWait
	lingering       // others run while a wait takes events out
	staleOfReused   // an event's number has another owner before the wait returns
	reopened        // a connection is opened as soon as another is closed
	extraWrite      // a Write event for something that concerns reading
	writeFirst      // Write before Read
	endWithDataLeft // EV_EOF with data > 0
	endWithErrno    // EV_EOF with fflags
	endOfOurs       // EV_EOF on Write, after a half close by the port
	errorEvent      // EV_ERROR among the events
	echoedFlags
	wokenByUser
	wokenByPipe
	fullPipe // no room for the byte of a wake-up: the pipe has one
	// With a ring only.
	endedInStart       // an operation ends in the call that starts it, without an event
	endedBeforeReturn  // the event of an operation comes before that call returns
	endedTogether      // one event for both directions
	abandonedTooLate   // an operation that is to be abandoned has ended
	endedInAbandon     // the event of an operation comes before that call returns
	abandonNotHeard    // the ring is busy with it just now
	endedAllTheSame    // an abandoned operation has a result
	sentInPieces       // a write has sent a part, and goes on inside
	countTooLow        // an abandoned write has moved bytes that its result does not count
	acceptedAhead      // a Start returns a connection that was accepted before
	endedByAcceptAhead // an accept ends in the call of AcceptAhead
	noGroup            // the ring has no group for a pool
	emptyGroup         // a group has no buffer
	selected           // a read has selected its buffer
	selectedForNothing // a read has taken a buffer, and there are no bytes
	faults
)

// semantics is the kind of a world's poller.
type semantics uint8

const (
	onEpoll semantics = iota
	onKqueue
	onRing   // a Native kernel, with the waits of epoll's poller
	backends // schedules are on one of the first two, or all on the ring
)

var backendNames = [backends]string{"epoll", "kqueue", "ring"}

// on reports whether a backend has such a fault.
func (f fault) on(s semantics) bool {
	switch {
	case s == onRing:
		return f.onRing()
	case f == spuriousEvent || f == spuriousWakeUp || f == servedAsleep:
		return s == onEpoll
	case f >= refusedHalfWay:
		return s == onKqueue && f < endedInStart
	}
	return true
}

// onRing reports whether a ring has such a fault. Its worlds have no files, and none
// is busy.
func (f fault) onRing() bool {
	switch f {
	case spuriousEvent, duplicatedEvent, lateEdge, interruptedConnect, keptBusy, triedInVain:
		return false
	}
	return f < functionPanics || f == copyLost || f == sameSocket || f == owesBytes || f >= endedInStart
}

var faultNames = [faults]string{
	"short read", "short write", "EAGAIN though readable", "EAGAIN though writable", "EAGAIN though in the backlog",
	"EINPROGRESS though decided", "EINTR on read", "EINTR on write", "EINTR on accept", "EINTR on connect",
	"ENOBUFS on write", "ENOBUFS on accept", "EMFILE", "ECONNABORTED in the backlog", "arming refused",
	"connect refused", "connect pending", "connect timed out", "no way to the host", "spurious event",
	"duplicated event", "stale event", "late edge", "events reordered", "events truncated", "spurious wake-up",
	"overdue wake-up", "wake-up in flight", "served asleep", "time-out and edge together", "half close", "data and FIN in one edge",
	"closed by peer", "reset", "reset by unread data", "write to nobody", "descriptor reused", "clock jumped",
	"context ended", "observed",
	"read ends at urgent data", "read ends where urgent data was", "read ends with a message", "urgent data alone",
	"kept busy", "writes gathered", "gathered writes cut short",
	"short batch", "short send", "error behind datagrams", "error of an earlier datagram", "function panics",
	"function hears its context", "tried in vain",
	"bytes spliced", "splice not supported", "no pipe", "bytes of a copy lost", "copy to its own source", "poll in vain",
	"bytes owed by a layer",
	"delimiter in two parts", "bytes behind a delimiter", "delimiter among kept bytes", "full without delimiter",
	"kept bytes dropped", "kept bytes skipped",
	"sendfile not supported", "error of a file that is sent", "end of a file that is sent",
	"second change refused", "change of a closed descriptor", "EINTR on a change", "EINTR on a wait", "lingering with events",
	"stale event of a reused number", "reopened at once",
	"extra Write event", "Write before Read", "EV_EOF with data left", "EV_EOF with fflags",
	"EV_EOF of our half close", "EV_ERROR among events", "flags echoed", "woken by EVFILT_USER", "woken by a pipe", "pipe full",
	"ended in Start", "ended before Start returns", "both directions ended in one event", "abandoned too late", "ended before Abandon returns", "abandon not heard",
	"abandoned and ended all the same", "write in pieces", "count of a write too low", "accepted ahead", "ended in AcceptAhead", "no group of buffers",
	"empty group", "buffer selected", "buffer selected for nothing",
}

func (f fault) String() string { return faultNames[f] }

// fires reports whether the fault happens here.
func (w *world) fires(f fault) bool {
	if !w.schedule.rarely(w.plan.faultRate) {
		return false
	}
	w.fired[f]++
	w.trace("fault: %s", f)
	return true
}
