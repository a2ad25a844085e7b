package core

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"

	"github.com/completionport/completion/internal/backend"
)

// Options of a port.
type Options struct {
	Poller      backend.Poller
	Kernel      backend.Kernel
	SpinWait    int64           // nanoseconds the leader looks before it sleeps
	LoopWait    backend.Waiting // how a leader sleeps that wants any finished operation
	MaxInFlight int             // 0 for no limit
	// CheckBuffers makes each lending of a pool's buffer have a header of its own.
	CheckBuffers bool
	Observe      func(Trace) // must return, whatever it calls
	// Explain makes the error of a failure that the system has caused, see
	// Failure.Err. It is called once for each, with no lock held. fd is open, or
	// negative if it is not any more.
	Explain func(f *Failure, fd int) error
	// Blame makes the error of an operation that the context of its Wait has ended.
	Blame       func(ctx context.Context) error
	ArmCall     string // the system call that Poller.Arm makes
	Steps       Steps  // nil but in a simulator
	EndsPerTurn int    // 0 for endsPerTurn; a simulator has shorter queues
}

// Port is the engine of one completion port.
type Port struct {
	poller      backend.Poller
	kernel      backend.Kernel
	direct      backend.Direct // the kernel, if it is one of readiness, else nil
	native      backend.Native // the kernel, if it takes whole operations, else nil
	spin        int64
	loopWait    backend.Waiting
	maxInFlight int
	fresh       bool // pools lend a fresh header each time
	explain     func(*Failure, int) error
	blames      func(context.Context) error
	armCall     string
	endsPerTurn int
	observe     func(Trace)           // nil for none
	serials     sync.Map              // for it: uint32 of the submission by *Slot
	committed   []Trace               // for it: what the Submit under way has done
	dequeues    sync.Map              // for it: Trace by *Record, of what is in the queue
	steps       Steps                 // nil for none
	serve       func(int) (int, bool) // serveAsleep, bound once

	table table         // handles by descriptor
	home  Handle        // stands for the handle of timers and posts
	stale atomic.Uint64 // events that came too late for their handle

	connectFailures sync.Map // *Failure by *Handle, of sockets whose connect failed

	mu sync.Mutex // guards all below

	// Slots.
	freeSlots *Slot
	chunks    [][]Slot
	occupied  int
	request   Request // filled by Describe; here, as a local would allocate

	// Handles.
	generation uint32
	handles    int
	atClose    map[*Handle]func()
	ready      fifo[readyDirection] // to be run by the leader: no edge will come for them

	// What a Native kernel was asked to abandon and did not find.
	unheard []readyDirection
	asking  Slot // its place among the deadlines

	// Deadlines.
	timers  timerHeap
	overdue []expiry // the leader's

	// Finished operations, and how they are counted.
	done      fifo[finished]
	pace      pace // of a loop that takes them
	submitted uint64
	completed uint64

	// Waiters and the lead.
	waiters      []*waiter
	freeWaiters  *waiter
	dequeuers    waiterList // parked, want a finished operation
	awaiters     waiterList // parked, want one operation, or the port drained
	hinted       int        // dequeuers woken for an item and not yet here
	leader       *waiter
	passer       waiter          // leads for a dequeuer that does not sleep
	standby      *waiter         // stepped aside: runs soon, and takes the lead if nobody has it
	roused       uint            // waiters woken so far
	seen         []backend.Event // from the last poll, not yet worked on
	polling      bool            // the leader is in the poller or works on an event
	parked       bool            // the leader may be asleep: who has news for it wakes it
	how          backend.Waiting // and this is how
	until        int64           // until when
	polled       int64           // when the last poll was over, if anything had a deadline then
	timeout      int64           // what the poller was last told; see setTimeout
	wakeAfter    bool            // unlock wakes the leader
	events       []backend.Event
	attention    atomic.Bool // news for a leader that spins
	polls, wakes uint64

	// Closing.
	refusing  bool
	closed    bool
	settling  sync.Cond // broadcast when something that Close waits for has ended
	settlings uint64    // how often
	callbacks int       // context callbacks that have begun and not ended
}

