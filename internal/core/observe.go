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

// Trace describes one step to an observer.
type Trace struct {
	Step    Step
	Kind    backend.Kind
	Serial  uint32 // of the submission, 0 for a step of no single operation
	FD      int    // -1 for none
	Time    int64  // when the step was over
	Took    int64  // nanoseconds that a call took
	N       int64  // bytes; of StepAwake, events
	Errno   backend.Errno
	Failure *Failure // of StepCompleted
}

// observer reports the steps of operations to an Observe function. Without an observer a
// step costs a comparison.
type observer struct {
	kernel    backend.Kernel
	observe   func(Trace)
	serials   sync.Map // uint32 of the submission by *Slot
	queued    sync.Map // Trace by *Record, of operations in the finished queue
	submitted []Trace  // of the Submit under way; guarded by the port's lock
}

// tell reports a step. No lock is held.
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

// tellSleep reports that the leader goes to sleep in the poller, or is back.
func (o *observer) tellSleep(awake bool, events int) {
	step := StepAsleep
	if awake {
		step = StepAwake
	}
	o.tell(Trace{Step: step, FD: -1, N: int64(events)})
}

// trace returns the trace of a step of an operation. The caller owns the operation, or
// holds a lock that keeps it in its slot.
func (o *observer) trace(step Step, s *Slot) Trace {
	serial, _ := o.serials.Load(s)
	return Trace{Step: step, Kind: s.kind, Serial: serial.(uint32), FD: int(s.handle.Load().fd)}
}

// noteAccepted stores a trace of an operation that was accepted, and one more if it is
// Done at once. The port's lock is held.
func (o *observer) noteAccepted(s *Slot, serial uint32) {
	o.serials.Store(s, serial)
	if s.kind == backend.Copy {
		o.serials.Store(copyingOf(s.op).in, serial)
	}
	o.submitted = append(o.submitted, o.trace(StepSubmitted, s))
	if s.endsAtOnce() {
		o.submitted = append(o.submitted, o.traceDone(s))
	}
}

// takeAccepted removes and returns the traces that noteAccepted has stored. The port's
// lock is held.
func (o *observer) takeAccepted() []Trace {
	if o == nil {
		return nil
	}
	traces := o.submitted
	o.submitted = nil
	return traces
}

// noteQueued stores the trace that is reported when the operation is delivered. The
// port's lock is held.
func (o *observer) noteQueued(s *Slot) { o.queued.Store(s.record(), o.trace(StepDequeued, s)) }

// tellParked reports that an operation waits in its queue, if it still does.
func (o *observer) tellParked(handle *Handle, t Ticket) {
	h := handle.lock()
	waits := t.slot.has(t) && t.slot.kind != backend.CopyIn
	var parked Trace
	if waits {
		parked = o.trace(StepParked, t.slot)
	}
	h.mu.Unlock()
	if waits {
		o.tell(parked)
	}
}

// tellDone reports outcomes. It is called before they are published: after that, others
// may own the operations.
func (o *observer) tellDone(l *list) {
	for s := l.head(); s != nil; s = s.next {
		if s.kind != backend.CopyIn {
			o.tell(o.traceDone(s))
		}
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
