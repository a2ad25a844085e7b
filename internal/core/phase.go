package core

import (
	"fmt"
	"sync/atomic"

	"github.com/completionport/completion/internal/assert"
)

// Phase says where an operation stands in its life.
//
//	from      to        when                                            under the lock of
//	Idle      Accepted  Submit accepts it                               the port
//	Idle      Done      Submit accepts a post, or a timer that is due   the port
//	Accepted  Queued    it is put in its handle's queue                 the handle
//	Accepted  Done      it ends without reaching the queue              the handle, or the port
//	Queued    Calling   a goroutine begins a call for it                the handle
//	Queued    Done      a cancel, a deadline, a close or the failure    the handle
//	                    of an earlier operation ends it, or it needs
//	                    no call
//	Calling   Queued    the call has not ended it                       the handle
//	Calling   Inside    a Native kernel has taken it                    the handle
//	Calling   Done      the call has ended it                           the handle
//	Inside    Calling   a goroutine asks for its result, or for its end the handle
//	Done      Idle      it is delivered                                 the port, or none: see Record
//
// An operation that is Calling or Inside is the head of its queue, or one of the writes
// behind the head that leave in the same call: see gather. The goroutine in the call owns the direction: no other goroutine performs operations of that direction.
type Phase uint32

const (
	Idle     Phase = iota // the program owns it
	Accepted              // the port owns it, and it is in no queue yet
	Queued                // in its handle's queue, or a timer that waits
	Calling               // a goroutine is in a call for it
	Inside                // inside a Native kernel, with no call for it under way
	Done                  // it has its outcome, and is not delivered yet
	phases
)

var phaseNames = [phases]string{"idle", "accepted", "queued", "calling", "inside the kernel", "done"}

// String returns the name of the phase.
func (p Phase) String() string { return phaseNames[p] }

// inFlight reports whether the port owns the operation and it has no outcome yet.
func (p Phase) inFlight() bool { return p-Accepted <= Inside-Accepted }

// inCall reports whether the kernel may be at work on the operation.
func (p Phase) inCall() bool { return p-Calling <= Inside-Calling }

// mayFollow is the table of transitions that the comment of Phase describes.
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

// checkTransition checks and counts a transition, in builds with assertions.
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
