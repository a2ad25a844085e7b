package completion

import (
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

// Operation is what a port performs: one of the types of package ops, or a
// type of your own that embeds one of them, which then comes back as that
// type. Nothing else can implement it. Its N and Err, which Op documents, are its
// outcome: a loop can look at them before it knows the type.
type Operation = core.Operation

// Op is embedded in every operation. Its zero value is ready to use, and an
// operation that has been handed out may be filled in and submitted again.
//
// The port owns an operation from the Submit that accepted it until it is
// handed out. Meanwhile none of its fields may be touched, and N and Err
// panic. An Op must not be copied.
//
//	       Submit                           performed, failed,
//	yours ────────▶ accepted ─▶ queued ─▶ cancelled, overdue ─▶ finished
//	  ▲                                                            │
//	  └──── handed out by Next, NextBatch, Completions, or Wait ───┘
type Op struct {
	// Deadline ends the operation with os.ErrDeadlineExceeded when it passes.
	// Zero means none. It is a moment and no duration: an operation that is
	// submitted again needs a new one. In flight it is moved with
	// Port.SetDeadline, which leaves this field alone.
	Deadline Deadline

	// Timeout ends the operation in the same way when it has lasted so long,
	// counted from the Submit that accepts it. Zero means none, and a negative one
	// has passed already. With a Deadline, whichever comes first counts. In flight
	// it is a deadline like any other: SetDeadline replaces both.
	Timeout time.Duration

	// Value is yours: the port never looks at it.
	Value any

	record
}

// record is the port's part of an operation. The alias keeps the embedded
// field unexported; what it promotes is unexported too.
type record = core.Record

// N returns the number of bytes moved, which may be above 0 even if Err is
// not nil. It panics while the port owns the operation.
func (o *Op) N() int {
	n, _ := o.outcome()
	return int(n)
}

// Err returns why the operation failed, nil if it succeeded, and the same error
// each time. It panics while the port owns the operation. See the package
// documentation for the errors.
func (o *Op) Err() error {
	_, f := o.outcome()
	return errorOf(f)
}

func (o *Op) outcome() (int64, *core.Failure) {
	n, f, ok := core.Outcome(&o.record)
	if !ok {
		panic("completion: the operation is in flight: it belongs to the port until it has been handed out")
	}
	return n, f
}

// Ticket names the present use of the operation, for Port.CancelTicket. Take
// it after Submit, as the submitter. For an operation not in flight it is the
// zero Ticket, which names none.
func (o *Op) Ticket() Ticket { return Ticket{core.TicketOf(&o.record)} }

// Describe and Deliver are for the port; their parameters can't be made
// outside this module.
func (o *Op) Describe(r *core.Request) {
	r.Deadline, r.Timeout = int64(o.Deadline), int64(o.Timeout)
}

// Deliver is for the port.
func (o *Op) Deliver(core.Result) {}

// Ticket names one use of an operation. A canceller that may come late holds
// one: unlike a pointer to the operation, it never hits the next use.
type Ticket struct{ ticket core.Ticket }

// Deadline is a moment on the monotonic clock of this process, in
// nanoseconds. Zero means none. Make one with After or At: a time.Duration that is
// converted is a moment long past. It takes 8 bytes where a time.Time takes 24.
type Deadline int64

// After returns the deadline that passes when d has gone by. One that is zero
// or negative has passed already.
func After(d time.Duration) Deadline {
	now := Deadline(sys.Now())
	if t := now + Deadline(d); t > now || d <= 0 {
		return max(t, 1)
	}
	return Deadline(backend.Never) // too far away to count
}

// At returns the deadline that passes at t, and none for the zero Time.
func At(t time.Time) Deadline {
	if t.IsZero() {
		return 0
	}
	return After(time.Until(t))
}

// Now returns this moment as a deadline, which has passed.
func Now() Deadline { return Deadline(sys.Now()) }

// Sub returns how long after e the moment d is, negative if it is before. Of two
// deadlines that are none or too far away, the result means nothing.
func (d Deadline) Sub(e Deadline) time.Duration { return time.Duration(d - e) }

// Time returns the moment as a time.Time, with a reading of the monotonic clock: the
// zero Time if d is none.
func (d Deadline) Time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	return sys.Time(int64(d))
}

// String returns how far away the moment is, such as "in 1.5s" or "1.5s ago", and
// "none" for zero.
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
