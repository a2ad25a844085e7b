package completion

import (
	"net"
	"net/netip"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

var _ syscall.Conn = (*Listener)(nil)

// Listener accepts connections of stream sockets. It belongs to its port until it is
// closed or detached. It comes from Port.Listen, ListenConfig.Listen or Port.AdoptListener.
type Listener core.Handle

func (l *Listener) core() *core.Handle { return (*core.Handle)(l) }

// ListenConfig configures a Listener. The zero value selects the defaults, which
// Port.Listen uses.
type ListenConfig struct {
	// Backlog is the number of connections that may wait to be accepted. Zero means
	// as many as the system allows. For a named pipe, it is the number of instances of the
	// pipe that wait for clients, and zero means 4.
	Backlog int

	// ReusePort lets several listeners share one TCP port. The system distributes the
	// connections among them. Listen returns an error that matches
	// errors.ErrUnsupported where the system would give all connections to one
	// listener (macOS, NetBSD, OpenBSD, FreeBSD before 12), or has no such option
	// (Windows).
	ReusePort bool
}

// Listen returns a listener on an address. The networks are "tcp", "tcp4", "tcp6" and
// "unix", and on Windows "pipe". The address has the form that package net uses. Resolving the
// name of a host may block.
//
// As in package net, "tcp" without a host, or with an unspecified one (0.0.0.0 or
// [::]), listens on IPv4 and IPv6 where one socket supports both. Where no socket
// does, on OpenBSD and DragonFly, [::] means IPv6 only, and no host or 0.0.0.0 means
// IPv4 only.
//
// The address of a pipe is its name, as in \\.\pipe\name. The pipe is a stream of bytes. Listen
// fails if a pipe of that name exists. It refuses clients of other machines, and has the
// system's default security: the user of the process, administrators and the system may
// connect, others may only read. What an Accept returns has no half close: see PipeAddr.
//
// When a unix listener is closed, its file is removed, unless SetUnlinkOnClose(false)
// was called. For an empty unix address, Linux chooses a name in the abstract
// namespace, and the other systems return EAFNOSUPPORT.
func (p *Port) Listen(network, address string) (*Listener, error) {
	return ListenConfig{}.Listen(p, network, address)
}

// Listen returns a listener of port, as Port.Listen does, with this configuration.
func (c ListenConfig) Listen(port *Port, network, address string) (*Listener, error) {
	if network == "pipe" {
		return c.listenPipe(port, address)
	}
	addr, resolved, family, err := resolveListen(network, address, port.kernel.MapsIPv4())
	if err != nil {
		return nil, opErrorOn("listen", network, nil, err)
	}
	fd, err := port.kernel.Listen(family, resolved, backend.ListenOptions{Backlog: c.Backlog, ReusePort: c.ReusePort})
	if err != nil {
		return nil, opErrorOn("listen", network, addr, err)
	}
	var remove func()
	if path := fileOf(addr); path != "" {
		remove = port.kernel.FileRemover(path)
	}
	l, err := port.addListener(fd, family == backend.Unix, remove)
	if err != nil && remove != nil {
		remove()
	}
	return l, err
}

// addListener adds a listening descriptor to the port, or closes the descriptor.
// remove, if not nil, removes the file of the listener when it is closed.
func (p *Port) addListener(fd int, isUnix bool, remove func()) (*Listener, error) {
	if !isUnix {
		// What it accepts inherits this, which saves a call per connection.
		if err := p.kernel.SetNoDelay(fd, true); err != nil {
			failure := opError("listen", nil, p.kernel.LocalAddr(fd), err)
			p.kernel.Close(fd)
			return nil, failure
		}
	}
	h, failure := p.core.AddHandle(fd, true, remove)
	added, err := p.added("listen", h, failure, isUnix)
	return (*Listener)(added), err
}

// fileOf is the file of a unix listener, "" if there is none.
func fileOf(addr net.Addr) string {
	if u, ok := addr.(*net.UnixAddr); ok && u != nil && u.Name != "" && u.Name[0] != '@' {
		return u.Name
	}
	return ""
}

// resolveListen is resolve for an address to listen on.
func resolveListen(network, address string, mapsIPv4 bool) (net.Addr, backend.Address, backend.Family, error) {
	addr, resolved, err := resolve(network, address)
	family := sys.ListenFamily(network, addr, mapsIPv4)
	if family == backend.Dual { // as an address of IPv6, whose sockets support both
		resolved.Inet = netip.AddrPortFrom(netip.IPv6Unspecified(), resolved.Inet.Port())
	}
	return addr, resolved, family, err
}

// resolve turns an address of package net into one that needs no resolver.
func resolve(network, address string) (net.Addr, backend.Address, error) {
	switch network {
	case "unix":
		addr, err := net.ResolveUnixAddr(network, address)
		if err != nil {
			return nil, backend.Address{}, err
		}
		return addr, backend.Address{Path: address}, nil
	case "tcp", "tcp4", "tcp6":
		addr, err := net.ResolveTCPAddr(network, address)
		if err != nil {
			return nil, backend.Address{}, err
		}
		resolved := addr.AddrPort()
		if !resolved.Addr().IsValid() { // no host: any
			any := netip.IPv6Unspecified()
			if network == "tcp4" {
				any = netip.IPv4Unspecified()
			}
			resolved = netip.AddrPortFrom(any, uint16(addr.Port))
		}
		return addr, backend.Address{Inet: resolved}, nil
	}
	return nil, backend.Address{}, net.UnknownNetworkError(network)
}

// Close ends the Accepts of the listener with net.ErrClosed: those in flight, and those
// that are submitted later. Close never blocks. The address is free again when the last
// Accept has ended, before that Accept can be dequeued. Closing again returns
// net.ErrClosed.
func (l *Listener) Close() error { return closedUnless(l.core().Close()) }

// Addr returns the address of the listener. It makes a system call each time. The
// result is never nil: after Close it is an empty address, as that of
// Socket.LocalAddr.
func (l *Listener) Addr() net.Addr {
	if at := ask(l.core(), kernel.LocalAddr); at != nil {
		return at
	}
	_, isUnix := l.core().Past()
	return noAddr(isUnix)
}

// SetUnlinkOnClose selects whether closing a unix listener removes its file. The
// default is true for a listener from Listen. For an adopted listener, the default is
// that of the listener of package net.
//
// Only the listener's own file is removed. Another file that has replaced it, for
// instance that of a new server, stays. An adopted listener takes the file at its
// address for its own, and so does SetUnlinkOnClose(true) after
// SetUnlinkOnClose(false).
//
// SetUnlinkOnClose does nothing for a listener that is closed, and for one without a
// file: a TCP listener, one in the abstract namespace, or one on a Memory.
func (l *Listener) SetUnlinkOnClose(unlink bool) {
	h := l.core()
	fd, ok := h.Acquire()
	if !ok {
		return
	}
	defer h.Release()
	switch {
	case !unlink:
		h.SetAtClose(nil)
	case !h.HasAtClose(): // else it knows the file since it was made
		if path := fileOf(kernelOf(h).LocalAddr(fd)); path != "" {
			h.SetAtClose(kernelOf(h).FileRemover(path))
		}
	}
}

// SyscallConn returns access to the descriptor, as Socket.SyscallConn does.
func (l *Listener) SyscallConn() (syscall.RawConn, error) { return rawConn{l.core()}, nil }
