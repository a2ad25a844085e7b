package ionet

import (
	"syscall"
	"time"
)

// SyscallConn returns access to the descriptor, as completion.Socket.SyscallConn does:
// its Read and Write methods return errors.ErrUnsupported.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return c.socket.SyscallConn() }

// SetNoDelay turns Nagle's algorithm off (true, the default) or on, on TCP.
func (c *Conn) SetNoDelay(noDelay bool) error { return c.option(c.socket.SetNoDelay(noDelay)) }

// SetKeepAlive turns keep-alive on, with the default time of this package, or off.
func (c *Conn) SetKeepAlive(keepAlive bool) error {
	if !keepAlive {
		return c.SetKeepAlivePeriod(0)
	}
	return c.SetKeepAlivePeriod(defaultKeepAlive)
}

// SetKeepAlivePeriod makes the system probe a silent peer after d and then after each d.
// Zero or a negative d turns keep-alive off.
func (c *Conn) SetKeepAlivePeriod(d time.Duration) error {
	return c.option(c.socket.SetKeepAlive(d))
}

// SetReadBuffer sets the size of the system's receive buffer, in bytes.
func (c *Conn) SetReadBuffer(bytes int) error { return c.option(c.socket.SetReadBuffer(bytes)) }

// SetWriteBuffer sets the size of the system's send buffer, in bytes.
func (c *Conn) SetWriteBuffer(bytes int) error { return c.option(c.socket.SetWriteBuffer(bytes)) }

// SetLinger selects what Close does with bytes that the system has not sent yet. With 0 it
// drops them and sends a reset. With any other value the system goes on sending them after
// Close has returned, as long as it does by default: Close never waits, and there is no
// time limit.
func (c *Conn) SetLinger(seconds int) error {
	return c.option(c.socket.SetResetOnClose(seconds == 0))
}

func (c *Conn) option(err error) error {
	return opError("set", c.local, c.remote, err)
}

const defaultKeepAlive = 15 * time.Second // as package net
