package core

import (
	"fmt"
	"sync/atomic"

	"github.com/completionport/completion/internal/assert"
)

// Phase says where an operation stands in its life.
//
//	from      to        when                                            under the lock of
//	Idle      Accepted  Submit takes it                                 the port
//	Idle      Done      Submit takes a post, or a timer that is due     the port
//	Accepted  Queued    it is put in its handle's queue                 the handle
//	Accepted  Done      it ends without reaching the queue              the handle, or the port
//	Queued    Calling   a goroutine begins a call about it              the handle
//	Queued    Done      a cancel, a deadline, a close or a neighbour    the handle
//	                    ends it
//	Calling   Queued    the call has not ended it                       the handle
//	Calling   Inside    a Native kernel has taken it                    the handle
//	Calling   Done      the call has ended it                           the handle
//	Inside    Calling   a goroutine asks for its result, or for its end the handle
//	Done      Idle      it is delivered                                 the port, or none: see Record
//
// The operation in a Calling or Inside phase is the head of its queue, and the goroutine
// in the call owns the direction: nobody else performs its operations.
type Phase uint32

const (
	Idle     Phase = iota // the program's
	Accepted              // the port's, and in no queue yet
	Queued                // in its handle's queue, or a timer that waits
	Calling               // a goroutine is in a call about it
	Inside                // inside a Native kernel, with no call about it under way
	Done                  // it has its outcome, and was not delivered
	phases
)

var phaseNames = [phases]string{"idle", "accepted", "queued", "calling", "inside the kernel", "done"}

// String returns the name of the phase.
func (p Phase) String() string { return phaseNames[p] }

// inFlight reports whether the port has the operation and it has no outcome.
func (p Phase) inFlight() bool { return p-Accepted <= Inside-Accepted }

// inCall reports whether the kernel may be at work on the operation.
func (p Phase) inCall() bool { return p-Calling <= Inside-Calling }

// mayFollow is the table at Phase, for what a slot goes through.
var mayFollow = [phases][phases]bool{
	Idle:     {Accepted: true, Done: true},
	Accepted: {Queued: true, Done: true},
	Queued:   {Calling: true, Done: true},
	Calling:  {Queued: true, Inside: true, Done: true},
	Inside:   {Calling: true},
	Done:     {Idle: true},
}

// seen counts transitions in builds with assertions.
var seen [phases][phases]atomic.Uint64

// checkTransition is called in builds with assertions.
func checkTransition(from, to Phase) {
	assert.That(mayFollow[from][to], "a transition that the table of phases does not have")
	seen[from][to].Add(1)
}

// TransitionsSeen returns a line for each transition of the table, with how often it was
// seen. Only builds with assertions count.
func TransitionsSeen() (lines []string) {
	for from := range mayFollow {
		for to, may := range mayFollow[from] {
			if may {
				lines = append(lines, fmt.Sprintf("%-18s %-18s %d", Phase(from), Phase(to), seen[from][to].Load()))
			}
		}
	}
	return lines
}
