package ops

import (
	"context"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var _ completion.Operation = (*Work)(nil)

// Work calls a function on a goroutine of the work pool. It is for functions that block, or
// that compute for long. The error of the function is the error of the Work.
//
// A Work that is cancelled, times out or is closed before a goroutine has begun it ends at
// once, and the function is not called. If the function has begun, its context ends, and the
// Work ends when the function returns: as cancelled, timed out or closed if the function
// returns an error, and with success if it returns nil.
//
// A function that waits for another operation of the work pool of the same port may wait for
// ever: all goroutines of the pool may be in such functions.
type Work struct {
	completion.Op

	// Func is the function. A Work without one is a mistake: Submit panics. If the function
	// panics, the Work ends with an error whose text has the stack, and the panic goes no
	// further. The same holds if it calls runtime.Goexit.
	Func func(context.Context) error
}

// Describe is for the port.
func (o *Work) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind = backend.Work
	if o.Func != nil {
		r.Target = o.Func
	}
}

// Perform is for the port. Its parameter cannot be made outside this module.
func (o *Work) Perform(c core.Call) (int, error) { return 0, o.Func(c.Context) }
