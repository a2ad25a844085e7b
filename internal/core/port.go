package core

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/scheduler"
)

// Options of a port.
type Options struct {
	Poller      backend.Poller
	Kernel      backend.Kernel  // a backend.Direct or a backend.Native
	SpinWait    int64           // nanoseconds that the leader polls before it sleeps
	LoopWait    backend.Waiting // how a leader that wants any finished operation sleeps
	MaxInFlight int             // 0 for no limit
	// CheckBuffers makes a pool give each owner of a buffer a new header.
	CheckBuffers bool
	Owner        any         // what Request.Run is given
	Observe      func(Trace) // must return, whatever the program's observer does
	// Explain makes the error of a failure that the system has caused: see Failure.Err.
	// It is called once for each failure, with no lock held. fd is open, or negative if
	// the descriptor is closed.
	Explain func(f *Failure, fd int) error
	// Blame makes the error of an operation that the context of its Wait has ended.
	Blame       func(ctx context.Context) error
	ArmCall     string          // the system call that Poller.Arm makes
	Steps       scheduler.Steps // nil except in a simulator
	EndsPerTurn int             // 0 for endsPerTurn; a simulator has shorter queues
	Processors  int             // how many goroutines can run at once, 0 to ask the runtime
	Workers     int             // how many goroutines the work pool has at most
}

// Port is the engine of one completion port: what is fixed when it is opened, what has
// a lock of its own or needs none, and the state that the port's lock guards.
type Port struct {
	settings
	table           backend.Table[Handle] // handles by descriptor
	timer           Handle                // of timers and posts; it has no descriptor
	worker          worker                // of operations with a goroutine of their own
	workPool        workPool              // of operations that block a thread
	pipes           pipes                 // of Copies
	copyOrder       sync.Mutex            // taken before those of handles: see beginTogether
	connectFailures sync.Map              // *Failure by *Handle, of sockets whose connect failed
	layers          sync.Map              // Layer by *Handle, of handles that are layered
	stale           atomic.Uint64         // events that came too late for their handle
	readAts         atomic.Int64          // inside a FileReader
	closing         atomic.Bool           // Close has begun to close the handles: see mayBePeer
	guarded         state
}

// settings are fixed when a port is opened.
type settings struct {
	poller       backend.Poller
	kernel       backend.Kernel
	direct       backend.Direct      // the kernel, if it is one of readiness, else nil
	native       backend.Native      // the kernel, if it takes whole operations, else nil
	splicer      backend.Splicer     // the kernel, if it is one, else nil
	reportsOnce  backend.ReportsOnce // the kernel, if it is one, else nil
	selector     backend.Selector    // the kernel, if it is one, else nil
	fileReader   backend.FileReader  // the kernel, if it is one, else nil
	mortal       backend.Mortal      // the kernel, if it is one, else nil
	probes       bool                // the kernel is a backend.Prober
	maxInFlight  int
	checkBuffers bool
	owner        any
	explain      func(*Failure, int) error
	blame        func(context.Context) error
	armCall      string
	endsPerTurn  int
	observer     *observer       // nil for none
	steps        scheduler.Steps // nil for none
}

// state is the part of a port that its lock guards. A method of state is called with
// the lock held. If it releases the lock in between, its comment says so.
type state struct {
	port      *Port
	scheduler scheduler.Scheduler
	slots     slots
	timers    timers
	finished  fifo[finished]       // what Next delivers
	ready     fifo[readyDirection] // the ready list: the leader runs it; no edge comes for these
	handles   handles
	unheard   unheard
	awaited   []Ticket         // the operation that a waiter waits for, by the waiter's number
	request   Request          // filled by Describe; a local variable would allocate
	files     map[*Handle]bool // open files
	left      []usedFile       // for leaveFiles: of SendFiles that are published
	partners  fifo[Ticket]     // halves whose other half has ended, one for each entry of ready without a handle
	halves    int              // halves in of Copies, which count as no operation
	refusing  bool             // accepts no operations any more
	closed    bool
	unlisted  bool // an operation was submitted whose handle is in no table

	submitted, completed          uint64
	beneath                       int // of those in flight: those that belong to handshakes and Dials
	calls, wouldBlocks, poolWaits uint64
}

// NewPort makes a port that performs operations with the given backend.
func NewPort(o Options) *Port {
	p := &Port{settings: o.settings()}
	for _, h := range []*Handle{&p.timer, &p.worker.handle, &p.workPool.fileless} {
		h.port, h.fd = p, -1
	}
	p.workPool.port, p.workPool.limit = p, max(o.Workers, 1)
	p.workPool.fileless.state = ofWorkPool
	st := &p.guarded
	st.port = p
	schedule := scheduler.Options{
		Work:     st,
		Poller:   o.Poller,
		Clock:    o.Kernel,
		Spin:     o.SpinWait,
		ItemWait: o.LoopWait,
		Steps:    o.Steps, Processors: o.Processors,
	}
	if o.Observe != nil {
		p.observer = &observer{kernel: o.Kernel, observe: o.Observe}
		schedule.Observe = p.observer.tellSleep
	}
	st.scheduler.Init(schedule)
	return p
}

