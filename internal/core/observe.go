package core

import "github.com/completionport/completion/internal/backend"

// Step names a point in the life of an operation, or in the leader's work.
type Step uint8

const (
	StepSubmitted Step = iota + 1 // accepted
	StepParked                    // in its queue: nothing could be done yet
	StepReady                     // an edge came for a descriptor
	StepCalled                    // a system call was made for it
	StepCompleted                 // it has its outcome
	StepDequeued                  // it was handed out
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

// tell calls the observer, with no lock held. The caller has looked that
// there is one: without, a step costs a comparison.
func (p *Port) tell(t Trace) {
	if t.Time == 0 {
		t.Time = p.kernel.Now()
	}
	p.observe(t)
}

// traceOf describes an operation. The caller owns it or holds a lock that keeps it.
func (p *Port) traceOf(step Step, s *Slot) Trace {
	serial, _ := p.serials.Load(s)
	return Trace{Step: step, Kind: s.kind, Serial: serial.(uint32), FD: int(s.handle.Load().fd)}
}

// traceCommitted notes that an operation was accepted, and that it has ended if
// it has. mu is held.
func (p *Port) traceCommitted(s *Slot) {
	p.serials.Store(s, uint32(p.submitted))
	p.committed = append(p.committed, p.traceOf(StepSubmitted, s))
	if s.endsAtOnce() {
		p.committed = append(p.committed, p.traceFinished(s))
	}
}

// traceQueued keeps what is to be told when the operation is dequeued.
func (p *Port) traceQueued(s *Slot) { p.dequeues.Store(s.record(), p.traceOf(StepDequeued, s)) }

// observedCall is call with a witness. Of a Native kernel only ends are told that
// have brought something: an operation it has taken another may have by now.
func (h *Handle) observedCall(s *Slot, call func(*Handle, *Slot) callResult) callResult {
	p := h.port
	t := p.traceOf(StepCalled, s)
	begin := p.kernel.Now()
	r := call(h, s)
	if r.verdict == begunInKernel || r.verdict == wouldBlock && p.native != nil {
		return r
	}
	t.Time = p.kernel.Now()
	t.Took, t.N = t.Time-begin, int64(r.n)
	if r.verdict == wouldBlock {
		t.Errno = backend.EAGAIN
	} else if r.failure != nil {
		t.Errno = r.failure.Errno
	}
	p.tell(t)
	return r
}

// tellParked reports an operation that has been begun and must wait, if it
// still does.
func (p *Port) tellParked(h *Handle, t Ticket) {
	h.lock()
	// The slot may have been freed and used again: then the use differs.
	waits := t.slot.use.Load() == t.use
	var parked Trace
	if waits {
		parked = p.traceOf(StepParked, t.slot)
	}
	h.mu.Unlock()
	if waits {
		p.tell(parked)
	}
}

// tellFinished reports outcomes before they are published: after that, others
// may own the operations.
func (p *Port) tellFinished(l *list) {
	for s := l.head(); s != nil; s = s.next {
		p.tell(p.traceFinished(s))
		if s == l.tail {
			return
		}
	}
}

func (p *Port) traceFinished(s *Slot) Trace {
	t := p.traceOf(StepCompleted, s)
	rec := s.record()
	t.Failure = rec.failure
	if s.kind != backend.Timer {
		t.N = rec.n
	}
	return t
}
