package scheduler

import (
	"sync"
	"sync/atomic"

	"github.com/completionport/completion/internal/backend"
)

// Work is the work that the waiters of a port do for each other, and what they wait for.
// Its methods are called with the lock held.
type Work interface {
	// Serve works on an event. It releases the lock in between.
	Serve(backend.Event)
	// Turn works on what is ready without an event, and on what is due at the time now,
	// as far as one turn allows. At the time 0 nothing is due. It releases the lock in
	// between.
	Turn(now int64)
	// Ready reports whether anything is ready without an event.
	Ready() bool
	// Armed reports whether the poller can report anything.
	Armed() bool
	// Deadline returns when the next deadline passes, backend.Never if there is none.
	Deadline() int64
	// Items returns how many items are in the queue.
	Items() int
	// InFlight returns how many operations have not ended.
	InFlight() int
	// ContextEnded cancels the operation that a waiter waits for, when the context of the
	// waiter has ended. It may release the lock in between.
	ContextEnded(number int)
}

// Options of a scheduler.
type Options struct {
	Work   Work
	Poller backend.Poller
	Clock  interface{ Now() int64 }
	Spin   int64 // nanoseconds that the leader polls without sleeping before it sleeps
	// ItemWait is how a leader that wants an item sleeps. Look means Park.
	ItemWait backend.Waiting
	// Observe is called before and after the leader sleeps in the poller, with no lock
	// held; afterwards with the number of events. It may be nil.
	Observe func(awake bool, events int)
	Steps   Steps // nil except in a simulator
	// Processors is how many goroutines can run at once. 0 asks the runtime.
	Processors int
}

// Scheduler belongs to one port.
type Scheduler struct {
	work     Work
	poller   backend.Poller
	parker   backend.Parker // the poller, if it is one
	clock    interface{ Now() int64 }
	spin     int64
	itemWait backend.Waiting
	observe  func(awake bool, events int)
	steps    Steps
	serve    func(int) (int, bool) // serveAsleep, bound once

	mu        sync.Mutex // guards all below
	wakeAfter bool       // Unlock wakes the leader

	// Waiters.
	waiters   []*Waiter  // by number
	free      *Waiter    // linked by next
	dequeuers waiterList // asleep until there is an item
	awaiters  waiterList // asleep for anything else
	itemWakes int        // dequeuers woken for an item that have not looked yet
	woken     int        // how many sleeps have been ended, ever
	leader    *Waiter
	coming    *Waiter // the leader, if it became leader in its sleep and has not run since
	standby   *Waiter
	transient Waiter // holds the lead for a caller that does not wait
	pace      pace
	pending   []backend.Event // returned by a poll and not worked on yet

	// Several processors.
	helpers      int   // how many work on an event beside the leader
	processors   int   // how many goroutines can run at once
	fixed        bool  // processors is fixed by Options
	counted      int   // how often countProcessors was called
	body         int64 // about how many nanoseconds a woken waiter works
	steppedAside int64 // when the leader stepped aside; 0 if a waiter has arrived since
	servedInARow int   // events since the leader stepped aside

	// The leader in the poller.
	workers  int             // goroutines in the poller, or at work with the lock released
	parked   bool            // the leader may be asleep: news must wake it
	how      backend.Waiting // how the leader waits
	until    int64           // the deadline until which it waits
	polled   int64           // when the last poll was over, if anything had a deadline then
	timeout  int64           // the time-out that the poller has, see setTimeout
	events   []backend.Event
	newsFlag atomic.Bool // news for a leader that spins
	polls    uint64
	wakes    uint64

	// The end.
	refusing  bool
	closed    bool
	changed   sync.Cond // broadcast by Settled
	changes   uint64    // how often
	callbacks int       // callbacks of contexts that could not be stopped and have not ended
}

// eventsPerPoll limits the work between two looks at deadlines and waiters.
const eventsPerPoll = 128

// Init prepares a scheduler for use.
func (s *Scheduler) Init(o Options) {
	s.work, s.poller, s.clock = o.Work, o.Poller, o.Clock
	s.spin, s.itemWait, s.observe, s.steps = o.Spin, o.ItemWait, o.Observe, o.Steps
	if s.itemWait == backend.Look {
		s.itemWait = backend.Park
	}
	s.events = make([]backend.Event, eventsPerPoll)
	s.timeout = backend.Never
	s.processors, s.fixed = max(o.Processors, 1), o.Processors > 0
	s.transient.scheduler = s
	s.changed.L = &s.mu
	s.parker, _ = o.Poller.(backend.Parker)
	s.serve = s.serveAsleep
}

// WakeLeader makes the leader look again: at what is ready, at deadlines, at what it
// wants. parked is cleared under the lock, so one sleep gets at most one wake-up.
func (s *Scheduler) WakeLeader() {
	if s.leader == nil {
		return
	}
	s.newsFlag.Store(true)
	if s.parked {
		s.parked = false
		s.wakeAfter = true
		s.wakes++
	}
}

// DeadlineSet is called for each new deadline: the leader may be asleep until a later
// time.
func (s *Scheduler) DeadlineSet(when int64) {
	if when < s.until {
		s.WakeLeader()
	}
}

// Stats is a snapshot of a scheduler.
type Stats struct {
	Waiting         int // waiters that sleep, without the leader
	Polls, Wakes    uint64
	Leading, Parked bool
}

// Stats returns the counters.
func (s *Scheduler) Stats() Stats {
	return Stats{
		Waiting: s.dequeuers.count + s.awaiters.count,
		Polls:   s.polls,
		Wakes:   s.wakes,
		Leading: s.leader != nil,
		Parked:  s.parked,
	}
}

// Refuse records that the port accepts no operations any more. From now on, Settled wakes
// the waiters for the end of all operations.
func (s *Scheduler) Refuse() { s.refusing = true }

// Close records that the port is closed: only Drain polls from now on.
func (s *Scheduler) Close() {
	s.closed, s.refusing = true, true
	s.WakeLeader()
}

// Settled is called whenever anything has ended that Close or Shutdown may wait for.
func (s *Scheduler) Settled() {
	if !s.refusing {
		return
	}
	if s.work.InFlight() == 0 {
		s.WakeAll()
	}
	s.notifyChange()
}

func (s *Scheduler) notifyChange() {
	s.changes++
	s.changed.Broadcast()
}

// Busy reports whether a goroutine polls or works, or a callback of a context that could
// not be stopped has not ended.
func (s *Scheduler) Busy() bool { return s.workers > 0 || s.callbacks > 0 }
