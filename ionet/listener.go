package ionet

import (
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var (
	_ net.Listener = (*Listener)(nil)
	_ syscall.Conn = (*Listener)(nil)
)

// ListenConfig configures a Listener. The zero value selects the defaults.
type ListenConfig struct {
	// Port is the port of the listener and of what it accepts. Nil means DefaultPort.
	Port *completion.Port

	// Backlog is that of completion.ListenConfig.
	Backlog int

	// ReusePort is that of completion.ListenConfig.
	ReusePort bool

	// KeepAlive is the time for keep-alive of accepted TCP connections. Zero means 15 s,
	// as in package net. A negative KeepAlive leaves keep-alive off.
	KeepAlive time.Duration
}

// Listen returns a listener on an address, on DefaultPort. It is net.Listen.
func Listen(network, address string) (net.Listener, error) {
	return ListenConfig{}.Listen(context.Background(), network, address)
}

// Listen returns a *Listener on an address, as net.ListenConfig.Listen does. The context
// is for the lookup of a name.
func (c ListenConfig) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	port, err := portOr(c.Port)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	config := completion.ListenConfig{Backlog: c.Backlog, ReusePort: c.ReusePort}
	listener, err := config.Listen(port, network, address)
	if err != nil {
		return nil, err
	}
	return NewListener(port, listener, c.KeepAlive), nil
}

// Listener is a net.Listener on a listener of a port.
type Listener struct {
	port      *completion.Port
	listener  *completion.Listener
	addr      net.Addr
	keepAlive time.Duration

	closed atomic.Bool

	accepts side
	accept  ops.Accept
}

// NewListener returns a Listener for a listener of port. It owns the listener. keepAlive
// is that of ListenConfig.
func NewListener(port *completion.Port, listener *completion.Listener, keepAlive time.Duration) *Listener {
	l := &Listener{port: port, listener: listener, addr: listener.Addr(), keepAlive: keepAlive}
	l.accept.On = listener
	return l
}

// Accept waits for the next connection and returns it: a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.AcceptConn()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptConn is Accept with the type of the connection.
func (l *Listener) AcceptConn() (*Conn, error) {
	socket, err := l.acceptSocket()
	if err != nil {
		return nil, opError("accept", nil, l.addr, err)
	}
	c := NewConn(l.port, socket)
	setKeepAlive(c, l.keepAlive)
	return c, nil
}

func (l *Listener) acceptSocket() (*completion.Socket, error) {
	l.accepts.turn.Lock()
	defer l.accepts.turn.Unlock()
	err := l.accepts.await(l.port, &l.accept, &l.accept.Op)
	return l.accept.Conn, err
}

// setKeepAlive turns keep-alive on for TCP. The system may refuse it, or the peer may have
// gone already: then the first Read reports that.
func setKeepAlive(c *Conn, keepAlive time.Duration) {
	if _, isTCP := c.local.(*net.TCPAddr); !isTCP || keepAlive < 0 {
		return
	}
	if keepAlive == 0 {
		keepAlive = defaultKeepAlive
	}
	c.socket.SetKeepAlive(keepAlive)
}

// Close closes the listener. An Accept that waits, and those to come, return an error that
// matches net.ErrClosed, and so does Close itself if the listener was closed before.
func (l *Listener) Close() error {
	l.closed.Store(true)
	l.accepts.close()
	return opError("close", nil, l.addr, l.listener.Close())
}

// Addr returns the address of the listener, also after Close.
func (l *Listener) Addr() net.Addr { return l.addr }

// SetDeadline sets the deadline of the Accept that waits and of those to come. The zero
// Time means none.
func (l *Listener) SetDeadline(t time.Time) error {
	if l.closed.Load() {
		return opError("set", nil, l.addr, net.ErrClosed)
	}
	l.accepts.setDeadline(l.port, t)
	return nil
}

// SetUnlinkOnClose is completion.Listener.SetUnlinkOnClose.
func (l *Listener) SetUnlinkOnClose(unlink bool) { l.listener.SetUnlinkOnClose(unlink) }

// SyscallConn returns access to the descriptor, as completion.Listener.SyscallConn does.
func (l *Listener) SyscallConn() (syscall.RawConn, error) { return l.listener.SyscallConn() }
