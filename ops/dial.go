package ops

import (
	"context"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var _ completion.Operation = (*Dial)(nil)

// Dial connects to an address that may have the name of a host, as completion.Port.Dial
// does, and delivers the socket. A Dial has a goroutine of its own while it is in flight.
// Config.MaxInFlight of the port counts it as one operation.
//
// If a Dial is cancelled, times out or is closed, it ends when its connects and lookups
// have ended, which they do at once; a lookup by the C library of the system may take
// longer. The error of a Dial that failed is a *net.OpError, as that of
// completion.Port.Dial.
type Dial struct {
	completion.Op

	// Network and Address are those of completion.Port.Dial.
	Network, Address string

	// Dialer has the options. If a function of it panics on the goroutine of the Dial, the
	// Dial ends with an error whose text has the stack, and the panic goes no further.
	Dialer completion.Dialer

	// Conn is the socket, or nil if the Dial failed. It belongs to the port that the Dial
	// was submitted to.
	Conn *completion.Socket
}

// Describe is for the port.
func (o *Dial) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Run = backend.Dial, o.run
}

func (o *Dial) run(ctx context.Context, port any) (core.Result, error) {
	s, err := o.Dialer.Dial(ctx, port.(*completion.Port), o.Network, o.Address)
	return core.Result{Accepted: (*core.Handle)(s)}, err
}

// Deliver is for the port.
func (o *Dial) Deliver(r core.Result) { o.Conn = (*completion.Socket)(r.Accepted) }
