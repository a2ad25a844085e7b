package ops

import (
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var _ completion.Operation = (*Connect)(nil)

// Connect connects a socket from Port.Socket, as connect(2). Reads and Writes may be
// submitted behind it: they wait for it and share its failure. If a Connect failed or
// was cancelled, its socket can only be closed.
type Connect struct {
	completion.Op

	// On is the socket.
	On *completion.Socket

	// To is a resolved address: a *net.TCPAddr or a *net.UnixAddr. Any other type, or
	// a nil pointer of one of these types, ends the Connect with EAFNOSUPPORT. The port
	// calls no method of such a value. A TCP port below 0 or above 65535 ends the
	// Connect with EINVAL, as in package net. An unspecified address, 0.0.0.0 or [::],
	// means this machine.
	To net.Addr

	address backend.Address // To, as the port needs it
}

// Describe is for the port.
func (c *Connect) Describe(r *core.Request) {
	c.Op.Describe(r)
	r.Kind, r.Handle = backend.Connect, (*core.Handle)(c.On)
	c.address = backend.AddressOf(c.To)
	r.Address, r.Target = &c.address, c.To
}
