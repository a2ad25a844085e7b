package completion

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/completionport/completion/internal/core"
)

// Observer is told what the port does, step by step, as it happens. It is
// called by whatever goroutine makes the step, several at once, never under a
// lock. It must not block and must not call the port. Its steps cost time:
// without an observer, each is one comparison.
//
// If an observer panics, the port goes on, the panic is written to standard
// error, and the observer is not called again.
type Observer func(Event)

// Step is a point in the life of an operation, or in the work of the goroutine
// that leads.
type Step uint8

const (
	// StepSubmitted: the port has accepted the operation.
	StepSubmitted = Step(core.StepSubmitted)
	// StepParked: it waits in its queue, as nothing could be done yet.
	StepParked = Step(core.StepParked)
	// StepReady: the system reported readiness of a descriptor.
	StepReady = Step(core.StepReady)
	// StepCalled: a system call was made for it. EAGAIN means that it would have
	// blocked.
	StepCalled = Step(core.StepCalled)
	// StepCompleted: it has its outcome.
	StepCompleted = Step(core.StepCompleted)
	// StepDequeued: it was handed out from the queue. Operations that were
	// started don't have this step.
	StepDequeued = Step(core.StepDequeued)
	// StepAsleep and StepAwake: the leader goes to sleep, and is back with N
	// events.
	StepAsleep = Step(core.StepAsleep)
	StepAwake  = Step(core.StepAwake)
)

var stepNames = [...]string{"", "submitted", "parked", "ready", "called", "completed", "dequeued", "asleep", "awake"}

// String is the step in one word.
func (s Step) String() string {
	if int(s) < len(stepNames) {
		return stepNames[s]
	}
	return fmt.Sprintf("Step(%d)", uint8(s))
}

// Event is one step. Events of one operation carry its number; those of
// different goroutines may arrive out of order, and Time says which was first.
type Event struct {
	Step      Step
	Operation uint32        // number of the submission, 0 for none
	Kind      string        // "read", "write", …, empty for none
	FD        int           // descriptor, -1 for none
	Time      Deadline      // when the step was over
	Took      time.Duration // of a system call
	N         int           // bytes; of StepAwake, events
	Err       error         // of a call or a completion
}

// trace makes the engine's observer of the program's.
func (o Observer) trace() func(core.Trace) {
	if o == nil {
		return nil
	}
	var failed atomic.Bool
	return func(t core.Trace) {
		if failed.Load() {
			return
		}
		defer func() {
			if r := recover(); r != nil {
				failed.Store(true)
				fmt.Fprintf(os.Stderr, "completion: the observer panicked and is not called again: %v\n%s", r, debug.Stack())
			}
		}()
		o(eventOf(t))
	}
}

func eventOf(t core.Trace) Event {
	e := Event{
		Step:      Step(t.Step),
		Operation: t.Serial,
		FD:        t.FD,
		Time:      Deadline(t.Time),
		Took:      time.Duration(t.Took),
		N:         int(t.N),
	}
	if t.Kind != 0 {
		e.Kind = t.Kind.String()
	}
	switch {
	case t.Errno != 0:
		e.Err = t.Errno
	case t.Failure != nil:
		e.Err = errorOf(t.Failure)
	}
	return e
}
