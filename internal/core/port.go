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
	SpinWait    int64           // nanoseconds the leader looks before it sleeps
	LoopWait    backend.Waiting // how a leader sleeps that wants any finished operation
	MaxInFlight int             // 0 for no limit
	// CheckBuffers makes each use of a pool's buffer have a header of its own.
	CheckBuffers bool
	Observe      func(Trace) // must return, whatever it calls
	// Explain makes the error of a failure that the system has caused, see
	// Failure.Err. It is called once for each, with no lock held. fd is open, or
	// negative if it is not any more.
	Explain func(f *Failure, fd int) error
	// Blame makes the error of an operation that the context of its Wait has ended.
	Blame       func(ctx context.Context) error
	ArmCall     string          // the system call that Poller.Arm makes
	Steps       scheduler.Steps // nil but in a simulator
	EndsPerTurn int             // 0 for endsPerTurn; a simulator has shorter queues
	Processors  int             // how many goroutines can run at once, 0 to ask the runtime
}

// Port is the engine of one completion port: what is fixed when it is opened, what has
// a lock of its own or needs none, and the state that the port's lock guards.
type Port struct {
	settings
	table           backend.Table[Handle] // handles by descriptor
	timer           Handle                // stands for the handle of timers and posts
	connectFailures sync.Map              // *Failure by *Handle, of sockets whose connect failed
	stale           atomic.Uint64         // events that came too late for their handle
	guarded         state
}

// settings are fixed when a port is opened.
type settings struct {
	poller       backend.Poller
	kernel       backend.Kernel
	direct       backend.Direct // the kernel, if it is one of readiness, else nil
	native       backend.Native // the kernel, if it takes whole operations, else nil
	maxInFlight  int
	checkBuffers bool
	explain      func(*Failure, int) error
	blame        func(context.Context) error
	armCall      string
	endsPerTurn  int
	observer     *observer       // nil for none
	steps        scheduler.Steps // nil for none
}

// state is the part of a port that its lock guards. A method of state is called with
// the lock held; its comment says so where it releases the lock in between.
type state struct {
	port      *Port
	scheduler scheduler.Scheduler
	slots     slots
	timers    timers
	finished  fifo[finished]       // what Next delivers
	ready     fifo[readyDirection] // to be run by the leader: no edge will come for them
	handles   handles
	unheard   unheard
	awaited   []Ticket // what a waiter waits for, by its number
	request   Request  // filled by Describe; here, as a local would allocate
	refusing  bool     // accepts nothing any more
	closed    bool
	borrowed  bool // a Borrow was submitted

	submitted, completed          uint64
	calls, wouldBlocks, poolWaits uint64
}

// NewPort makes a port that performs operations with the given backend.
func NewPort(o Options) *Port {
	p := &Port{settings: settings{
		poller:       o.Poller,
		kernel:       o.Kernel,
		maxInFlight:  o.MaxInFlight,
		checkBuffers: o.CheckBuffers,
		explain:      o.Explain,
		blame:        o.Blame,
		armCall:      o.ArmCall,
		endsPerTurn:  cmp.Or(o.EndsPerTurn, endsPerTurn),
		steps:        o.Steps,
	}}
	p.direct, _ = o.Kernel.(backend.Direct)
	if p.native, _ = o.Kernel.(backend.Native); p.native == nil && p.direct == nil {
		panic("completion: a kernel that performs no operations")
	}
	p.timer.port, p.timer.fd = p, -1
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

// lock locks the port.
func (p *Port) lock() *state {
	p.guarded.scheduler.Lock()
	return &p.guarded
}

// unlock unlocks the port, and wakes the leader if there is news for it.
func (st *state) unlock() { st.scheduler.Unlock() }

// unlockQuietly unlocks the port and wakes nobody: what was done is no news, or the lock
// of a handle is held and an unlock follows when that is released.
func (st *state) unlockQuietly() { st.scheduler.UnlockQuietly() }

// lockMutex locks a mutex of a handle or a pool.
func (p *Port) lockMutex(mu *sync.Mutex) {
	if p.steps != nil {
		p.steps.Lock(mu)
		return
	}
	mu.Lock()
}

// step lets others go on, in a simulator.
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

// lookAround works on what can be seen now if nobody else does: what was
// abandoned has mostly ended when the call returns.
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
		InFlight:    st.slots.occupied, // not from the counters: they must agree
		Queued:      st.finished.count,
		Handles:     st.handles.count,
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
// come. Those that the port lists are run by the leader, some at a turn.
type readyDirection struct {
	handle    *Handle
	direction direction
	isListed  bool // in the handle's state too, see locked.list
}

// list lists a direction. The lock of its handle may be held or not. list takes the
// port's lock, but wakes nobody: that is for publish, which follows when the lock of
// the handle is released.
func (p *Port) list(r readyDirection) {
	st := p.lock()
	st.ready.push(r)
	st.unlockQuietly()
}

// publish makes outcomes known, and tells the leader of a longer ready list. No lock is
// held.
func (p *Port) publish(o *outcome) {
	if p.observer != nil {
		p.observer.tellDone(&o.ended)
	}
	st := p.lock()
	st.publish(o)
	st.unlock()
}

// publish is Port.publish with the lock held. An observer has been told.
func (st *state) publish(o *outcome) {
	st.calls += uint64(o.counts.calls)
	st.wouldBlocks += uint64(o.counts.wouldBlocks)
	st.poolWaits += uint64(o.counts.poolWaits)
	for s := o.ended.pop(); s != nil; s = o.ended.pop() {
		st.finish(s)
	}
	if st.ready.count > 0 {
		st.scheduler.WakeLeader()
	}
	st.scheduler.ItemsChanged()
	st.scheduler.Settled()
}

// finish passes an operation that is Done to the queue, or to whoever
// waits for it.
func (st *state) finish(s *Slot) {
	st.completed++
	rec := s.record()
	if s.kind == backend.Timer {
		rec.n = 0 // it held the due time
	}
	if s.flags&started == 0 {
		if st.port.observer != nil {
			st.port.observer.noteQueued(s)
		}
		// Before the slot is free for others: whoever still finds it through the
		// record would take their operation for this one.
		rec.slot.Store(&inQueue)
		st.finished.push(finished{s.op, rec})
		st.slots.put(s)
		return
	}
	number := s.waiter
	// From here on the operation may be delivered by a Wait that needs no
	// lock: it is not touched any more. This too comes before the slot is free.
	rec.slot.Store(&unwaited)
	st.slots.put(s)
	if number != 0 {
		st.scheduler.End(number - 1)
	}
}

// finished is an operation in the queue.
type finished struct {
	op     Operation
	record *Record
}

// next takes the first finished operation, if there is one, and notes what
// follows from that.
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
			b.next, then.orphans = then.orphans, b
		}
	}
	if f := rec.failure; f != nil && f.breaks {
		then.broken = append(then.broken, f.Handle)
	}
	rec.slot.Store(nil)
	return op
}

// delivery is what follows from delivering operations, and is done without the
// lock and before the program has them.
type delivery struct {
	orphans *Buffer   // shared buffers that nobody refers to any more
	broken  []*Handle // by a write that is delivered
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

// unheard is what a Native kernel was asked to abandon and did not find.
type unheard struct {
	directions []readyDirection
	slot       Slot // stands for them among the deadlines
}

// endsPerTurn is how many operations are ended under one hold of a lock.
const endsPerTurn = 128

// schedule makes sure that s is looked at when it is due.
func (st *state) schedule(s *Slot) { st.scheduler.DeadlineSet(st.timers.set(s)) }
