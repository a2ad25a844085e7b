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

// Observer is a function that the port calls for each step of its work, while the
// step happens. Each call runs on its own goroutine, and several calls may run at
// once. The goroutine that makes the step waits for the call, without holding a lock.
// An Observer must not block and must not call the port. Each step with an observer
// costs about 1 µs; without an observer, a step costs one comparison.
//
// If an observer panics or ends its goroutine, as (*testing.T).Fatal does, the port
// writes that to standard error, goes on, and does not call the observer again.
type Observer func(Event)

// Step is a point in the life of an operation, or in the work of the leader, the
// goroutine that polls.
type Step uint8

const (
	// StepSubmitted: the port has accepted the operation.
	StepSubmitted = Step(core.StepSubmitted)
	// StepParked: the operation waits in its queue, since it could not be performed
	// yet.
	StepParked = Step(core.StepParked)
	// StepReady: the system reported readiness of a descriptor.
	StepReady = Step(core.StepReady)
	// StepCalled: a system call was made for the operation. EAGAIN means that the call
	// would have blocked. If several writes have left in one call, each of them has this
	// step, with its own N. That of a ReadUntil does not count what was read behind its
	// delimiter.
	StepCalled = Step(core.StepCalled)
	// StepCompleted: the operation is complete: it has its outcome.
	StepCompleted = Step(core.StepCompleted)
	// StepDequeued: the operation was delivered from the queue. Operations that were
	// started do not have this step.
	StepDequeued = Step(core.StepDequeued)
	// StepAsleep and StepAwake: the leader goes to sleep in the poller, and returns
	// from it with N events.
	StepAsleep = Step(core.StepAsleep)
	StepAwake  = Step(core.StepAwake)
)

var stepNames = [...]string{"", "submitted", "parked", "ready", "called", "completed", "dequeued", "asleep", "awake"}

// String returns the name of the step in one word.
func (s Step) String() string {
	if int(s) < len(stepNames) {
		return stepNames[s]
	}
	return fmt.Sprintf("Step(%d)", uint8(s))
}

// Event is one step. All events of one use of an operation have the same number in
// Operation. Events of different goroutines may arrive out of order: Time orders them.
type Event struct {
	Step      Step
	Operation uint32        // number of the submission, 0 for none
	Kind      string        // "read", "write", …, empty for none
	FD        int           // descriptor, -1 for none
	Time      Deadline      // end of the step
	Took      time.Duration // duration of the system call
	N         int           // number of bytes; for StepAwake, of events
	Err       error         // of the call or of the completion
}

// trace returns the function that the engine calls for an observer of the program. That
// function must return: the goroutine that calls it may lead, own a direction, or hold
// operations that no other goroutine has. So each call of the observer runs on its own
// goroutine, which the observer may end without harm.
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

// report writes why the observer is not called again. r is nil if the observer has
// ended its goroutine.
func (c *observerCall) report(r any) {
	if r == nil {
		fmt.Fprintf(os.Stderr, "completion: the observer ended its goroutine and is not called again\n")
		return
	}
	// The value of the panic is the program's, and so is its String or Error method,
	// which may panic or end the goroutine, too.
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
