package ops

import (
	"net"

	"github.com/completionport/completion"
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
	// type ends the Connect with EAFNOSUPPORT. An unspecified one, 0.0.0.0 or
	// [::], means this machine.
	To net.Addr

	address core.Address // To, in the port's words
}

// Describe is for the port.
func (c *Connect) Describe(r *core.Request) {
	c.Op.Describe(r)
	r.Kind, r.Handle = core.Connect, (*core.Handle)(c.On)
	c.address = core.Address{}
	r.Address, r.Target = &c.address, c.To
	switch to := c.To.(type) {
	case *net.TCPAddr:
		if to != nil {
			c.address.Inet = to.AddrPort()
		}
	case *net.UnixAddr:
		if to != nil {
			c.address.Path = to.Name
		}
	}
}
