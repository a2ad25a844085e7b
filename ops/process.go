package ops

import (
	"context"
	"os"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

var (
	_ completion.Operation = (*Signal)(nil)
	_ completion.Operation = (*Process)(nil)
)

// Signal waits for a signal of the process. Each Signal takes one signal, so a loop submits it
// again. Several Signals of one Signals take different signals. A Signal has a goroutine of
// its own while it is in flight.
type Signal struct {
	completion.Op

	// From collects the signals: see completion.Notify. A Signal without it ends with an
	// error, as a panic in an ops.Work does.
	From *completion.Signals

	// Signal is the signal, or nil if the Signal failed.
	Signal os.Signal
}

// Describe is for the port.
func (o *Signal) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Run = backend.Signal, o.run
}

func (o *Signal) run(ctx context.Context, _ any) (core.Result, error) {
	select {
	case o.Signal = <-o.From.C():
		return core.Result{}, nil
	case <-ctx.Done():
		return core.Result{}, ctx.Err()
	}
}

// Deliver is for the port.
func (o *Signal) Deliver(core.Result) { o.Signal = nil }

// Process waits for the exit of a child process, as Process.Wait of package os, and releases
// what the system keeps of it. Nobody else may wait for the child meanwhile.
//
// A Process has a goroutine of its own while it is in flight, none of the work pool. On Linux
// from 5.10, it holds no thread, and a Process that is cancelled, times out or is closed ends
// at once and can be submitted again. It needs a descriptor: if none is left, it ends with
// EMFILE, and can be submitted again, too. On other systems, it holds a thread, and it ends when
// the child exits: a Cancel has no effect, and Port.Close waits for the child.
type Process struct {
	completion.Op

	// Process is the child, such as the Process of an exec.Cmd that was started. A Process
	// without it ends with an error, as a panic in an ops.Work does.
	Process *os.Process

	// State describes the exit, or is nil if the Process failed. An exit status other than 0
	// is no failure.
	State *os.ProcessState
}

// Describe is for the port.
func (o *Process) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Run = backend.Process, o.run
}

func (o *Process) run(ctx context.Context, _ any) (_ core.Result, err error) {
	if err = sys.AwaitExit(ctx, o.Process); err == nil {
		o.State, err = o.Process.Wait()
	}
	return core.Result{}, err
}

// Deliver is for the port.
func (o *Process) Deliver(core.Result) { o.State = nil }
