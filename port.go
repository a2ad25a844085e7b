package completion

import (
	"cmp"
	"context"
	"iter"
	"net"
	"os"
	"strings"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// Config configures a Port. The zero value selects the defaults.
type Config struct {
	// Backend is the name of the backend: "epoll" or "io_uring" on Linux, "kqueue" on macOS and the
	// BSDs, "iocp" on Windows. Empty selects the backend that COMPLETIONDEBUG names
	// (backend=NAME), or else the best one on this system.
	Backend string

	// Memory, if not nil, is the network of the port, for tests: the port opens its
	// sockets there and not in the system. Backend must then be empty or "memory".
	// SpinWait then has no effect, and of COMPLETIONDEBUG only check and dump have one.
	Memory *Memory

	// SpinWait is how long a goroutine that waits polls before it sleeps. Polling uses
	// a processor, and saves the time to fall asleep and to wake up. Zero, the default,
	// means that the goroutine sleeps at once. A negative SpinWait is an error of Open.
	SpinWait time.Duration

	// MaxInFlight limits the number of operations in flight. The port accepts an
	// operation above the limit, and completes it with ErrLimit. Zero, the default,
	// means unlimited. A negative MaxInFlight is an error of Open.
	MaxInFlight int

	// Workers limits the goroutines of the work pool, which performs ops.Work and the
	// operations of files: see The work pool in the package documentation. Zero, the
	// default, means 64. A negative Workers, or one above 10,000, is an error of Open.
	Workers int

	// Observer, if not nil, receives every step that the port makes.
	Observer Observer

	loopWait     backend.Waiting // how a loop sleeps
	checkBuffers bool            // pools make a new Buffer for each owner
	dumpCallers  bool            // Dump shows who submitted the operations
}

// Limits of Config.Workers. A thread per goroutine is the price of the calls that block.
const (
	defaultWorkers = 64
	mostWorkers    = 10_000
)

// Port is an I/O completion port. All its methods are safe for concurrent use by any
// number of goroutines.
type Port struct {
	core    *core.Port
	kernel  kernel
	backend string
	memory  *Memory  // nil for a port with the system's sockets
	origins *origins // nil unless Dump shows who submitted the operations
}

// Open returns a new port. A nil config means the zero Config. If the backend does
// not exist, or not on this system, Open returns an error that matches
// errors.ErrUnsupported. If the system refuses a call, for lack of descriptors for
// instance, errors.As finds a *net.OpError in the error.
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
	p := &Port{kernel: b.Kernel, backend: b.Name, memory: c.Memory}
	if c.dumpCallers {
		p.origins = new(origins)
	}
	p.core = core.NewPort(core.Options{
		Poller:       b.Poller,
		Kernel:       b.Kernel,
		SpinWait:     int64(c.SpinWait),
		LoopWait:     c.loopWait,
		MaxInFlight:  c.MaxInFlight,
		Workers:      cmp.Or(c.Workers, defaultWorkers),
		CheckBuffers: c.checkBuffers,
		Observe:      c.Observer.trace(),
		Owner:        p,
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

// check completes the configuration, and returns an error for an invalid setting.
func (c *Config) check() error {
	switch {
	case c.SpinWait < 0:
		return &configError{"SpinWait is negative"}
	case c.MaxInFlight < 0:
		return &configError{"MaxInFlight is negative"}
	case c.Workers < 0 || c.Workers > mostWorkers:
		return &configError{"Workers is negative or above 10,000"}
	case c.Memory != nil && c.Backend != "" && c.Backend != memoryBackend:
		return &configError{"a port on a Memory cannot have the backend " + c.Backend}
	case c.Memory == nil && c.Backend == memoryBackend:
		return &configError{"the backend memory needs a Memory"}
	case c.Memory != nil:
		// In a bubble the clock stands still while any goroutine runs: spinning would
		// never end.
		c.SpinWait = 0
	}
	return c.debug(os.Getenv("COMPLETIONDEBUG"))
}

// debug applies the settings of COMPLETIONDEBUG. Settings about the system do not
// apply to a Memory.
func (c *Config) debug(settings string) error {
	for setting := range strings.SplitSeq(settings, ",") {
		key, value, _ := strings.Cut(setting, "=")
		if c.Memory != nil && key != "check" && key != "dump" {
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
		case "dump":
			if value != "callers" {
				return &configError{"COMPLETIONDEBUG has no dump=" + value}
			}
			c.dumpCallers = true
		default:
			return &configError{"COMPLETIONDEBUG has no setting " + key}
		}
	}
	return nil
}

// Backend returns the name of the backend of the port: "epoll", "io_uring", "kqueue", "iocp", or
// "memory".
func (p *Port) Backend() string { return p.backend }

// Submit submits operations to the port. The port accepts all of them, or none and
// Submit returns an error. The only error is net.ErrClosed, if the port is closed or
// is shutting down. In that case the caller still owns the operations and their
// buffers, and each operation has that outcome: N is 0, and Err is net.ErrClosed. The
// results of an earlier use are gone: the length of a Read's own Buf is 0 (without
// Append), and the Buf of a pooled read or a Borrow and the Conn of an Accept are nil. A
// ReadFrom, a RecvMsg and a ReadBatch then have no sender.
//
// A mistake of the program panics, and the port accepts none of the operations: see
// Ownership in the package documentation. If the port is closed or is shutting down,
// only an operation that is nil or that a port owns is a mistake. Everything else
// that is wrong, a closed handle included, is an outcome of the operation.
//
// Submit never waits for a peer and never delivers an operation: an immediate result also goes
// through the queue. Submit may make the system call of an operation. The call of a SendFile
// may wait for the disk. The operations of one direction of one handle are performed in the
// order of the arguments.
func (p *Port) Submit(operations ...Operation) error {
	if p.origins != nil {
		return p.origins.submit(p, operations, false)
	}
	return closedUnless(p.core.Submit(operations, false))
}

// Start submits one operation that Wait delivers, and not the queue. If the port
// refuses the operation, Start returns net.ErrClosed and the operation has that
// outcome, as with Submit.
func (p *Port) Start(op Operation) error {
	one := [1]Operation{op}
	if p.origins != nil {
		return p.origins.submit(p, one[:], true)
	}
	return closedUnless(p.core.Submit(one[:], true))
}

// Wait waits until an operation that was started is complete, delivers it, and returns
// its error. Another Wait returns the same error, and so does Err.
//
// If ctx ends first, Wait cancels the operation, and still waits until it is
// complete: when Wait returns, the caller owns the operation and its buffer. The
// error then matches ErrCanceled and the error of ctx, unless the operation first had
// its natural result, was cancelled in another way, or timed out.
//
// Wait panics if the operation was not started, or not on this port, or if another
// goroutine waits for it. An operation that no goroutine waits for is lost when it is
// garbage. If it is a pooled read, its buffer is lost, too.
func (p *Port) Wait(ctx context.Context, op Operation) error {
	p.core.Wait(ctx, op)
	p.delivered(op)
	return outcome(op)
}

// Await is Start and then Wait. It returns the error of the operation. If the port is
// closed or is shutting down, that is net.ErrClosed, as with Submit. If ctx has ended
// already, the system gets nothing of the operation.
func (p *Port) Await(ctx context.Context, op Operation) error {
	if p.origins != nil {
		p.origins.note(p.kernel.Now(), op)
	}
	accepted := p.core.Await(ctx, op)
	p.delivered(op)
	if !accepted {
		return net.ErrClosed
	}
	return outcome(op)
}

func outcome(op Operation) error { return errorOf(core.FailureOf(op)) }

// Next delivers the next operation that is complete, and waits for one if there is
// none. It returns ctx.Err() when ctx has ended, and net.ErrClosed when the port is
// closed and all operations were delivered.
func (p *Port) Next(ctx context.Context) (Operation, error) {
	if op := p.core.Next(ctx); op != nil {
		p.delivered(op)
		return op, nil
	}
	return nil, endOf(ctx)
}

// NextBatch delivers operations that are complete: it stores them in into, and
// returns their number. It waits for the first one only. Its errors are those of
// Next. If into is empty, NextBatch delivers nothing and returns 0 at once.
func (p *Port) NextBatch(ctx context.Context, into []Operation) (int, error) {
	if len(into) == 0 {
		return 0, nil
	}
	if n := p.core.NextBatch(ctx, into); n > 0 {
		p.delivered(into[:n]...)
		return n, nil
	}
	return 0, endOf(ctx)
}

// Completions returns an iterator that delivers operations that are complete. It takes
// one operation at a time from the queue of the port: a body that blocks, breaks or
// panics keeps no other operation from being delivered. The iteration ends when ctx has
// ended, or when the port is closed and all operations were delivered.
func (p *Port) Completions(ctx context.Context) iter.Seq[Operation] {
	return func(yield func(Operation) bool) {
		for {
			op := p.core.Next(ctx)
			if op == nil {
				return
			}
			p.delivered(op)
			if !yield(op) {
				return
			}
		}
	}
}

// Cancel requests cancellation of an operation. It returns true if the request was
// recorded while the operation was in flight, before anything else had ended it. The
// outcome of the operation may still be its natural result. Cancel makes no system
// call on a connection, and does not wait. A goroutine that may cancel after the
// operation was used again needs a Ticket.
func (p *Port) Cancel(op Operation) bool { return p.core.Cancel(op) }

// CancelTicket requests cancellation of one use of an operation, as Cancel does. If
// that use is over, CancelTicket does nothing and returns false, even if the
// operation is in flight again.
func (p *Port) CancelTicket(ticket Ticket) bool { return p.core.CancelTicket(ticket.ticket) }

// SetDeadline changes the deadline of an operation in flight, and returns true. Zero
// removes the deadline. If the operation is not in flight on this port any more,
// SetDeadline does nothing and returns false.
func (p *Port) SetDeadline(op Operation, deadline Deadline) bool {
	return p.core.SetDeadline(op, int64(deadline))
}

// Close refuses new operations, ends the operations in flight with net.ErrClosed,
// closes all handles, and returns when no goroutine is in a system call of the port
// any more. It does not wait for the bodies of loops, and a body may call it.
// Operations that are complete can still be dequeued. Closing again returns
// net.ErrClosed.
func (p *Port) Close() error { return closedUnless(p.core.Close()) }

// Shutdown refuses new operations. Those in flight end with net.ErrClosed, such as Accepts,
// Connects, Reads, ReadFroms, Timers and Works, except the operations that send and those that
// write to files: see Closing in the package documentation. Shutdown performs these, by itself
// if no other goroutine polls, until none is left or ctx has ended. Then it closes the port as
// Close does. Shutdown returns ctx.Err() if ctx ended before all of them were performed, and
// net.ErrClosed if the port was closed already. The body of a loop may call it. What follows
// from a completion needs a new operation, which Shutdown refuses: a program that still has
// such work, an answer or the last line of a log, does it first.
func (p *Port) Shutdown(ctx context.Context) error {
	all, open := p.core.Shutdown(ctx)
	if open && !all {
		return ctx.Err()
	}
	return closedUnless(open)
}

// Stats are the counters of a port at one moment. Submitted is counted when an operation
// is accepted, Completed when it completes. InFlight is counted from the records in
// use. Submitted == Completed + InFlight means that no operation was lost.
type Stats struct {
	Submitted uint64 // operations accepted
	Completed uint64 // operations that are complete, delivered or not
	InFlight  int    // operations accepted and not complete
	Queued    int    // operations complete and not dequeued
	Handles   int    // open handles: sockets, listeners and files
	Waiting   int    // goroutines asleep, without the leader
	Leading   bool   // a goroutine leads: it polls for all
	Parked    bool   // the leader is asleep in the poller
	Polls     uint64 // calls of the poller
	Wakes     uint64 // times that the leader was woken for a reason other than readiness
	Stale     uint64 // events of a handle that was closed before they were handled

	Calls       uint64 // system calls made for operations, without those of the poller; writes that left together share one
	WouldBlocks uint64 // of these found nothing to do, and the operation went on waiting
	PoolWaits   uint64 // pooled Reads that had data, and Borrows, that waited for a buffer of their pool
}

// Stats returns the counters of the port.
func (p *Port) Stats() Stats {
	s := p.core.Stats()
	return Stats{
		Submitted: s.Submitted,
		Completed: s.Completed,
		InFlight:  s.InFlight,
		Queued:    s.Queued,
		Handles:   s.Handles,
		Waiting:   s.Waiting,
		Leading:   s.Leading,
		Parked:    s.Parked,
		Polls:     s.Polls,
		Wakes:     s.Wakes,
		Stale:     s.StaleEvents,

		Calls:       s.Calls,
		WouldBlocks: s.WouldBlocks,
		PoolWaits:   s.PoolWaits,
	}
}

func closedUnless(ok bool) error {
	if ok {
		return nil
	}
	return net.ErrClosed
}

// endOf returns the error of a Next that delivers nothing.
func endOf(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return net.ErrClosed
}
