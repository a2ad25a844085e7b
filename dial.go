package completion

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

// Dialer connects to addresses that may have the name of a host. The zero value selects
// the defaults, which Port.Dial uses.
type Dialer struct {
	// Timeout limits the whole Dial: the lookup of the name and all connects. Zero
	// means no limit but that of the context.
	Timeout time.Duration

	// AttemptTimeout limits the connect to each single address. Zero means no limit
	// but those of the whole Dial and of the system.
	AttemptTimeout time.Duration

	// AttemptDelay is the time that Dial waits for a connect before it also tries the
	// next address of the host. A connect that fails lets the next one begin at once.
	// Zero means 250 ms, the value of RFC 8305. A negative AttemptDelay makes Dial try
	// one address after the other.
	AttemptDelay time.Duration

	// LocalAddr is the local address, a *net.TCPAddr or a *net.UnixAddr. Only addresses
	// of its family are tried. Nil lets the system choose.
	LocalAddr net.Addr

	// KeepAlive is the time for Socket.SetKeepAlive. Zero leaves keep-alive off.
	KeepAlive time.Duration

	// Resolver looks up names. Nil means net.DefaultResolver. A port on a Memory asks
	// that Memory instead: see Memory.SetHost.
	Resolver *net.Resolver
}

// Dial connects to an address and returns the socket, in await style: the calling
// goroutine waits, and does the port's work meanwhile. The networks are "tcp", "tcp4",
// "tcp6" and "unix", and on Windows "pipe". The address has the form that package net uses:
// "host:port", or the path of a unix socket. The host may be a name and the port the name of a
// service. No host means this machine. The address of a pipe is its name, as in \\.\pipe\name;
// if none of its instances waits for a client, Dial waits until one does.
//
// If a name has several addresses, Dial tries them as RFC 8305 ("Happy Eyeballs") says:
// alternately of IPv6 and IPv4, the next one when the last has failed or has not
// connected within 250 ms, until one is connected. It closes the others.
//
// If ctx ends, Dial ends with an error that matches the error of ctx. Any error is a
// *net.OpError with the operation "dial". If several addresses were tried, it matches
// the errors of all of them. If nothing listens at an address of this machine, the system
// connects a socket to itself on rare occasions: Dial then tries again.
//
// Dial ends with its connects, and leaves none of its goroutines behind. At most 16 Dials
// of the process look names up at the same time, others wait. If ctx ends during a lookup,
// Dial does not wait for it: the resolver of package net goes on in the background, as it
// does for package net, until the lookup has ended.
func (p *Port) Dial(ctx context.Context, network, address string) (*Socket, error) {
	return Dialer{}.Dial(ctx, p, network, address)
}

// Dial connects to an address, as Port.Dial does, with this configuration.
func (d Dialer) Dial(ctx context.Context, port *Port, network, address string) (*Socket, error) {
	if d.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.Timeout)
		defer cancel()
	}
	d.LocalAddr = copyOf(d.LocalAddr) // nil for a nil pointer
	t := dialing{Dialer: d, port: port, network: network}
	socket, err := t.dial(ctx, address)
	if err == nil {
		return socket, nil
	}
	var only *net.OpError
	if errors.As(err, &only) && err == error(only) { // of one address, which it names
		only = &net.OpError{Op: "dial", Net: network, Source: only.Source, Addr: only.Addr, Err: only.Err}
		if only.Source == nil {
			only.Source = d.LocalAddr
		}
		return nil, only
	}
	return nil, &net.OpError{Op: "dial", Net: network, Source: d.LocalAddr, Err: err}
}

// dialing is one Dial.
type dialing struct {
	Dialer
	port    *Port
	network string
}

func (t *dialing) dial(ctx context.Context, address string) (*Socket, error) {
	if err := ctx.Err(); err != nil {
		return nil, endOfDial(ctx)
	}
	switch t.network {
	case "unix":
		if address == "" {
			return nil, &net.AddrError{Err: "missing address"}
		}
		return t.connect(ctx, &net.UnixAddr{Net: "unix", Name: address})
	case "pipe":
		return t.dialPipe(ctx, address)
	case "tcp", "tcp4", "tcp6":
		return t.dialTCP(ctx, address)
	}
	return nil, net.UnknownNetworkError(t.network)
}

// connect makes a socket and connects it.
func (t *dialing) connect(ctx context.Context, to net.Addr) (*Socket, error) {
	const tries = 3 // as package net has them
	for left := tries; ; left-- {
		s, err := t.connectOnce(ctx, to)
		switch {
		case err == nil && left > 1 && isSelfConnected(s, t.LocalAddr):
			s.Close()
		case err != nil && left > 1 && t.LocalAddr == nil && isAddressTaken(err):
		case err != nil && ctx.Err() != nil:
			return nil, opErrorOn("connect", t.network, to, endOfDial(ctx))
		default:
			return s, err
		}
	}
}

