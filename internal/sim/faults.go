package sim

// fault is something that goes wrong, or that is unusual enough that a run in
// which it never happened shows little.
type fault uint8

const (
	shortRead fault = iota
	shortWrite
	againRead      // EAGAIN although there is data; its edge comes later
	againWrite     // EAGAIN although there is room
	againAccept    // EAGAIN although somebody waits in the backlog
	againConnected // EINPROGRESS although it is decided
	interruptedRead
	interruptedWrite
	interruptedAccept
	interruptedConnect
	noBuffersWrite // ENOBUFS
	noBuffersAccept
	noDescriptors   // EMFILE
	diedInBacklog   // ECONNABORTED
	armRefused      // epoll_ctl fails, or a change
	connectRefused  // at once or later
	connectPending  // EINPROGRESS
	connectTimedOut // ETIMEDOUT
	noWay           // EHOSTUNREACH at once
	spuriousEvent
	duplicatedEvent
	staleEvent
	lateEdge        // an edge that comes later than what it tells of
	reordered       // events in another order than they came
	truncated       // a wait that gives fewer events than there are
	spuriousWakeUp  // a wait that ends for nothing
	overdueWakeUp   // a wait that ends later than its time-out
	wakeUpInFlight  // somebody else goes on between a wake-up's reason and the wake-up
	servedAsleep    // a leader that serves others without leaving a Parker
	timedOutAndEdge // a wait whose time-out and whose event come together
	halfClosed
	dataAndFin // one edge for data and the end of the stream
	closedByPeer
	reset
	resetUnread // the peer closes with data unread
	wroteToNobody
	reused // a descriptor's number goes to the next at once
	clockJumped
	contextEnded
	observed
	stoppedAtUrgent  // a read ends at urgent data
	stoppedAtTaken   // and where such data was received before the socket was adopted
	stoppedAtMessage // at the end of a message
	urgentAlone      // urgent data comes with nothing before it
	keptBusy         // a look found something, since the world sees to it
	// With kqueue only.
	refusedHalfWay // the second of two changes fails
	changedClosed  // a change fails since its descriptor is closed
	interruptedChange
	interruptedWait
	lingering       // others go on while a wait takes events out
	staleOfReused   // the number of an event is another's before the wait returns
	reopened        // a connection is opened as soon as another was closed
	extraWrite      // a Write event for what concerns reading
	writeFirst      // Write before Read
	endWithDataLeft // EV_EOF with data > 0
	endWithErrno    // EV_EOF with fflags
	endOfOurs       // EV_EOF on Write, after a half close of the port's own
	errorEvent      // EV_ERROR among the events
	echoedFlags
	wokenByUser
	wokenByPipe
	fullPipe // no room for a wake-up's byte, since one is there
	faults
)

// semantics is whose a world's poller has.
type semantics uint8

const (
	onEpoll semantics = iota
	onKqueue
	backends
)

var backendNames = [backends]string{"epoll", "kqueue"}

// on tells whether there is such a fault with a backend.
func (f fault) on(s semantics) bool {
	switch {
	case f == spuriousEvent || f == spuriousWakeUp || f == servedAsleep:
		return s == onEpoll
	case f >= refusedHalfWay:
		return s == onKqueue
	}
	return true
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
	"kept busy",
	"second change refused", "change of a closed descriptor", "EINTR on a change", "EINTR on a wait", "lingering with events",
	"stale event of a reused number", "reopened at once",
	"extra Write event", "Write before Read", "EV_EOF with data left", "EV_EOF with fflags",
	"EV_EOF of our half close", "EV_ERROR among events", "flags echoed", "woken by EVFILT_USER", "woken by a pipe", "pipe full",
}

func (f fault) String() string { return faultNames[f] }

// fires decides whether the fault comes about here.
func (w *world) fires(f fault) bool {
	if !w.schedule.rarely(w.plan.faultRate) {
		return false
	}
	w.fired[f]++
	w.trace("fault: %s", f)
	return true
}
