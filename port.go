package completion

import (
	"context"
	"iter"
	"net"
	"os"
	"strings"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// Config says how a port is to be. The zero Config is a good one.
type Config struct {
	// Backend is the name of the backend to use: "epoll" on Linux, "kqueue" on
	// macOS and the BSDs, "iocp" on Windows. Empty means the best one here, or what
	// COMPLETIONDEBUG=backend=NAME says.
	Backend string

	// Memory, if not nil, is the network of the port: it opens its sockets there
	// and not in the system. That is for tests. Backend may then be empty or
	// "memory"; SpinWait has no effect then, and of COMPLETIONDEBUG only check.
	Memory *Memory

	// SpinWait is how long a goroutine that waits looks for events before it
	// sleeps. It burns a processor to save the time of falling asleep and waking
	// up. Zero, the default, means not at all.
	SpinWait time.Duration

	// MaxInFlight bounds the operations in flight. One above it is accepted and
	// ends with ErrLimit. Zero means no bound but the program's own objects.
	MaxInFlight int

	// Observer, if not nil, is told of every step the port makes.
	Observer Observer

	loopWait     backend.Waiting // how a loop sleeps
	checkBuffers bool            // pools lend a fresh Buffer each time
}

// Port is an I/O completion port. All its methods may be called by any number
// of goroutines at any time.
type Port struct {
	core    *core.Port
	kernel  kernel
	backend string
}

// Open returns a new port; nil is the zero Config. A backend that does not
// exist, or not on this system, is an error that matches
// errors.ErrUnsupported. In what the system refuses, a descriptor for instance,
// errors.As finds a *net.OpError.
func Open(config *Config) (*Port, error) {
	var c Config
	if config != nil {
		c = *config
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	b, err := c.open()
	if err != nil {
		return nil, err
	}
	return c.port(b), nil
}

// port makes a port on an opened backend.
func (c *Config) port(b backend.Backend) *Port {
	p := &Port{kernel: b.Kernel, backend: b.Name}
	p.core = core.NewPort(core.Options{
		Poller:       b.Poller,
		Kernel:       b.Kernel,
		SpinWait:     int64(c.SpinWait),
		LoopWait:     c.loopWait,
		MaxInFlight:  c.MaxInFlight,
		CheckBuffers: c.checkBuffers,
		Observe:      c.Observer.trace(),
		Explain:      p.explain,
		Blame:        canceledBy,
		ArmCall:      b.ArmCall,
	})
	return p
}

// open opens the backend.
func (c *Config) open() (backend.Backend, error) {
	if c.Memory != nil {
		return c.Memory.network.Open()
	}
	return openBackend(c.Backend)
}

// check completes the configuration and refuses what makes no sense.
func (c *Config) check() error {
	switch {
	case c.SpinWait < 0:
		return &configError{"SpinWait is negative"}
	case c.MaxInFlight < 0:
		return &configError{"MaxInFlight is negative"}
	case c.Memory != nil && c.Backend != "" && c.Backend != memoryBackend:
		return &configError{"a Memory is no backend " + c.Backend}
	case c.Memory == nil && c.Backend == memoryBackend:
		return &configError{"the backend memory needs a Memory"}
	case c.Memory != nil:
		// In a bubble the clock stands still while anybody runs: spinning would
		// never end.
		c.SpinWait = 0
	}
	return c.debug(os.Getenv("COMPLETIONDEBUG"))
}

// debug takes over the settings of COMPLETIONDEBUG. Those about the system do
// not concern a Memory.
func (c *Config) debug(settings string) error {
	for setting := range strings.SplitSeq(settings, ",") {
		key, value, _ := strings.Cut(setting, "=")
		if c.Memory != nil && key != "check" {
			continue
		}
		switch key {
		case "":
		case "backend":
			if c.Backend == "" {
				c.Backend = value
			}
		case "wait":
			how, ok := map[string]backend.Waiting{"park": backend.Park, "block": backend.Block}[value]
			if !ok {
				return &configError{"COMPLETIONDEBUG has no wait=" + value}
			}
			c.loopWait = how
		case "check":
			if value != "buffers" {
				return &configError{"COMPLETIONDEBUG has no check=" + value}
			}
			c.checkBuffers = true
		default:
			return &configError{"COMPLETIONDEBUG has no setting " + key}
		}
	}
	return nil
}

// Backend returns the name of the backend in use.
func (p *Port) Backend() string { return p.backend }

// Submit gives operations to the port: all of them, or none and an error. The
// one error is net.ErrClosed, from a port that is closed or shutting down. Then
// the caller still owns everything, and each operation has that outcome: N is 0,
// Err is net.ErrClosed, and what an earlier use brought is gone (the bytes of a
// Read's own Buf, the Buf of a late Read, the Conn of an Accept).
//
// Mistakes of the programmer panic, and nothing was accepted. To a port that
// accepts nothing, only an operation that is nil or in flight is a mistake.
// Whatever else is wrong, a closed handle included, is the operation's outcome.
//
// Submit never blocks, and never hands an operation out: an immediate result
// goes through the queue like any other. It may make the system call.
// Operations of one direction of one handle are performed in the order they
// are given in.
func (p *Port) Submit(operations ...Operation) error {
	return closedUnless(p.core.Submit(operations, false))
}

// Start is Submit for one operation whose outcome goes to Wait and not to the
// queue. One that is refused has the outcome net.ErrClosed, as with Submit.
func (p *Port) Start(op Operation) error {
	one := [1]Operation{op}
	return closedUnless(p.core.Submit(one[:], true))
}

// Wait waits for an operation that was started, hands it out and returns its
// error; waiting again returns the same error, and so does Err. If ctx ends first,
// the operation is cancelled and waited for all the same: when Wait returns, the
// caller owns operation and buffer. The error then matches ErrCanceled and the
// context's, unless the operation had its natural result first, or was cancelled or
// overdue.
//
// Waiting for an operation that was not started, or by two goroutines at once,
// panics. One that is never waited for is lost when it is garbage, and if it
// is a late read, so is its pool's buffer.
func (p *Port) Wait(ctx context.Context, op Operation) error {
	p.core.Wait(ctx, op)
	return outcome(op)
}

// Await is Start and Wait in one, and returns the operation's error. A port that
// accepts nothing makes that net.ErrClosed, as with Submit. With a context that
// has ended already, nothing is given to the system.
func (p *Port) Await(ctx context.Context, op Operation) error {
	if !p.core.Await(ctx, op) {
		return net.ErrClosed
	}
	return outcome(op)
}

func outcome(op Operation) error { return errorOf(core.FailureOf(op)) }

// Next returns the next finished operation, and waits for one if need be. It
// returns ctx.Err() when ctx has ended, and net.ErrClosed when the port is
// closed and everything was handed out.
func (p *Port) Next(ctx context.Context) (Operation, error) {
	if op := p.core.Next(ctx); op != nil {
		return op, nil
	}
	return nil, endOf(ctx)
}

// NextBatch fills into with finished operations and returns how many there
// are. It waits for the first; the others are those there already. Its errors
// are those of Next. An empty slice takes nothing and returns 0 at once.
func (p *Port) NextBatch(ctx context.Context, into []Operation) (int, error) {
	if len(into) == 0 {
		return 0, nil
	}
	if n := p.core.NextBatch(ctx, into); n > 0 {
		return n, nil
	}
	return 0, endOf(ctx)
}

// Completions returns the finished operations as they come, one at a time from
// the queue that all share: a body that blocks, breaks or panics strands
// nothing. It ends when ctx has, or the port is closed and everything was
// handed out.
func (p *Port) Completions(ctx context.Context) iter.Seq[Operation] {
	return func(yield func(Operation) bool) {
		for {
			op := p.core.Next(ctx)
			if op == nil || !yield(op) {
				return
			}
		}
	}
}

// Cancel asks for the end of an operation. It reports whether the wish was
// recorded while the operation was in flight and nothing had ended it yet; the
// completion tells what became of it. Cancel makes no system call and waits
// for nothing. See Ticket for cancels that may come late.
func (p *Port) Cancel(op Operation) bool { return p.core.Cancel(op) }

// CancelTicket is Cancel for one use of an operation: if that use is over, it
// does nothing and reports false, whatever the operation does now.
func (p *Port) CancelTicket(t Ticket) bool { return p.core.CancelTicket(t.ticket) }

// SetDeadline moves the deadline of an operation in flight; zero clears it. It
// reports false, and does nothing, if the operation has ended already.
func (p *Port) SetDeadline(op Operation, t Deadline) bool {
	return p.core.SetDeadline(op, int64(t))
}

// Close refuses new operations, ends those in flight with net.ErrClosed,
// closes all handles, and returns when no goroutine is in a system call of the
// port any more. It does not wait for the bodies of loops, and may be called
// from one. What is finished can still be dequeued. Closing again returns
// net.ErrClosed.
func (p *Port) Close() error { return closedUnless(p.core.Close()) }

// Shutdown refuses new operations and ends accepts, connects, reads and timers
// with net.ErrClosed. It then performs what is left of the queued writes, by
// itself if nobody else polls, until there is none or ctx has ended, and
// closes the port as Close does. It returns ctx's error if that cut it short,
// and net.ErrClosed if the port was closed already.
func (p *Port) Shutdown(ctx context.Context) error {
	all, open := p.core.Shutdown(ctx)
	if open && !all {
		return ctx.Err()
	}
	return closedUnless(open)
}

// Stats are the counters of a port at one moment. Submitted and Completed are
// counted as operations come and go, InFlight and Slots by the records in use;
// Submitted == Completed + InFlight says that none was lost.
type Stats struct {
	Submitted uint64 // operations accepted
	Completed uint64 // operations that have ended
	InFlight  int    // accepted and not ended
	Queued    int    // ended and not dequeued
	Slots     int    // operations that the port holds, counted by its records
	Handles   int    // open handles
	Waiting   int    // goroutines asleep, besides the one that polls
	Leading   bool   // some goroutine has the lead: it polls for all
	Parked    bool   // that one is asleep in the poller
	Polls     uint64 // looks at the poller
	Wakes     uint64 // times the leader was woken for other reasons than readiness
	Stale     uint64 // events that came too late for their handle
}

// Stats returns the port's counters.
func (p *Port) Stats() Stats {
	s := p.core.Stats()
	return Stats{
		Submitted: s.Submitted,
		Completed: s.Completed,
		InFlight:  s.InFlight,
		Queued:    s.Queued,
		Slots:     s.Slots,
		Handles:   s.Handles,
		Waiting:   s.Waiting,
		Leading:   s.Leading,
		Parked:    s.Parked,
		Polls:     s.Polls,
		Wakes:     s.Wakes,
		Stale:     s.StaleEvents,
	}
}

func closedUnless(ok bool) error {
	if ok {
		return nil
	}
	return net.ErrClosed
}

// endOf says why nothing was dequeued.
func endOf(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return net.ErrClosed
}
