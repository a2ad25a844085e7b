package ionet

import (
	"context"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var (
	_ net.Conn      = (*Conn)(nil)
	_ syscall.Conn  = (*Conn)(nil)
	_ io.ReaderFrom = (*Conn)(nil)
	_ io.WriterTo   = (*Conn)(nil)
)

// Conn is a net.Conn on a socket of a port. It comes from a Listener, a Dialer or
// NewConn. It has the methods of *net.TCPConn that make sense for both TCP and unix
// sockets.
type Conn struct {
	base
	socket *completion.Socket
	read   ops.Read
	in     completion.Buffer
	write  ops.Write
	out    completion.Buffer
}

// NewConn returns a Conn for a connected socket of port. The Conn owns the socket: Close
// closes it. Operations that the program submits on the socket by itself take turns with
// those of the Conn.
func NewConn(port *completion.Port, socket *completion.Socket) *Conn {
	c := &Conn{base: base{port: port, local: socket.LocalAddr(), remote: socket.RemoteAddr()}, socket: socket}
	c.read.From, c.write.To = socket, socket
	return c
}

// Socket returns the socket of the connection, for operations of package ops and for
// socket options.
func (c *Conn) Socket() *completion.Socket { return c.socket }

// Port returns the port of the connection.
func (c *Conn) Port() *completion.Port { return c.port }

// Read reads from the connection, as net.Conn says. The port owns p until Read returns.
func (c *Conn) Read(p []byte) (int, error) {
	c.reads.turn.Lock()
	defer c.reads.turn.Unlock()
	if len(p) == 0 {
		return 0, c.emptyRead()
	}
	c.in.Set(p)
	c.read.Buf, c.read.Pool = &c.in, nil
	n, err := c.awaitRead()
	c.in.Set(nil) // the memory is the caller's again
	return n, err
}

// emptyRead is a read of no bytes, which the port does not perform.
func (c *Conn) emptyRead() error {
	switch {
	case c.closed.Load():
		return opError("read", c.local, c.remote, net.ErrClosed)
	case c.reads.isPast():
		return opError("read", c.local, c.remote, os.ErrDeadlineExceeded)
	}
	return nil
}

// ReadReady waits until there is data, or the stream ends, and returns the data in a
// buffer of pool, which must be a pool of the connection's port. While it waits, the
// connection holds no buffer. The caller releases the buffer. If err is not nil, there is
// no buffer.
func (c *Conn) ReadReady(pool *completion.Pool) (*completion.Buffer, error) {
	c.reads.turn.Lock()
	defer c.reads.turn.Unlock()
	c.read.Buf, c.read.Pool = nil, pool
	_, err := c.awaitRead()
	b := c.read.Buf
	c.read.Buf, c.read.Pool = nil, nil
	return b, err
}

// awaitRead performs the read. The turn is held.
func (c *Conn) awaitRead() (int, error) {
	err := c.reads.await(c.port, &c.read, &c.read.Op)
	switch {
	case err == errOver: // the port has not performed it
		c.read.Buf = nil
		if err := c.emptyRead(); err != nil {
			return 0, err
		}
		return 0, io.EOF
	case err == completion.ErrCanceled && c.reads.isOver():
		err = io.EOF
	case err != io.EOF:
		err = opError("read", c.local, c.remote, err)
	}
	return c.read.N(), err
}

// Write writes all of p to the connection, or returns how much of it was written and an
// error, as net.Conn says. The port owns p until Write returns.
func (c *Conn) Write(p []byte) (int, error) {
	c.writes.turn.Lock()
	defer c.writes.turn.Unlock()
	return c.writeAll(p)
}

// writeAll is Write. The turn is held.
func (c *Conn) writeAll(p []byte) (int, error) {
	c.out.Set(p)
	c.write.Buf = &c.out
	err := c.writes.await(c.port, &c.write, &c.write.Op)
	n := c.write.N()
	c.out.Set(nil) // the memory is the caller's again
	return n, opError("write", c.local, c.remote, err)
}

// Close closes the connection. Reads and Writes that wait, and those to come, return an error
// that matches net.ErrClosed, and so does Close itself if the connection was closed before.
func (c *Conn) Close() error {
	c.close()
	return opError("close", c.local, c.remote, c.socket.Close())
}

// CloseWrite sends the end of the stream to the peer, behind the Writes that are under
// way. Writes after it fail.
func (c *Conn) CloseWrite() error {
	c.writes.turn.Lock()
	defer c.writes.turn.Unlock()
	end := &ops.CloseWrite{On: c.socket}
	return opError("close", c.local, c.remote, c.port.Await(context.Background(), end))
}

// CloseRead ends Read and ReadReady, those that wait and those to come, with io.EOF. The
// peer is not told: what it sends stays in the system's buffers.
func (c *Conn) CloseRead() error {
	if c.closed.Load() {
		return opError("close", c.local, c.remote, net.ErrClosed)
	}
	c.reads.end(c.port)
	return nil
}
