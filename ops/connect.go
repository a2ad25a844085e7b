package ops

import (
	"math"
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var _ completion.Operation = (*Connect)(nil)

// Connect connects a socket that Port.Socket has made, as connect(2). Reads and
// writes may be submitted behind it: they wait for it and share its failure. A
// socket whose connect failed or was cancelled can only be closed.
type Connect struct {
	completion.Op
	On *completion.Socket

	// To is a resolved address: a *net.TCPAddr or a *net.UnixAddr. Any other
	// type, and a nil of these, ends the Connect with EAFNOSUPPORT, and none of its
	// methods is called. A TCP port that is none, below 0 or above 65535, ends it
	// with EINVAL, as package net does. An unspecified address, 0.0.0.0 or [::],
	// means this machine.
	To net.Addr

	address backend.Address // To, in the port's words
}

// Describe is for the port.
func (c *Connect) Describe(r *core.Request) {
	c.Op.Describe(r)
	r.Kind, r.Handle = backend.Connect, (*core.Handle)(c.On)
	c.address = backend.Address{}
	r.Address, r.Target = &c.address, c.To
	switch to := c.To.(type) {
	case *net.TCPAddr:
		if to != nil {
			c.address.Inet = to.AddrPort() // which cuts the port to 16 bits
			c.address.BadPort = to.Port < 0 || to.Port > math.MaxUint16
		}
	case *net.UnixAddr:
		if to != nil {
			c.address.Path = to.Name
		}
	}
}