// settings returns what is fixed from now on.
func (o *Options) settings() settings {
	s := settings{
		poller:       o.Poller,
		kernel:       o.Kernel,
		maxInFlight:  o.MaxInFlight,
		checkBuffers: o.CheckBuffers,
		owner:        o.Owner,
		explain:      o.Explain,
		blame:        o.Blame,
		armCall:      o.ArmCall,
		endsPerTurn:  cmp.Or(o.EndsPerTurn, endsPerTurn),
		steps:        o.Steps,
	}
	_, s.probes = o.Kernel.(backend.Prober)
	s.direct, _ = o.Kernel.(backend.Direct)
	s.splicer, _ = o.Kernel.(backend.Splicer)
	s.reportsOnce, _ = o.Kernel.(backend.ReportsOnce)
	s.selector, _ = o.Kernel.(backend.Selector)
	s.fileReader, _ = o.Kernel.(backend.FileReader)
	s.mortal, _ = o.Kernel.(backend.Mortal)
	if s.native, _ = o.Kernel.(backend.Native); s.native == nil && s.direct == nil {
		panic("completion: a kernel that performs no operations")
	}
	return s
}

// lock locks the port.
func (p *Port) lock() *state {
	p.guarded.scheduler.Lock()
	return &p.guarded
}

// unlock unlocks the port, and wakes the leader if there is news for it.
func (st *state) unlock() { st.scheduler.Unlock() }

// unlockQuietly unlocks the port and wakes nobody: either there is no news for the
// leader, or the lock of a handle is held, and an unlock follows its release.
func (st *state) unlockQuietly() { st.scheduler.UnlockQuietly() }

// start starts a goroutine, which a simulator makes one of its actors.
func (p *Port) start(f func()) {
	if s, ok := p.steps.(interface{ Go(func()) }); ok {
		s.Go(f)
		return
	}
	go f()
}

// lockMutex locks a mutex of a handle or a pool.
func (p *Port) lockMutex(mu *sync.Mutex) {
	if p.steps != nil {
		p.steps.Lock(mu)
		return
	}
	mu.Lock()
}

// step lets other goroutines run, in a simulator.
func (p *Port) step() {
	if p.steps != nil {
		p.steps.Step()
	}
}

// turn is step where a goroutine begins to work on an event.
func (p *Port) turn() {
	if p.steps != nil {
		p.steps.Turn()
	}
}

// lookAround polls without waiting and works on the events, unless another goroutine
// leads. An operation that a Native kernel was asked to abandon has mostly ended by then.
func (p *Port) lookAround() {
	if p.native == nil {
		return
	}
	st := p.lock()
	st.scheduler.LookAround()
	st.unlock()
}

// Stats is a snapshot of a port's counters.
type Stats struct {
	Submitted, Completed      uint64
	InFlight, Queued          int
	Handles, Waiting          int
	Polls, Wakes, StaleEvents uint64
	Leading, Parked           bool

	Calls, WouldBlocks, PoolWaits uint64 // see counts
}

// Stats returns the counters as they are at one moment.
func (p *Port) Stats() Stats {
	st := p.lock()
	defer st.unlockQuietly()
	s := st.scheduler.Stats()
	return Stats{
		Submitted:   st.submitted,
		Completed:   st.completed,
		InFlight:    st.slots.occupied - st.halves, // not from the counters: the two must agree
		Queued:      st.finished.count,
		Handles:     st.handles.count + len(st.files),
		Waiting:     s.Waiting,
		Polls:       s.Polls,
		Wakes:       s.Wakes,
		StaleEvents: p.stale.Load(),
		Leading:     s.Leading,
		Parked:      s.Parked,
		Calls:       st.calls,
		WouldBlocks: st.wouldBlocks,
		PoolWaits:   st.poolWaits,
	}
}

// readyDirection is a direction of a handle that may go on, and for which no event will
// come. The leader runs those on the ready list, some in each turn.
type readyDirection struct {
	handle    *Handle
	direction direction
	isListed  bool // in the handle's state too, see locked.list
}

// list puts a direction on the ready list. The lock of its handle may be held or not.
// list takes the port's lock, but wakes nobody: publish does, after the lock of the
// handle is released.
func (p *Port) list(r readyDirection) {
	st := p.lock()
	st.ready.push(r)
	st.unlockQuietly()
}

// publish makes an outcome known, and wakes the leader if directions are on the ready
// list. No lock is held.
func (p *Port) publish(o *outcome) {
	if p.observer != nil {
		p.observer.tellDone(&o.ended)
	}
	st := p.lock()
	st.publish(o)
	st.leaveFiles()
	st.unlock()
}

// leaveFiles lets the CloseFiles go on that have waited for SendFiles which are published. The
// lock is released in between.
func (st *state) leaveFiles() {
	for last := len(st.left) - 1; last >= 0; last = len(st.left) - 1 {
		f := st.left[last]
		st.left[last] = nil
		st.left = st.left[:last]
		st.unlock()
		f.leave()
		st.port.lock()
	}
}

