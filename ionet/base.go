package ionet

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
)

// base is what a Conn and a PacketConn have in common.
type base struct {
	port          *completion.Port
	local, remote net.Addr
	closed        atomic.Bool
	reads, writes side
}

// LocalAddr returns the local address, also after Close.
func (c *base) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the peer, also after Close. It is nil for a PacketConn
// that had no peer when it was made.
func (c *base) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *base) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets the deadline of the read that waits and of those to come. They return
// an error that matches os.ErrDeadlineExceeded when it has passed. The zero Time means none.
func (c *base) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.reads, t) }

// SetWriteDeadline sets the deadline of the write that waits and of those to come, as
// SetReadDeadline does. A Write that has written some of its bytes returns their number
// together with the error.
func (c *base) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.writes, t) }

func (c *base) setDeadline(s *side, t time.Time) error {
	if c.closed.Load() {
		return opError("set", nil, c.local, net.ErrClosed)
	}
	s.setDeadline(c.port, t)
	return nil
}

// close makes the calls to come find that the connection is closed.
func (c *base) close() {
	c.closed.Store(true)
	c.reads.close()
	c.writes.close()
}
