package core

import (
	"sync"
	"sync/atomic"

	"github.com/completionport/completion/internal/backend"
)

// A Copy has two halves, each with a slot of its own: the half out, which is the operation
// of the program, in the queue out of To, and the half in, of the kind CopyIn, in the queue
// in of From. The bytes are in a pipe or in memory between them. The two take turns: the half
// in is performed when nothing is there, the half out when something is. So the half that has
// the turn owns what is between them, and no goroutine needs the locks of two handles.
//
// The half in takes nothing before the half out is the head of its queue and To has room: a
// Copy that waits for its turn, or for data, has no pipe and no memory.
//
// A half ends as any operation does: its queue, its lock and its intents are those of its
// handle. What follows for the other half:
//
//   - The half in has ended, for whatever reason: the half out sends what is there, and then
//     ends with the same outcome, where the end of the stream is a success.
//   - The half out has ended: the half in is cancelled. What it took and what was not sent is
//     lost.
//
// The operation is delivered when both have ended. The port's lock guards who was first.

// Copier is embedded in operations that copy: a slot has no room for what they need. No
// method of it is visible to programs.
type Copier struct{ copying Copying }

// Copying is what the two halves of a Copy share.
type Copying struct {
	// Describe sets these.
	From, To *Handle
	Count    int64 // how many bytes, 0 for all
	Some     bool  // ends when From has no more for now, with some bytes

	turn atomic.Uint32 // the flags below
	sum  atomic.Int64  // bytes that have reached To, for Progress

	// The half that has the turn owns the following.

	taken    int64 // bytes taken from From; the half out has sent Record.n of them
	last     int   // bytes that the last call has taken, also of the last use: the next may take as many
	memory   *[copiedBytes]byte
	used     int // bytes of memory
	pipe     backend.Pipe
	unpiped  bool     // the system can't splice for these sockets
	why      *Failure // of the half in; written before turn has inEnded
	readable bool     // From has data for the half in: belongs to the direction in of From, as short does
	short    bool     // a short read does not exhaust From

	// The port's lock guards the following.
	out, in *Slot
	left    int // halves that have not ended
	half    copyIn
}

// Flags of Copying.turn.
const (
	// inHasTurn: nothing is between the halves, and the half in is to take something.
	// Otherwise the half out has the turn.
	inHasTurn uint32 = 1 << iota
	// inWaits: no call of the half in is under way. Whoever gives it the turn lists it.
	inWaits
	// inEnded: the half in has ended.
	inEnded
	// outEnded: the half out has ended. Whoever has the turn then frees what is there.
	outEnded
	// takesNoMore: the half in has taken its last bytes and ends after this call, well. So the
	// half out ends when it has sent them, and nobody needs to end a half for the other.
	takesNoMore
)

// CopyingOf returns what the halves of an operation share, for Describe.
func CopyingOf(c *Copier) *Copying { return &c.copying }

// Taken returns how many bytes were taken from the source.
func (c *Copying) Taken() int64 { return c.taken }

// Progress returns how many bytes have reached the target so far.
func (c *Copying) Progress() int64 { return c.sum.Load() }

// PhaseIn returns the phase of the half in, and HasRest whether there is a pipe or memory between
// the halves, for a simulator.
func (c *Copying) PhaseIn() Phase { return PhaseOf(&c.half.Record) }

// HasRest is for a simulator: see PhaseIn.
func (c *Copying) HasRest() bool { return c.memory != nil || c.pipe != backend.Pipe{} }

// AtHeads reports whether the halves are the first of their queues, for a simulator.
func (c *Copying) AtHeads() (atFrom, atTo bool) {
	if c.in == nil || c.out == nil {
		return false, false
	}
	return c.From.queue[in].head() == c.in, c.To.queue[out].head() == c.out
}

func (c *Copier) copies() *Copying { return &c.copying }

// reset forgets the counts of the last use.
func (c *Copying) reset() {
	c.taken = 0
	c.sum.Store(0)
}

// copyIn is the half in as an operation. No program gets it.
type copyIn struct {
	Record
	of *Copying
}

func (*copyIn) Describe(*Request)  {}
func (*copyIn) Deliver(Result)     {}
func (*copyIn) N() int             { return 0 }
func (*copyIn) Err() error         { return nil }
func (i *copyIn) copies() *Copying { return i.of }

// copyingOf returns what the halves share, of an operation that is one of them.
func copyingOf(op Operation) *Copying {
	return op.(interface{ copies() *Copying }).copies()
}

// isHalf reports whether s is a half of a Copy.
func (s *Slot) isHalf() bool { return s.kind == backend.Copy || s.kind == backend.CopyIn }

// holdsNothing reports whether s is a half out with nothing to send. The lock of its handle is
// held. In a call, it may give the turn away at any time, so what is there is not looked at.
func (s *Slot) holdsNothing() bool {
	if s.kind != backend.Copy {
		return false
	}
	c := copyingOf(s.op)
	if c.in.phase() == Calling { // it may take something; after a drain, no other call follows
		return false
	}
	return c.turn.Load()&inHasTurn != 0 || s.phase() == Queued && c.held(s) == 0
}

// held returns how many bytes are between the halves. The caller has the turn, as half out.
func (c *Copying) held(s *Slot) int { return int(c.taken - s.record().n) }

// most returns how many bytes the half in may take, at most that many.
func (c *Copying) most(limit int) int {
	if c.Count == 0 {
		return limit
	}
	return int(min(c.Count-c.taken, int64(limit)))
}

// outcome returns how the half out ends after the half in, when nothing is between them.
func (c *Copying) outcome() *Failure {
	switch {
	case c.why == endOfFile && c.Count > 0 && !c.Some:
		return unexpectedEndOfFile
	case c.why == endOfFile:
		return nil
	}
	return c.why
}

// pipes are the empty pipes of a port.
type pipes struct {
	mu   sync.Mutex // no other is taken under it
	free []backend.Pipe
}

// freePipes is how many empty pipes a port keeps.
const freePipes = 32
