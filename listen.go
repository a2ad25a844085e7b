package completion

import (
	"net"
	"net/netip"
	"syscall"

	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

var _ syscall.Conn = (*Listener)(nil)

// Listener accepts connections of stream sockets. It comes from Port.Listen or
// Port.AdoptListener and belongs to its port for its whole life.
type Listener core.Handle

func (l *Listener) core() *core.Handle { return (*core.Handle)(l) }

// ListenConfig says how a listener is to be. The zero ListenConfig is that of
// Port.Listen.
type ListenConfig struct {
	// Backlog is the number of connections that may wait to be accepted. Zero
	// means as many as the system allows.
	Backlog int

	// ReusePort lets several listeners share one TCP port; the system spreads the
	// connections. Where it would give all to one of them (macOS, NetBSD,
	// OpenBSD), Listen returns errors.ErrUnsupported.
	ReusePort bool
}

// Listen returns a listener on the address, in the words of package net. The
// networks are "tcp", "tcp4", "tcp6" and "unix". As in package net, "tcp" without
// a host, or with an unspecified one (0.0.0.0 or [::]), listens on IPv4 and IPv6,
// and on IPv4 alone where no socket speaks both. Resolving a host's name may
// block. The file of a unix listener is removed when it is closed.
func (p *Port) Listen(network, address string) (*Listener, error) {
	return ListenConfig{}.Listen(p, network, address)
}

// Listen is Port.Listen with this configuration.
func (c ListenConfig) Listen(p *Port, network, address string) (*Listener, error) {
	addr, resolved, family, err := resolveListen(network, address)
	if err != nil {
		return nil, &OpError{Op: "listen", Err: err}
	}
	fd, err := p.kernel.Listen(family, resolved, sys.ListenOptions{Backlog: c.Backlog, ReusePort: c.ReusePort})
	if err != nil {
		return nil, &OpError{Op: "listen", Local: addr, Err: err}
	}
	path := ""
	if resolved.Path != "" && resolved.Path[0] != '@' {
		path = resolved.Path
	}
	l, err := p.addListener(fd, family != sys.Unix, path)
	if err != nil && path != "" {
		p.kernel.RemoveFile(path)
	}
	return l, err
}

// addListener makes a listening descriptor the port's, or closes it. path is
// the file to remove in the end.
func (p *Port) addListener(fd int, isTCP bool, path string) (*Listener, error) {
	if isTCP {
		// What it accepts inherits this, which saves a call per connection.
		if err := p.kernel.SetNoDelay(fd, true); err != nil {
			p.kernel.Close(fd)
			return nil, &OpError{Op: "listen", Err: err}
		}
	}
	var removeFile func()
	if path != "" {
		removeFile = func() { p.kernel.RemoveFile(path) }
	}
	h, err := p.add("listen", fd, true, removeFile)
	return (*Listener)(h), err
}

// resolveListen is resolve for an address to listen on.
func resolveListen(network, address string) (net.Addr, core.Address, sys.Family, error) {
	addr, resolved, err := resolve(network, address)
	family := sys.ListenFamily(network, addr)
	if family == sys.Dual { // in the words of the family that speaks both
		resolved.Inet = netip.AddrPortFrom(netip.IPv6Unspecified(), resolved.Inet.Port())
	}
	return addr, resolved, family, err
}

// resolve turns an address of package net into one that needs no resolver.
func resolve(network, address string) (net.Addr, core.Address, error) {
	switch network {
	case "unix":
		addr, err := net.ResolveUnixAddr(network, address)
		if err != nil {
			return nil, core.Address{}, err
		}
		return addr, core.Address{Path: address}, nil
	case "tcp", "tcp4", "tcp6":
		addr, err := net.ResolveTCPAddr(network, address)
		if err != nil {
			return nil, core.Address{}, err
		}
		resolved := addr.AddrPort()
		if !resolved.Addr().IsValid() { // no host: any
			any := netip.IPv6Unspecified()
			if network == "tcp4" {
				any = netip.IPv4Unspecified()
			}
			resolved = netip.AddrPortFrom(any, uint16(addr.Port))
		}
		return addr, core.Address{Inet: resolved}, nil
	}
	return nil, core.Address{}, net.UnknownNetworkError(network)
}

// Close refuses new accepts and ends those in flight with net.ErrClosed. It
// never blocks: the address is free again when the last of them has ended,
// which is before that one can be dequeued. Closing again returns
// net.ErrClosed.
func (l *Listener) Close() error { return closedUnless(l.core().Close()) }

// Addr returns the address listened on, nil if the listener is closed.
func (l *Listener) Addr() net.Addr {
	local, _ := addresses(l.core())
	return local
}

// SyscallConn is Socket.SyscallConn.
func (l *Listener) SyscallConn() (syscall.RawConn, error) { return rawConn{l.core()}, nil }
