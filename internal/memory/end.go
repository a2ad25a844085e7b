package memory

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var (
	_ net.Conn     = (*Conn)(nil)
	_ net.Listener = (*Listener)(nil)
)

// end is the common part of a test's Conn and Listener: it owns a socket, and goroutines
// wait for changes of that socket.
type end struct {
	network *Network
	socket  *Socket
	name    string // of the network, for errors
	local   net.Addr
	remote  net.Addr

	changed sync.Cond // signaled at each change; uses the network's lock
	closed  bool
}

func (e *end) init(n *Network, k *Socket, network string) {
	e.network, e.socket, e.name = n, k, network
	e.local, e.remote = k.LocalAddr(), k.RemoteAddr()
	e.changed.L = &n.mu
	k.Retain()
	k.Told = e.changed.Broadcast
}

// errorOf returns an error in the form of package net. An errno becomes an
// *os.SyscallError.
func (e *end) errorOf(op string, err error) error {
	if errno, ok := err.(backend.Errno); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: e.name, Source: e.local, Addr: e.remote, Err: err}
}

// set runs f, and wakes the goroutines that wait, since f may change what they wait for.
func (e *end) set(f func()) error {
	e.network.lock()
	defer e.network.mu.Unlock()
	if e.closed {
		return e.errorOf("set", net.ErrClosed)
	}
	f()
	e.changed.Broadcast()
	return nil
}

// close releases the socket.
func (e *end) close() error {
	e.network.lock()
	defer e.network.mu.Unlock()
	if e.closed {
		return e.errorOf("close", net.ErrClosed)
	}
	e.closed = true
	e.socket.Told = nil
	e.socket.Release()
	e.changed.Broadcast()
	return nil
}

// Conn is a test's own end of a connection: a blocking net.Conn.
type Conn struct {
	end
	writing bool // one goroutine writes all its bytes before the next
	// The deadlines of reads and of writes; Never for no limit.
	readUntil, writeUntil int64
}

func newConn(n *Network, k *Socket, network string) *Conn {
	c := &Conn{readUntil: Never, writeUntil: Never}
	c.init(n, k, network)
	return c
}

// Dial connects to an address, and waits until the connect has ended.
func (n *Network) Dial(network string, family backend.Family, to backend.Address) (*Conn, error) {
	n.lock()
	defer n.mu.Unlock()
	k := n.system.Open(family)
	c := newConn(n, k, network)
	errno := k.Connect(to)
	for errno == errInProgress {
		if errno = k.Connected(); errno == errInProgress {
			n.wait(&c.changed, Never)
		}
	}
	if errno != 0 {
		k.Told = nil
		k.Release()
		return nil, os.NewSyscallError("connect", errno)
	}
	c.local, c.remote = k.LocalAddr(), k.RemoteAddr()
	return c, nil
}

// Read waits for bytes, and returns io.EOF at the end of the stream.
func (c *Conn) Read(p []byte) (int, error) {
	c.network.lock()
	defer c.network.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.errorOf("read", net.ErrClosed)
		case len(p) == 0:
			return 0, nil
		case c.readUntil <= sys.Now():
			return 0, c.errorOf("read", os.ErrDeadlineExceeded)
		}
		switch n, errno := c.socket.Read(p); {
		case n > 0:
			return n, nil
		case errno == 0:
			return 0, io.EOF
		case errno != errAgain:
			return 0, c.errorOf("read", errno)
		}
		c.network.wait(&c.changed, c.readUntil)
	}
}

// Write waits until all of p is sent.
func (c *Conn) Write(p []byte) (int, error) {
	c.network.lock()
	defer c.network.mu.Unlock()
	for c.writing && !c.closed {
		c.changed.Wait()
	}
	c.writing = true
	defer func() {
		c.writing = false
		c.changed.Broadcast()
	}()
	for sent := 0; ; {
		switch {
		case c.closed:
			return sent, c.errorOf("write", net.ErrClosed)
		case sent == len(p) && sent > 0:
			return sent, nil
		case c.writeUntil <= sys.Now():
			return sent, c.errorOf("write", os.ErrDeadlineExceeded)
		}
		switch n, errno := c.socket.Write(p[sent:]); {
		case errno == 0:
			if sent += n; sent == len(p) {
				return sent, nil
			}
		case errno != errAgain:
			return sent, c.errorOf("write", errno)
		}
		c.network.wait(&c.changed, c.writeUntil)
	}
}

