package completion

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/completionport/completion/internal/core"
)

// Observer is told what the port does, step by step, as it happens. Each call is
// made on a goroutine of its own, several at once, while the goroutine that makes
// the step waits for it without a lock. It must not block and must not call the
// port. Its steps cost time, about a microsecond each: without an observer, each
// is one comparison.
//
// If an observer panics or ends its goroutine, as (*testing.T).Fatal does, the
// port goes on, that is written to standard error, and the observer is not called
// again.
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

// trace makes the engine's observer of the program's. The engine's must return:
// whoever calls it has the lead, or owns a direction, or has operations in hand
// that nobody else knows of. So the program's is called where ending its goroutine
// ends nothing else.
func (o Observer) trace() func(core.Trace) {
	if o == nil {
		return nil
	}
	w := &watch{observer: o}
	w.calls.New = func() any {
		c := &observerCall{watch: w, done: make(chan struct{}, 1)}
		c.run = c.make
		return c
	}
	return w.tell
}

// watch is an observer and what it is called with.
type watch struct {
	observer Observer
	failed   atomic.Bool // it is not called again
	calls    sync.Pool   // of *observerCall, of this port: channels belong to a bubble
}

// observerCall is one call of an observer.
type observerCall struct {
	watch *watch
	event Event
	run   func() // make, bound once
	done  chan struct{}
}

func (w *watch) tell(t core.Trace) {
	if w.failed.Load() {
		return
	}
	c := w.calls.Get().(*observerCall)
	c.event = eventOf(t)
	go c.run()
	<-c.done
	w.calls.Put(c)
}

func (c *observerCall) make() {
	// Deferred by itself: the report may end the goroutine, too.
	defer func() { c.done <- struct{}{} }()
	returned := false
	defer func() {
		if !returned {
			c.watch.failed.Store(true)
			c.report(recover())
		}
	}()
	c.watch.observer(c.event)
	returned = true
}

// report says why the observer is not called again. r is nil if it has ended its
// goroutine.
func (c *observerCall) report(r any) {
	if r == nil {
		fmt.Fprintf(os.Stderr, "completion: the observer ended its goroutine and is not called again\n")
		return
	}
	// What it has panicked with is the program's, and so is the method that makes a
	// text of it.
	text, stack := fmt.Sprintf("a %T whose text ended the goroutine", r), debug.Stack()
	defer func() {
		fmt.Fprintf(os.Stderr, "completion: the observer panicked and is not called again: %s\n%s", text, stack)
	}()
	text = fmt.Sprint(r)
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
