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

// Signal waits for a signal that the process receives. Each Signal delivers one signal, so a
// loop submits it again. If several Signals have the same From, each signal is delivered to one
// of them. A Signal has a goroutine of its own while it is in flight.
type Signal struct {
	completion.Op

	// From collects the signals: see completion.Notify. A Signal without From is a mistake:
	// Submit panics.
	From *completion.Signals

	// Signal is the signal, or nil if the Signal failed.
	Signal os.Signal
}

// Describe is for the port.
func (o *Signal) Describe(r *core.Request) {
	o.Op.Describe(r)
	if o.From == nil {
		panic("completion: a signal without its Signals")
	}
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

// Process waits for the exit of a child process and reaps it, as Process.Wait of package os.
// Nothing else may wait for the child meanwhile.
//
// Wait of an exec.Cmd does more than that: it waits for the goroutines that copy the input and
// output of the child, and closes the pipes. A program that needs this calls Wait when the Process
// is delivered. Its error then only says that the child was reaped before (ECHILD on Unix).
//
// A Process has a goroutine of its own while it is in flight, none of the work pool. On Linux
// from 5.10, it holds no thread but one descriptor. It ends at once if it is cancelled, times out
// or is closed, and ends with EMFILE if no descriptor is left. In these cases it can be
// submitted again. On other systems it holds a thread and ends only when the child exits: Cancel
// has no effect, and Port.Close waits for the child.
type Process struct {
	completion.Op

	// Process is the child, such as the field Process of an exec.Cmd that was started. A nil
	// Process, as before the start, is a mistake: Submit panics.
	Process *os.Process

	// State describes the exit, or is nil if the Process failed. An exit status other than 0
	// is no failure.
	State *os.ProcessState
}

// Describe is for the port.
func (o *Process) Describe(r *core.Request) {
	o.Op.Describe(r)
	if o.Process == nil {
		panic("completion: a process operation without a process")
	}
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
