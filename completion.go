package completion

import (
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

// Operation is an operation that a port performs: one of the types of package ops, or a
// type of the program that embeds one of them. The port delivers an operation with the
// type that was submitted. No other type can implement Operation. N and Err return the
// outcome, as documented at Op. A loop can call them before it knows the type.
type Operation = core.Operation

// Op is embedded in every operation. Its zero value is ready to use. A delivered
// operation may be changed and submitted again.
//
// The port owns an operation from the Submit that accepts it until its delivery.
// Meanwhile the program must not use its fields, and N and Err panic. An Op must not be
// copied.
//
//	      Submit                          performed, failed,
//	idle ────────▶ accepted ─▶ queued ─▶ cancelled, timed out ─▶ done
//	  ▲                                                           │
//	  └──── delivered by Next, NextBatch, Completions, or Wait ───┘
type Op struct {
	// Deadline ends the operation with os.ErrDeadlineExceeded when it passes. Zero
	// means no deadline. A Deadline is a moment, not a duration: an operation that is
	// submitted again needs a new one. Port.SetDeadline changes the deadline of an
	// operation in flight, and does not change this field.
	Deadline Deadline

	// Timeout ends the operation with os.ErrDeadlineExceeded when this time has passed
	// since the Submit that accepted it. Zero means no timeout. A negative Timeout has
	// passed already. If there is a Deadline, too, the earlier of the two counts.
	// Port.SetDeadline replaces both.
	Timeout time.Duration

	// Value belongs to the program: the port neither reads nor changes it.
	Value any

	record
}

// record is the port's part of an operation. The alias keeps the embedded
// field unexported; what it promotes is unexported too.
type record = core.Record

// N returns the number of bytes that were moved. It may be above 0 even if Err is not
// nil. N panics while the port owns the operation.
func (o *Op) N() int {
	n, _ := o.outcome()
	return int(n)
}

// Err returns the error of the operation, or nil if the operation succeeded. It returns
// the same error value each time. Err panics while the port owns the operation. The
// package documentation lists the errors.
func (o *Op) Err() error {
	_, f := o.outcome()
	return errorOf(f)
}

func (o *Op) outcome() (int64, *core.Failure) {
	n, f, ok := core.Outcome(&o.record)
	if !ok {
		panic("completion: the operation belongs to the port until it is delivered")
	}
	return n, f
}

// Ticket returns a Ticket for the present use of the operation, for Port.CancelTicket.
// The goroutine that submits the operation calls it after Submit. For an operation that
// is not in flight, Ticket returns the zero Ticket, which names no use.
func (o *Op) Ticket() Ticket { return Ticket{core.TicketOf(&o.record)} }

// Describe is for the port. Its parameter cannot be made outside this module.
func (o *Op) Describe(r *core.Request) {
	r.Deadline, r.Timeout = int64(o.Deadline), int64(o.Timeout)
}

// Deliver is for the port. Its parameter cannot be made outside this module.
func (o *Op) Deliver(core.Result) {}

// Ticket names one use of an operation, from its Submit until it is complete. It is
// for a goroutine that may cancel after the operation was used again: unlike a
// pointer to the operation, a Ticket never cancels the next use.
type Ticket struct{ ticket core.Ticket }

// Deadline is a moment on the monotonic clock of this process, in nanoseconds. Zero
// means no deadline. Make a Deadline with After or At. Do not convert a
// time.Duration: the result is a moment long past. A Deadline has 8 bytes, a
// time.Time has 24.
type Deadline int64

// After returns the deadline that passes when d has gone by. If d is zero or negative,
// the deadline has passed already.
func After(d time.Duration) Deadline {
	now := Deadline(sys.Now())
	if t := now + Deadline(d); t > now || d <= 0 {
		return max(t, 1)
	}
	return Deadline(backend.Never) // too far away to count
}

// At returns the deadline that passes at t. For the zero Time it returns zero, which
// means no deadline.
func At(t time.Time) Deadline {
	if t.IsZero() {
		return 0
	}
	return After(time.Until(t))
}

// Now returns the present moment as a deadline. That deadline has passed.
func Now() Deadline { return Deadline(sys.Now()) }

// Sub returns the duration from earlier to d. It is negative if d is before earlier.
// The result has no meaning if one of the two is zero or too far away.
func (d Deadline) Sub(earlier Deadline) time.Duration { return time.Duration(d - earlier) }

// Time returns the moment as a time.Time, with a reading of the monotonic clock. If d
// is zero, Time returns the zero Time.
func (d Deadline) Time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	return sys.Time(int64(d))
}

// String returns the distance from the present moment, such as "in 1.5s" or "1.5s ago",
// or "none" if d is zero.
func (d Deadline) String() string {
	switch left := d.Sub(Now()); {
	case d == 0:
		return "none"
	case left < 0:
		return (-left).String() + " ago"
	default:
		return "in " + left.String()
	}
}