func (t *dialing) connectOnce(ctx context.Context, to net.Addr) (*Socket, error) {
	s, err := t.socketFor(to)
	if err != nil {
		return nil, err
	}
	connect := &connectOp{on: s, to: to, beneath: core.IsOfWork(ctx)}
	if t.AttemptTimeout > 0 {
		connect.Timeout = t.AttemptTimeout
	}
	if err := t.await(ctx, connect); err != nil {
		s.Close()
		var system *net.OpError
		if !errors.As(err, &system) {
			err = opErrorOn("connect", t.network, to, err)
		}
		return nil, err
	}
	if t.KeepAlive > 0 {
		s.SetKeepAlive(t.KeepAlive) // which the system may refuse: the connection is there
	}
	return s, nil
}

func (t *dialing) await(ctx context.Context, c *connectOp) (err error) {
	if !c.beneath {
		return t.port.Await(ctx, c)
	}
	core.WaitInWork(func() { err = t.port.Await(ctx, c) })
	return err
}

// socketFor makes a socket of the family of an address, bound to LocalAddr.
func (t *dialing) socketFor(to net.Addr) (*Socket, error) {
	network := t.network
	if a, ok := to.(*net.TCPAddr); ok {
		network = "tcp6"
		if a.AddrPort().Addr().Unmap().Is4() {
			network = "tcp4"
		}
	}
	s, err := t.port.Socket(network)
	var failure *net.OpError
	if errors.As(err, &failure) {
		failure.Addr = to // a program with many peers learns which one it did not reach
	}
	if err != nil || t.LocalAddr == nil {
		return s, err
	}
	if err := t.bind(s, network); err != nil {
		s.Close()
		return nil, &net.OpError{Op: "bind", Net: t.network, Source: t.LocalAddr, Addr: to, Err: err}
	}
	return s, nil
}

// bind binds a socket to LocalAddr. An address without IP is one of the socket's family.
func (t *dialing) bind(s *Socket, network string) error {
	local := backend.AddressOf(t.LocalAddr)
	switch a := t.LocalAddr.(type) {
	case *net.TCPAddr:
		switch {
		case local.BadPort:
			return os.NewSyscallError("bind", sys.ErrorOf(backend.EINVAL))
		case len(a.IP) > 0:
		case network == "tcp4":
			local.Inet = netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(a.Port))
		case network == "tcp6":
			local.Inet = netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(a.Port))
		}
	case *net.UnixAddr:
		if a.Name == "" {
			return nil // as package net: no name
		}
	}
	fd, ok := s.core().Acquire()
	if !ok {
		return net.ErrClosed
	}
	defer s.core().Release()
	return sys.Explained(kernelOf(s.core()).Bind(fd, local))
}

// isSelfConnected reports whether a TCP socket is its own peer: the system may choose
// for it the local port that it is to reach.
func isSelfConnected(s *Socket, bound net.Addr) bool {
	local, isTCP := s.LocalAddr().(*net.TCPAddr)
	remote, _ := s.RemoteAddr().(*net.TCPAddr)
	if b, ok := bound.(*net.TCPAddr); ok && b != nil && b.Port != 0 {
		return false // that is what the program has asked for
	}
	return isTCP && remote != nil && local.Port != 0 && local.Port == remote.Port && local.IP.Equal(remote.IP)
}

// isAddressTaken reports whether the system has chosen a local port that was taken
// meanwhile, or the one of a connection that is closing.
func isAddressTaken(err error) bool {
	return errors.Is(err, backend.EADDRNOTAVAIL)
}

// endOfDial is the error of a Dial whose context has ended.
func endOfDial(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return dialTimeout{}
	}
	return canceledBy(ctx)
}

// dialTimeout matches both errors of a time that is up: that of operations and that of
// contexts.
type dialTimeout struct{}

func (dialTimeout) Error() string   { return "i/o timeout" }
func (dialTimeout) Timeout() bool   { return true }
func (dialTimeout) Temporary() bool { return true }

// Is makes errors.Is match them.
func (dialTimeout) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}

// connectOp is ops.Connect, which this package can't import.
type connectOp struct {
	Op
	on      *Socket
	to      net.Addr
	address backend.Address
	beneath bool // an ops.Dial counts for it
}

func (c *connectOp) Describe(r *core.Request) {
	c.Op.Describe(r)
	c.address = backend.AddressOf(c.to)
	r.Kind, r.Handle, r.Address, r.Target = backend.Connect, c.on.core(), &c.address, c.to
	r.Beneath = c.beneath
}

// dialErrors are the errors of the addresses that were tried.
type dialErrors []error

func (e dialErrors) Error() string { return errors.Join(e...).Error() }

func (e dialErrors) Unwrap() []error { return e }

// Timeout reports whether all of them are time-outs.
func (e dialErrors) Timeout() bool {
	for _, err := range e {
		if t, ok := err.(net.Error); !ok || !t.Timeout() {
			return false
		}
	}
	return true
}