type readyDirection struct {
	handle    *Handle
	direction direction
	noted     bool // in the handle's state
}

// eventsPerPoll bounds the work between two looks at timers and waiters.
const eventsPerPoll = 128

// NewPort makes a port that performs operations with the given backend.
func NewPort(o Options) *Port {
	p := &Port{
		poller:      o.Poller,
		kernel:      o.Kernel,
		spin:        o.SpinWait,
		loopWait:    o.LoopWait,
		maxInFlight: o.MaxInFlight,
		endsPerTurn: cmp.Or(o.EndsPerTurn, endsPerTurn),
		observe:     o.Observe,
		fresh:       o.CheckBuffers,
		explain:     o.Explain,
		blames:      o.Blame,
		armCall:     o.ArmCall,
		steps:       o.Steps,
		events:      make([]backend.Event, eventsPerPoll),
		timeout:     backend.Never,
	}
	if p.loopWait == backend.Look {
		p.loopWait = backend.Park
	}
	p.home.port, p.home.fd = p, -1
	p.passer.port = p
	var isNative bool
	if p.native, isNative = o.Kernel.(backend.Native); !isNative {
		p.direct = o.Kernel.(backend.Direct)
	}
	p.settling.L = &p.mu
	p.serve = p.serveAsleep
	return p
}

// unlock releases mu and then wakes the leader if what was done under it is
// news to it: no system call is made under a lock.
func (p *Port) unlock() {
	wake, how := p.wakeAfter, p.how
	p.wakeAfter = false
	p.mu.Unlock()
	if wake {
		p.poller.Wake(how)
	}
}

// wakeLeader makes unlock wake the leader. Clearing parked under the lock
// leaves one wake for one sleep. mu is held.
func (p *Port) wakeLeader() {
	if p.leader == nil {
		return
	}
	p.attention.Store(true)
	if p.parked {
		p.parked = false
		p.wakeAfter = true
		p.wakes++
	}
}

// listReady puts a direction on the list of those to be run by the leader, unless it is
// there: else each edge that comes meanwhile would add one turn, and what has the
// longest list of operations would leave the others the fewest. h.mu is held.
func (h *Handle) listReady(d direction, after *aftermath) {
	if h.state&(listedIn<<d) != 0 {
		return
	}
	h.state |= listedIn << d
	h.port.list(readyDirection{h, d, true}, after)
}

// list puts a direction on the list whose handle may be locked or not. It takes the
// port's lock, but wakes nobody: that is for publish, which follows when the handle's
// lock is released.
func (p *Port) list(r readyDirection, after *aftermath) {
	p.lock()
	p.ready.push(r)
	p.mu.Unlock()
	after.kick = true
}

// Stats is a snapshot of a port's counters.
type Stats struct {
	Submitted, Completed      uint64
	InFlight, Queued, Slots   int
	Handles, Waiting          int
	Polls, Wakes, StaleEvents uint64
	Leading, Parked           bool
}

// Stats returns the counters as they are at one moment.
func (p *Port) Stats() Stats {
	p.lock()
	defer p.mu.Unlock()
	return Stats{
		Submitted:   p.submitted,
		Completed:   p.completed,
		InFlight:    p.occupied, // not from the counters: they must agree
		Queued:      p.done.count,
		Slots:       p.occupied + p.done.count,
		Handles:     p.handles,
		Waiting:     p.dequeuers.count + p.awaiters.count,
		Polls:       p.polls,
		Wakes:       p.wakes,
		StaleEvents: p.stale.Load(),
		Leading:     p.leader != nil,
		Parked:      p.parked,
	}
}

// inFlight is how many operations were accepted and have no outcome yet. mu
// is held.
func (p *Port) inFlight() int { return int(p.submitted - p.completed) }
