package sim

import (
	"bytes"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// world is one schedule.
type world struct {
	stable   *stable
	plan     *plan
	schedule choices
	strategy strategy
	port     *core.Port
	kernel   *kernel
	totals   *totals

	// Actors.
	actors  []*actor
	living  []*actor
	current *actor // nil while the world itself acts
	next    *actor
	steps   int
	over    bool
	failure error
	hash    uint64
	watch   func(*world) // called at each step, if not nil

	// The surroundings.
	stage       stage
	peers       []*peer
	visitors    int // peers that will still connect
	pending     []*socket
	contexts    []*simContext
	targets     [len(targets)]target
	ticks       int   // how often the clock may still move by itself
	sleepUntil  int64 // the time-out of a blocked leader
	parkedUntil bool  // a leader is parked: the poller has its time-out
	fired       [faults]int

	// What the actors have.
	connections []*connection
	listeners   []*connection
	mailboxes   []*connection // datagram sockets
	files       []*connection
	watched     []*connection // descriptors of another owner
	pipes       []*pipe       // all that there ever were
	allWritten  bool          // Shutdown has returned that it cut nothing short
	performing  int           // goroutines of the work pool that are in a call
	operations  []*operation
	idleOps     []*operation // delivered
	uses        []*use
	flying      int // accepted and not delivered
	tickets     []*use
	pools       []*core.Pool
	shares      []*share
	held        int // buffers of pools that actors hold
	batches     int
	numbers     int // of uses
	armRefusals int
	closeTried  bool
	shutTried   bool
	impatient   []*simContext // those of calls of Shutdown
	closed      bool          // Close or Shutdown has returned true

	timely

	// Counted by the observer.
	submitted, completed, dequeued int
	asleep                         bool

	tracing bool
	lines   []string
}

// stage is the progress of a schedule.
type stage uint8

const (
	chaos    stage = iota // everything at once
	draining              // the peers read everything and end their streams
	closing               // the port is closed
)

// newWorld makes everything that exists when the actors start.
func newWorld(st *stable, t *totals, p *plan, schedule choices, how strategy, trace bool) *world {
	w := &world{stable: st, totals: t, plan: p, schedule: schedule, strategy: how, tracing: trace}
	w.kernel = &kernel{w: w, now: 1000, capacity: p.capacity, limit: p.descriptors, until: backend.Never}
	w.sleepUntil = backend.Never
	w.targets = targets
	w.ticks = 8
	w.visitors = p.visitors
	w.hash = 0xcbf29ce484222325
	if how == priorities && !schedule.replay {
		st.ranks.reset(&w.schedule)
	}
	options := core.Options{
		Poller: w.newPoller(), Kernel: w.newKernel(), SpinWait: p.spin, MaxInFlight: p.maxInFlight, Steps: w,
		Explain: w.explain, ArmCall: armCall,
		EndsPerTurn: 2, Workers: p.workers, Processors: 1 + (p.activity+p.visitors)%3, // not a choice: that would change the stored schedules
	}
	if p.block {
		options.LoopWait = backend.Block
	}
	if p.observe {
		options.Observe = w.observe
		w.fired[observed]++
	}
	w.port = core.NewPort(options)
	for _, pool := range p.pools {
		w.pools = append(w.pools, w.port.NewPool(pool.size, pool.limit))
	}
	for range p.contexts {
		w.contexts = append(w.contexts, newContext(w))
	}
	for range p.listeners {
		s := w.kernel.newSocket()
		s.listening = true
		w.adopt(s, true)
	}
	for i := range p.streams {
		s := w.withPeer()
		if i == 0 && p.taken {
			w.kernel.receiveUrgent(s)
		}
		if n := p.dataOf(i); n > 0 {
			w.kernel.deliver(s.other, s.other.nextBytes(n))
		}
		w.adopt(s, true)
	}
	for range p.unconnected {
		s := w.kernel.newSocket()
		s.late = true
		w.adopt(s, false)
	}
	return w
}

// addOthers makes the datagram sockets and the files of the plan.
func (w *world) addOthers() {
	for range w.plan.mailboxes {
		w.addMailbox()
	}
	for range w.plan.files {
		w.addFile()
	}
	for range w.plan.watched {
		w.watchOne()
	}
	for i, c := range w.connections {
		if w.plan.layered>>i&1 != 0 && !c.socket.late {
			w.installLayer(c)
		}
	}
}

func (w *world) newPoller() backend.Poller {
	if w.plan.backend == onKqueue {
		return newKqueuePoller(w.kernel, w.plan.habits)
	}
	return poller{w.kernel}
}

// withPeer makes a connected socket and its peer.
func (w *world) withPeer() *socket {
	s, remote := w.kernel.newSocket(), w.kernel.newSocket()
	pair(s, remote)
	w.givePeer(remote)
	return s
}

// adopt gives the socket a descriptor, and the port the descriptor.
func (w *world) adopt(s *socket, isConnected bool) *connection {
	c := &connection{socket: s}
	s.conn = c
	fd := w.kernel.describe(s)
	refusals := w.armRefusals
	h, failure := w.port.AddHandle(fd, isConnected, func() { c.atClose++ })
	if failure != nil {
		if s.open {
			w.fail("AddHandle fails with %+v and does not close the descriptor", failure)
		}
		if w.armRefusals == refusals && !w.closeTried && !w.shutTried {
			w.fail("AddHandle fails with %+v", failure)
		}
		if c.atClose > 0 {
			w.fail("AddHandle fails and calls atClose")
		}
		return nil
	}
	c.handle = h
	w.know(c)
	return c
}

// know makes a connection known to the actors.
func (w *world) know(c *connection) {
	c.socket.conn = c
	if c.socket.mail != nil {
		w.mailboxes = append(w.mailboxes, c)
	} else if c.socket.listening {
		w.listeners = append(w.listeners, c)
	} else {
		w.connections = append(w.connections, c)
	}
}

// explore runs the actors of the plan and checks everything.
func (w *world) explore() {
	w.addOthers()
	for _, script := range w.plan.actors {
		w.start(actorNames[len(w.actors)], func(a *actor) { w.act(a, script) })
	}
	w.run()
	if w.failure == nil {
		w.checkFinal()
	}
}

// idle is called when no actor can go on and no event is to come. An actor that sleeps
// now must have a reason. idle makes the next thing happen, or returns false: then the
// schedule is over.
func (w *world) idle() bool {
	w.checkAsleep()
	if w.failure != nil {
		return false
	}
	if until := w.nextTime(); until != backend.Never {
		w.advance(until)
		return true
	}
	switch {
	case w.stage == chaos:
		w.stage = draining
		w.trace("-- everything is drained")
		w.start("drainer", func(a *actor) { w.act(a, []instruction{{verb: loop}}) })
	case w.stage == draining:
		w.stage = closing
		w.trace("-- the port is closed")
		c := newContext(w)
		w.contexts = append(w.contexts[:0:0], c)
		w.start("closer", func(a *actor) { w.act(a, []instruction{w.plan.closing}) })
	case len(w.living) == 0:
		return false
	case w.contexts[0].err == nil: // a Shutdown waits for a peer that does not read
		w.contexts[0].end()
	default:
		for _, a := range w.living {
			w.fail("%s never returns", w.whereIs(a))
		}
	}
	return true
}

// nextTime returns the time when a sleeping leader wakes by itself.
func (w *world) nextTime() int64 {
	if w.parkedUntil {
		return w.kernel.until
	}
	return w.sleepUntil
}

// advance moves the clock.
func (w *world) advance(to int64) {
	was := w.kernel.now
	w.kernel.now = max(to, was)
	w.trace("the clock goes from %d to %d", was, w.kernel.now)
	if w.kernel.now-was > 1 {
		w.fired[clockJumped]++
	}
	for _, u := range w.uses {
		if !u.handedOut && u.sure && u.deadline > was && u.deadline <= w.kernel.now {
			w.visit(u, visitExpiry)
		}
	}
}

// caller returns the operation that makes a call. There must be exactly one in its
// direction.
func (w *world) caller(s *socket, kind backend.Kind) *use {
	var found *use
	for _, u := range s.uses {
		if u.submitted().handedOut || sideOf(u.kind) != sideOf(kind) || u.phase() != core.Calling {
			continue
		}
		if found != nil {
			w.fail("%v and %v are both inside a call", found, u)
		}
		found = u
	}
	if found == nil || found.kind != kind && !found.callsBy(kind) {
		w.fail("a %v on socket %d, where no such operation is calling", kind, s.number)
		return nil
	}
	found.lastAt = w.steps
	return found
}

const poison = 0xEE

var poisoned = bytes.Repeat([]byte{poison}, 256)
