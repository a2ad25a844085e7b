package completion

import (
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

var _ syscall.Conn = (*PacketSocket)(nil)

// PacketSocket is a datagram socket of a port: UDP over IPv4 or IPv6, or unix. It belongs
// to that port until it is closed or detached. It comes from Port.ListenPacket or
// PacketConfig.Listen, with a peer from Port.DialPacket, Port.DialPacketTo or
// Dialer.DialPacket, or from Port.AdoptPacketConn. Package ops has the operations on it, such
// as ReadFrom and WriteTo.
//
// No error ends a PacketSocket: each is the outcome of one operation. A datagram socket has
// no end of the stream, and no direction of it breaks.
type PacketSocket core.Handle

func (s *PacketSocket) core() *core.Handle { return (*core.Handle)(s) }

// PacketConfig configures a PacketSocket. The zero value selects the defaults, which
// Port.ListenPacket uses.
type PacketConfig struct {
	// ReusePort lets several sockets share one UDP port. The system distributes the
	// datagrams among them, those of one sender always to the same socket. Listen returns
	// an error that matches errors.ErrUnsupported where ListenConfig.ReusePort has that
	// effect.
	ReusePort bool

	// Broadcast allows datagrams to broadcast addresses: see PacketSocket.SetBroadcast.
	Broadcast bool

	// Reports selects what the socket reports about datagrams: see PacketSocket.SetReports.
	Reports Reports
}

// ListenPacket returns a datagram socket on an address. The networks are "udp", "udp4",
// "udp6" and "unixgram". The address has the form that package net uses. Resolving the name
// of a host may block.
//
// As in package net, "udp" without a host, or with an unspecified one (0.0.0.0 or [::]),
// receives on IPv4 and IPv6 where one socket supports both. Where no socket does, on OpenBSD
// and DragonFly, [::] means IPv6 only, and no host or 0.0.0.0 means IPv4 only. A multicast
// address means its port on every address, which other sockets can share: call JoinGroup to
// receive the datagrams of the group.
//
// When a unix socket is closed, its file is removed, which package net does not do. An empty
// unix address means a socket without one: nobody can answer it. On Windows there are no
// unix datagrams: the error matches errors.ErrUnsupported.
func (p *Port) ListenPacket(network, address string) (*PacketSocket, error) {
	return PacketConfig{}.Listen(p, network, address)
}

// Listen returns a datagram socket of port, as Port.ListenPacket does, with this
// configuration.
func (c PacketConfig) Listen(port *Port, network, address string) (*PacketSocket, error) {
	addr, at, family, err := resolvePackets(network, address, port.kernel.MapsIPv4())
	if err != nil {
		return nil, opErrorOn("listen", network, nil, err)
	}
	s, err := c.open(port, family, at)
	if err != nil {
		return nil, opErrorOn("listen", network, addr, err)
	}
	if c.Reports != 0 {
		if err := s.SetReports(c.Reports); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// DialPacket returns a datagram socket that is connected to an address: it sends to this
// address, and receives from it only. DialPacket sends nothing. The networks are those of
// ListenPacket, and the system chooses the local address. A unix socket gets no local address,
// so its peer can't answer: if it must, use ListenPacket and Connect.
func (p *Port) DialPacket(network, address string) (*PacketSocket, error) {
	addr, to, err := resolvePacket(network, address)
	if err != nil {
		return nil, opErrorOn("dial", network, nil, err)
	}
	s, err := PacketConfig{}.open(p, packetFamily(network, addr), backend.Address{})
	if err != nil {
		return nil, opErrorOn("dial", network, addr, err)
	}
	if err := s.connect(to); err != nil {
		s.Close()
		return nil, opErrorOn("dial", network, addr, err)
	}
	return s, nil
}

// DialPacketTo is DialPacket for an address of UDP that needs no resolver. It allocates nothing
// but the PacketSocket: a client that asks many servers can use a socket for each.
func (p *Port) DialPacketTo(to netip.AddrPort) (*PacketSocket, error) {
	family := backend.IPv6
	if to.Addr().Unmap().Is4() {
		family = backend.IPv4
	}
	s, err := PacketConfig{}.open(p, family, backend.Address{})
	if err == nil {
		if err = s.connectTo(backend.Address{Inet: to}); err == nil {
			return s, nil
		}
		s.Close()
	}
	return nil, opErrorOn("dial", "udp", net.UDPAddrFromAddrPort(to), err)
}

// open opens a socket and makes it one of the port.
func (c PacketConfig) open(port *Port, family backend.Family, at backend.Address) (*PacketSocket, error) {
	fd, err := port.kernel.PacketSocket(family, at, backend.PacketOptions{ReusePort: c.ReusePort, Broadcast: c.Broadcast})
	if err != nil {
		return nil, err
	}
	var remove func()
	if at.Path != "" && at.Path[0] != '@' {
		remove = port.kernel.FileRemover(at.Path)
	}
	h, failure := port.core.AddHandle(fd, false, remove)
	switch {
	case failure == nil:
		if family == backend.Unix {
			h.SetUnix()
		}
		h.SetDatagrams()
		return (*PacketSocket)(h), nil
	case remove != nil:
		remove()
	}
	if failure.Code == core.System {
		return nil, os.NewSyscallError(failure.Call, failure.Errno)
	}
	return nil, errorOf(failure)
}

// resolvePackets resolves the address of a socket that receives.
func resolvePackets(network, address string, mapsIPv4 bool) (net.Addr, backend.Address, backend.Family, error) {
	if network == "unixgram" && address == "" {
		return nil, backend.Address{}, backend.Unix, nil
	}
	addr, at, err := resolvePacket(network, address)
	if err != nil {
		return nil, backend.Address{}, 0, err
	}
	family := packetFamily(network, addr)
	if udp, ok := addr.(*net.UDPAddr); ok {
		family = sys.ListenFamily("tcp"+network[3:], streamAddr(udp), mapsIPv4)
	}
	if family == backend.Dual { // as an address of IPv6, whose sockets support both
		at.Inet = netip.AddrPortFrom(netip.IPv6Unspecified(), at.Inet.Port())
	}
	return addr, at, family, nil
}

// packetFamily returns the family of a socket that sends to an address.
func packetFamily(network string, addr net.Addr) backend.Family {
	if udp, ok := addr.(*net.UDPAddr); ok {
		return sys.FamilyOf("tcp"+network[3:], streamAddr(udp))
	}
	return backend.Unix
}

// streamAddr returns the address of a stream socket with the same host and port.
func streamAddr(a *net.UDPAddr) *net.TCPAddr {
	return &net.TCPAddr{IP: a.IP, Port: a.Port, Zone: a.Zone}
}

// packetAddr returns the address of a datagram socket for one of a stream socket.
func packetAddr(a net.Addr) net.Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		return &net.UDPAddr{IP: a.IP, Port: a.Port, Zone: a.Zone}
	case *net.UnixAddr:
		return &net.UnixAddr{Net: "unixgram", Name: a.Name}
	}
	return nil
}

// resolvePacket turns an address of package net into one that needs no resolver.
func resolvePacket(network, address string) (net.Addr, backend.Address, error) {
	switch network {
	case "unixgram":
		addr, err := net.ResolveUnixAddr(network, address)
		if err != nil {
			return nil, backend.Address{}, err
		}
		return addr, backend.Address{Path: address}, nil
	case "udp", "udp4", "udp6":
		addr, err := net.ResolveUDPAddr(network, address)
		if err != nil {
			return nil, backend.Address{}, err
		}
		at := addr.AddrPort()
		if !at.Addr().IsValid() { // no host: any
			any := netip.IPv6Unspecified()
			if network == "udp4" {
				any = netip.IPv4Unspecified()
			}
			at = netip.AddrPortFrom(any, uint16(addr.Port))
		}
		return addr, backend.Address{Inet: at}, nil
	}
	return nil, backend.Address{}, net.UnknownNetworkError(network)
}

// Connect sets the only peer of the socket, in place of an earlier one: the socket then sends
// to it without an address, and receives from it only. Datagrams of others that have arrived
// already are still received. It makes one system call, which does not wait. to is a
// *net.UDPAddr or a *net.UnixAddr; for any other, Connect returns EAFNOSUPPORT.
//
// If a connected UDP socket sends to an address at which there is no socket, a later operation
// ends with ECONNREFUSED. The system chooses whether that is the next ReadFrom or the next WriteTo.
func (s *PacketSocket) Connect(to net.Addr) error {
	address := backend.AddressOf(to)
	if udp, ok := to.(*net.UDPAddr); ok && udp != nil {
		address = backend.AddressOf(streamAddr(udp))
	}
	return s.connect(address)
}

// ConnectTo is Connect for an address of UDP. It allocates nothing unless it fails.
func (s *PacketSocket) ConnectTo(to netip.AddrPort) error {
	if err := s.connectTo(backend.Address{Inet: to}); err != nil {
		if err == net.ErrClosed {
			return err
		}
		return opError("connect", s.LocalAddr(), net.UDPAddrFromAddrPort(to), err)
	}
	return nil
}

// connectTo returns net.ErrClosed, or the error of the system.
func (s *PacketSocket) connectTo(to backend.Address) error {
	h := s.core()
	fd, ok := h.Acquire()
	if !ok {
		return net.ErrClosed
	}
	defer h.Release()
	err := kernelOf(h).ConnectPackets(fd, to)
	if err == nil {
		h.SetConnected()
	}
	return err
}

func (s *PacketSocket) connect(to backend.Address) error {
	return control(s.core(), "connect", func(k kernel, fd int) error {
		err := k.ConnectPackets(fd, to)
		if err == nil {
			s.core().SetConnected()
		}
		return err
	})
}

// Close ends the operations of the socket with net.ErrClosed: those in flight, and those that
// are submitted later. Close never blocks. The descriptor is returned to the system when the
// last operation has ended, before that operation can be dequeued. Closing again returns
// net.ErrClosed.
func (s *PacketSocket) Close() error { return closedUnless(s.core().Close()) }

// LocalAddr returns the local address, a *net.UDPAddr or a *net.UnixAddr. It makes a system
// call each time. After Close it returns an empty address.
func (s *PacketSocket) LocalAddr() net.Addr {
	if local := packetAddr(ask(s.core(), kernel.LocalAddr)); local != nil {
		return local
	}
	return s.noAddr()
}

// RemoteAddr returns the address of the peer, nil if there is none. It makes a system call
// each time. After Close it returns an empty address if there was a peer.
func (s *PacketSocket) RemoteAddr() net.Addr {
	isConnected, _ := s.core().Past()
	if !isConnected {
		return nil
	}
	if remote := packetAddr(ask(s.core(), kernel.RemoteAddr)); remote != nil {
		return remote
	}
	return s.noAddr()
}

// LocalAddrPort is LocalAddr of a UDP socket, without an allocation on Linux. An IPv4 address is
// never in the form of IPv6, so that it compares equal to the Addr of a datagram. After Close, and
// for a unix socket, it returns the zero AddrPort.
func (s *PacketSocket) LocalAddrPort() netip.AddrPort { return s.addrPort(kernel.LocalAddrPort) }

// RemoteAddrPort is RemoteAddr in the same way. Without a peer it returns the zero AddrPort.
func (s *PacketSocket) RemoteAddrPort() netip.AddrPort { return s.addrPort(kernel.RemoteAddrPort) }

func (s *PacketSocket) addrPort(which func(kernel, int) netip.AddrPort) netip.AddrPort {
	fd, ok := s.core().Acquire()
	if !ok {
		return netip.AddrPort{}
	}
	defer s.core().Release()
	return which(kernelOf(s.core()), fd)
}

func (s *PacketSocket) noAddr() net.Addr {
	_, isUnix := s.core().Past()
	return packetAddr(noAddr(isUnix))
}

// SyscallConn returns access to the descriptor, for socket options that this package does
// not support: see Socket.SyscallConn. The program must not receive from the descriptor.
func (s *PacketSocket) SyscallConn() (syscall.RawConn, error) { return rawConn{s.core()}, nil }

// SetReadBuffer sets the size of the system's receive buffer, in bytes. A datagram that
// finds the buffer of a UDP socket full is lost.
func (s *PacketSocket) SetReadBuffer(bytes int) error {
	return s.set("set read buffer", func(k kernel, fd int) error { return k.SetReadBuffer(fd, bytes) })
}

// SetWriteBuffer sets the size of the system's send buffer, in bytes.
func (s *PacketSocket) SetWriteBuffer(bytes int) error {
	return s.set("set write buffer", func(k kernel, fd int) error { return k.SetWriteBuffer(fd, bytes) })
}

// SetBroadcast selects whether the socket may send to broadcast addresses (SO_BROADCAST). The
// default is false; in package net it is true. If it is false, a WriteTo to such an address
// ends with EACCES.
func (s *PacketSocket) SetBroadcast(on bool) error {
	return s.set("set broadcast", func(k kernel, fd int) error { return k.SetBroadcast(fd, on) })
}

// JoinGroup makes the socket receive the datagrams of a multicast group on one interface. A
// nil interface lets the system choose one, which depends on its routes. Outside Linux and
// Windows, a group of IPv4 needs a socket of "udp4", and an interface that has an IPv4 address.
func (s *PacketSocket) JoinGroup(group netip.Addr, ifi *net.Interface) error {
	return s.set("join group", func(k kernel, fd int) error { return k.JoinGroup(fd, groupOf(group, ifi)) })
}

// LeaveGroup undoes a JoinGroup with the same arguments.
func (s *PacketSocket) LeaveGroup(group netip.Addr, ifi *net.Interface) error {
	return s.set("leave group", func(k kernel, fd int) error { return k.LeaveGroup(fd, groupOf(group, ifi)) })
}

func groupOf(addr netip.Addr, ifi *net.Interface) backend.Group {
	g := backend.Group{Addr: addr}
	if ifi != nil {
		g.Interface = ifi.Index
	}
	return g
}

func (s *PacketSocket) set(what string, f func(k kernel, fd int) error) error {
	return control(s.core(), what, f)
}