// publish is Port.publish with the lock held. The observer has its traces already.
func (st *state) publish(o *outcome) {
	st.calls += uint64(o.counts.calls)
	st.wouldBlocks += uint64(o.counts.wouldBlocks)
	st.poolWaits += uint64(o.counts.poolWaits)
	for s := o.ended.pop(); s != nil; s = o.ended.pop() {
		if s.flags&vectored != 0 {
			if v := s.vector(); v.File != nil && v.joined {
				st.left = append(st.left, v.File)
			}
		}
		st.finish(s)
	}
	if st.ready.count > 0 {
		st.scheduler.WakeLeader()
	}
	st.scheduler.ItemsChanged()
	st.scheduler.Settled()
}

// finish passes an operation that is Done to the queue of finished operations, or to the
// goroutine that waits for it.
func (st *state) finish(s *Slot) {
	const special = 1<<backend.Timer | 1<<backend.Copy | 1<<backend.CopyIn
	if 1<<s.kind&special != 0 {
		if s = st.finishSpecial(s); s == nil {
			return
		}
	}
	st.completed++
	if s.flags&beneath != 0 {
		st.beneath--
	}
	rec := s.record()
	if s.flags&started == 0 {
		if st.port.observer != nil {
			st.port.observer.noteQueued(s)
		}
		// The mark is stored before the slot is free. Otherwise a goroutine that finds
		// the slot through the record could take its next operation for this one.
		rec.slot.Store(&inQueue)
		st.finished.push(finished{s.op, rec})
		st.slots.put(s)
		return
	}
	number := s.waiter
	// From this store on, a Wait may deliver the operation without a lock, so it must
	// not be touched any more. This mark, too, is stored before the slot is free.
	rec.slot.Store(&unwaited)
	st.slots.put(s)
	if number != 0 {
		st.scheduler.End(number - 1)
	}
}

// finishSpecial prepares a timer or a half of a Copy for finish. It returns the operation that
// is finished, nil for the first half of a Copy.
func (st *state) finishSpecial(s *Slot) *Slot {
	if s.kind == backend.Timer {
		s.record().n = 0 // it held the due time
		return s
	}
	return st.join(s)
}

// join is called when a half has ended. It returns the half out if both have, and nil if the
// other one is still in flight: then the leader looks at that one.
func (st *state) join(s *Slot) *Slot {
	c := copyingOf(s.op)
	if c.left--; s.kind == backend.CopyIn {
		c.why = c.half.failure
		c.turn.Or(inEnded)
	}
	if c.left > 0 && c.turn.Load()&takesNoMore != 0 {
		return nil
	}
	if c.left > 0 {
		other := c.out
		if s == c.out {
			other = c.in
		}
		st.partners.push(other.ticket())
		st.ready.push(readyDirection{})
		return nil
	}
	c.half.slot.Store(nil)
	st.slots.put(c.in)
	st.halves--
	s = c.out
	c.out, c.in = nil, nil
	return s
}

// finished is an operation in the queue.
type finished struct {
	op     Operation
	record *Record
}

// next removes and returns the first finished operation, nil if there is none. It adds
// the work that follows to then.
func (st *state) next(then *delivery) Operation {
	if st.finished.count == 0 {
		return nil
	}
	e := st.finished.pop()
	op, rec := e.op, e.record
	st.scheduler.ItemTaken()
	if b := rec.buffer; b != nil {
		rec.buffer = nil
		if b.giveBack() {
			then.add(op, b)
		}
	}
	if f := rec.failure; f != nil && f.breaks {
		then.broken = append(then.broken, f.Handle)
	}
	rec.slot.Store(nil)
	return op
}

// delivery is the work that follows from delivering operations. It is done without the
// lock, and before the program gets the operations.
type delivery struct {
	orphans *Buffer   // shared buffers without references, to be recycled
	broken  []*Handle // handles to mend: the write that broke them is delivered
}

// add adds a buffer that has lost its last reference: a shared one, or a bundle, which
// stands for the buffers of op.
func (then *delivery) add(op Operation, b *Buffer) {
	if b.bundle {
		b = datagramsOf(op).giveBack()
	}
	for b != nil {
		next := b.next
		b.next, then.orphans = then.orphans, b
		b = next
	}
}

func (then *delivery) done() {
	for then.orphans != nil {
		b := then.orphans
		then.orphans, b.next = b.next, nil
		b.recycle()
	}
	for _, h := range then.broken {
		h.mend()
	}
}

// unheard holds the directions in which a Native kernel found nothing to abandon.
type unheard struct {
	directions []readyDirection
	slot       Slot // their entry in the heap of timers
}

// endsPerTurn is how many operations are ended under one hold of a lock.
const endsPerTurn = 128

// schedule makes sure that s is looked at when it is due.
func (st *state) schedule(s *Slot) { st.scheduler.DeadlineSet(st.timers.set(s)) }