// WriteUrgent writes bytes of which the last is urgent, as send(2) with MSG_OOB does. The
// urgent byte is not part of the stream, and reads stop where it was. It can't be received
// here.
func (c *Conn) WriteUrgent(p []byte) (int, error) {
	n, err := c.Write(p[:len(p)-1])
	if err != nil {
		return n, err
	}
	return n + 1, c.mark()
}

// WriteMessage is Write, and reads stop behind its bytes, as reads of unix sockets do
// behind a message with descriptors. It fails on TCP, which has no messages.
func (c *Conn) WriteMessage(p []byte) (int, error) {
	if c.socket.Family() != backend.Unix {
		return 0, c.errorOf("write", errNotSupported)
	}
	n, err := c.Write(p)
	if err == nil {
		err = c.mark()
	}
	return n, err
}

// mark makes the other end's reads stop behind the bytes written so far.
func (c *Conn) mark() error {
	c.network.lock()
	defer c.network.mu.Unlock()
	if c.closed {
		return c.errorOf("write", net.ErrClosed)
	}
	if errno := c.socket.Mark(); errno != 0 {
		return c.errorOf("write", errno)
	}
	return nil
}

// CloseWrite sends the end of the stream.
func (c *Conn) CloseWrite() error {
	c.network.lock()
	defer c.network.mu.Unlock()
	if c.closed {
		return c.errorOf("close", net.ErrClosed)
	}
	if errno := c.socket.CloseWrite(); errno != 0 {
		return c.errorOf("shutdown", errno)
	}
	return nil
}

// Close closes this end at once. It sends a reset if there are unread bytes.
func (c *Conn) Close() error { return c.close() }

// SetLinger with 0 makes Close send a reset.
func (c *Conn) SetLinger(seconds int) error {
	return c.set(func() { c.socket.SetResetOnClose(seconds == 0) })
}

// SetReadBuffer sets the size of the receive buffer.
func (c *Conn) SetReadBuffer(bytes int) error { return c.set(func() { c.socket.SetBuffers(0, bytes) }) }

// SetWriteBuffer sets the size of the send buffer.
func (c *Conn) SetWriteBuffer(bytes int) error {
	return c.set(func() { c.socket.SetBuffers(bytes, 0) })
}

// LocalAddr returns this end's address.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the other end's address.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.set(func() { c.readUntil, c.writeUntil = moment(t), moment(t) })
}

// SetReadDeadline sets the deadline of reads, also of a read that waits.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.set(func() { c.readUntil = moment(t) })
}

// SetWriteDeadline sets the deadline of writes, also of a write that waits.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.set(func() { c.writeUntil = moment(t) })
}

// moment returns t on the network's clock, Never for the zero time.
func moment(t time.Time) int64 {
	if t.IsZero() {
		return Never
	}
	if d := time.Until(t); d < time.Duration(Never-sys.Now()) {
		return sys.Now() + int64(d)
	}
	return Never
}

// Listener is a test's own listener.
type Listener struct{ end }

// Listen returns a listener for the test itself.
func (n *Network) Listen(network string, family backend.Family, at backend.Address) (*Listener, error) {
	n.lock()
	defer n.mu.Unlock()
	k, errno := n.system.Listen(family, at, backend.ListenOptions{})
	if errno != 0 {
		return nil, os.NewSyscallError("bind", errno)
	}
	l := &Listener{}
	l.init(n, k, network)
	return l, nil
}

// Accept waits for a connection.
func (l *Listener) Accept() (net.Conn, error) {
	l.network.lock()
	defer l.network.mu.Unlock()
	for {
		if l.closed {
			return nil, l.errorOf("accept", net.ErrClosed)
		}
		k, errno := l.socket.Accept()
		if errno == 0 {
			return newConn(l.network, k, l.name), nil
		}
		if errno != errAgain {
			return nil, l.errorOf("accept", errno)
		}
		l.network.wait(&l.changed, Never)
	}
}

// Close makes later connects fail. It resets connections that have not been accepted.
func (l *Listener) Close() error { return l.close() }

// SetUnlinkOnClose has no effect: there is no file. Package net's listeners have it.
func (l *Listener) SetUnlinkOnClose(bool) {}

// Addr returns the address of the listener.
func (l *Listener) Addr() net.Addr { return l.local }

// Reset closes a connection of this network with a reset.
func (n *Network) Reset(c net.Conn) error {
	own, ok := c.(*Conn)
	if !ok || own.network != n {
		return errors.ErrUnsupported
	}
	if err := own.SetLinger(0); err != nil {
		return err
	}
	return own.Close()
}
