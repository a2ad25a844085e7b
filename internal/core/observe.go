package core

import (
	"sync"

	"github.com/completionport/completion/internal/backend"
)

// Step names a point in the life of an operation, or in the leader's work.
type Step uint8

const (
	StepSubmitted Step = iota + 1 // accepted
	StepParked                    // in its queue: nothing could be done yet
	StepReady                     // an edge came for a descriptor
	StepCalled                    // a system call was made for it
	StepCompleted                 // it has its outcome
	StepDequeued                  // it was delivered
	StepAsleep                    // the leader goes to sleep in the poller
	StepAwake                     // the leader is back
)

// Trace is what an observer is told of one step.
type Trace struct {
	Step    Step
	Kind    backend.Kind
	Serial  uint32 // of the submission, 0 for a step of no single operation
	FD      int    // -1 for none
	Time    int64  // when the step was over
	Took    int64  // of a call
	N       int64  // bytes; of StepAwake, events
	Errno   backend.Errno
	Failure *Failure // of StepCompleted
}

// observer tells an Observe function about the steps of operations. Without one a step
// costs a comparison.
type observer struct {
	kernel    backend.Kernel
	observe   func(Trace)
	serials   sync.Map // uint32 of the submission by *Slot
	queued    sync.Map // Trace by *Record, of what is in the queue
	submitted []Trace  // what the Submit under way has done; guarded by the port's lock
}

// tell calls the function, with no lock held.
func (o *observer) tell(t Trace) {
	if t.Time == 0 {
		t.Time = o.kernel.Now()
	}
	o.observe(t)
}

func (o *observer) tellAll(traces []Trace) {
	for _, t := range traces {
		o.tell(t)
	}
}

// tellSleep tells that the leader goes to sleep in the poller, or is back.
func (o *observer) tellSleep(awake bool, events int) {
	step := StepAsleep
	if awake {
		step = StepAwake
	}
	o.tell(Trace{Step: step, FD: -1, N: int64(events)})
}

// trace describes an operation. The caller owns it or holds a lock that keeps it.
func (o *observer) trace(step Step, s *Slot) Trace {
	serial, _ := o.serials.Load(s)
	return Trace{Step: step, Kind: s.kind, Serial: serial.(uint32), FD: int(s.handle.Load().fd)}
}

// noteAccepted notes that an operation was accepted, and that it is Done if it
// is. The port's lock is held.
func (o *observer) noteAccepted(s *Slot, serial uint32) {
	o.serials.Store(s, serial)
	o.submitted = append(o.submitted, o.trace(StepSubmitted, s))
	if s.endsAtOnce() {
		o.submitted = append(o.submitted, o.traceDone(s))
	}
}

// takeAccepted returns what was noted since it was called last. The port's lock is held.
func (o *observer) takeAccepted() []Trace {
	if o == nil {
		return nil
	}
	traces := o.submitted
	o.submitted = nil
	return traces
}

// noteQueued keeps what is to be told when the operation is delivered. The port's lock
// is held.
func (o *observer) noteQueued(s *Slot) { o.queued.Store(s.record(), o.trace(StepDequeued, s)) }

// tellParked tells of an operation that has been begun and must wait, if it
// still does.
func (o *observer) tellParked(handle *Handle, t Ticket) {
	h := handle.lock()
	waits := t.slot.has(t)
	var parked Trace
	if waits {
		parked = o.trace(StepParked, t.slot)
	}
	h.mu.Unlock()
	if waits {
		o.tell(parked)
	}
}

// tellDone tells of outcomes before they are published: after that, others
// may own the operations.
func (o *observer) tellDone(l *list) {
	for s := l.head(); s != nil; s = s.next {
		o.tell(o.traceDone(s))
		if s == l.tail {
			return
		}
	}
}

func (o *observer) traceDone(s *Slot) Trace {
	t := o.trace(StepCompleted, s)
	rec := s.record()
	t.Failure = rec.failure
	if s.kind != backend.Timer {
		t.N = rec.n
	}
	return t
}
