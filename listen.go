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
	// connections. Where it would give all to one of them (macOS, NetBSD, OpenBSD,
	// FreeBSD before 12) or has no such option (Windows), Listen returns
	// errors.ErrUnsupported.
	ReusePort bool
}

// Listen returns a listener on the address, in the words of package net. The
// networks are "tcp", "tcp4", "tcp6" and "unix". As in package net, "tcp" without
// a host, or with an unspecified one (0.0.0.0 or [::]), listens on IPv4 and IPv6,
// where a socket speaks both. Where none does, on OpenBSD and DragonFly, [::] means
// IPv6 alone, and the others IPv4. Resolving a host's name may block. The file of a
// unix listener is removed when it is closed, unless SetUnlinkOnClose says otherwise.
// To a unix listener with an empty address Linux gives a name of the abstract
// namespace; other systems refuse it with EAFNOSUPPORT.
func (p *Port) Listen(network, address string) (*Listener, error) {
	return ListenConfig{}.Listen(p, network, address)
}

// Listen is Port.Listen with this configuration.
func (c ListenConfig) Listen(p *Port, network, address string) (*Listener, error) {
	addr, resolved, family, err := resolveListen(network, address, p.kernel.MapsIPv4())
	if err != nil {
		return nil, opErrorOn("listen", network, nil, err)
	}
	fd, err := p.kernel.Listen(family, resolved, backend.ListenOptions{Backlog: c.Backlog, ReusePort: c.ReusePort})
	if err != nil {
		return nil, opErrorOn("listen", network, addr, err)
	}
	var remove func()
	if path := fileOf(addr); path != "" {
		remove = p.kernel.FileRemover(path)
	}
	l, err := p.addListener(fd, family == backend.Unix, remove)
	if err != nil && remove != nil {
		remove()
	}
	return l, err
}

// addListener makes a listening descriptor the port's, or closes it. remove, if not
// nil, removes its file in the end.
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
	if family == backend.Dual { // in the words of the family that speaks both
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

// Close refuses new accepts and ends those in flight with net.ErrClosed. It
// never blocks: the address is free again when the last of them has ended,
// which is before that one can be dequeued. Closing again returns
// net.ErrClosed.
func (l *Listener) Close() error { return closedUnless(l.core().Close()) }

// Addr returns the address listened on. It asks the system each time, and is never nil:
// when the listener is closed it returns an address without content, as
// Socket.LocalAddr.
func (l *Listener) Addr() net.Addr {
	if at := ask(l.core(), kernel.LocalAddr); at != nil {
		return at
	}
	_, isUnix := l.core().Past()
	return noAddr(isUnix)
}

// SetUnlinkOnClose says whether the file of a unix listener is removed when the
// listener is closed. By default it is, if Listen has made it; an adopted listener
// does what package net's would have done. Only the listener's own file is
// removed: one that has taken its place, say of a new server, stays. For an
// adopted listener, and after SetUnlinkOnClose(false), the file at its address is
// taken for its own.
//
// There is no effect on a listener without a file, of TCP or of the abstract
// namespace or on a Memory, or on one that is closed.
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

// SyscallConn is Socket.SyscallConn.
func (l *Listener) SyscallConn() (syscall.RawConn, error) { return rawConn{l.core()}, nil }
