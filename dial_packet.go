package completion

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// DialPacket returns a datagram socket that is connected to an address, as Port.DialPacket does,
// with this configuration. The networks are "udp", "udp4", "udp6" and "unixgram". The address has
// the form that package net uses, and its host may be a name: the lookup ends when ctx does. The
// first address of the host that the socket can be connected to is its peer. Connecting sends
// nothing, so whether somebody answers there is not known yet.
//
// LocalAddr is a *net.UDPAddr or a *net.UnixAddr. AttemptTimeout, AttemptDelay and KeepAlive have
// no effect.
func (d Dialer) DialPacket(ctx context.Context, port *Port, network, address string) (*PacketSocket, error) {
	if d.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.Timeout)
		defer cancel()
	}
	d.LocalAddr = copyOf(d.LocalAddr) // nil for a nil pointer
	t := dialing{Dialer: d, port: port, network: network}
	s, to, err := t.dialPacket(ctx, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Source: d.LocalAddr, Addr: to, Err: sys.Explained(err)}
	}
	return s, nil
}

// dialPacket returns the socket, or an error and the address that it is about, if that is one.
func (t *dialing) dialPacket(ctx context.Context, address string) (*PacketSocket, net.Addr, error) {
	if ctx.Err() != nil {
		return nil, nil, endOfDial(ctx)
	}
	switch t.network {
	case "unixgram":
		if address == "" {
			return nil, nil, &net.AddrError{Err: "missing address"}
		}
		to := &net.UnixAddr{Net: t.network, Name: address}
		s, err := t.connectPacket(to)
		return s, to, err
	case "udp", "udp4", "udp6":
		found, err := t.lookUpUDP(ctx, address)
		if err != nil {
			return nil, nil, err
		}
		return t.connectFirst(found)
	}
	return nil, nil, net.UnknownNetworkError(t.network)
}

// connectFirst connects a socket to the first of these addresses that the system accepts.
func (t *dialing) connectFirst(found []netip.AddrPort) (*PacketSocket, net.Addr, error) {
	var errs dialErrors
	for _, a := range found {
		to := net.UDPAddrFromAddrPort(a)
		s, err := t.connectPacket(to)
		if err == nil {
			return s, nil, nil
		}
		if len(found) == 1 {
			return nil, to, err
		}
		errs = append(errs, opErrorOn("connect", t.network, to, err))
	}
	return nil, nil, errs
}

// lookUpUDP returns the addresses of a host and port that this dial may use.
func (t *dialing) lookUpUDP(ctx context.Context, address string) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	from := t.port.resolver(t.Resolver)
	port, err := from.LookupPort(ctx, t.network, service)
	if err != nil {
		return nil, err
	}
	var ips []netip.Addr
	if ip, err := netip.ParseAddr(host); err == nil {
		ips = append(ips, ip)
	} else if host == "" { // this machine
		ips = append(ips, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
	} else if ips, err = from.LookupNetIP(ctx, "ip"+t.network[3:], host); err != nil {
		if ctx.Err() != nil {
			err = endOfDial(ctx)
		}
		return nil, err
	}
	var found []netip.AddrPort
	for _, ip := range ips {
		if ip = ip.Unmap(); t.speaks(ip) {
			found = append(found, netip.AddrPortFrom(ip, uint16(port)))
		}
	}
	if len(found) == 0 {
		return nil, &net.AddrError{Err: "no suitable address found", Addr: host}
	}
	return found, nil
}

// speaks reports whether the network and LocalAddr allow an address.
func (t *dialing) speaks(ip netip.Addr) bool {
	if local, ok := t.LocalAddr.(*net.UDPAddr); ok && len(local.IP) > 0 && (local.IP.To4() != nil) != ip.Is4() {
		return false
	}
	return t.network == "udp" || strings.HasSuffix(t.network, "4") == ip.Is4()
}

// connectPacket makes a socket, bound to LocalAddr, and connects it.
func (t *dialing) connectPacket(to net.Addr) (*PacketSocket, error) {
	family := packetFamily(t.network, to)
	local, err := t.localPacket(family)
	if err != nil {
		return nil, err
	}
	s, err := PacketConfig{}.open(t.port, family, local)
	if err != nil {
		return nil, err
	}
	peer := backend.AddressOf(to)
	if udp, ok := to.(*net.UDPAddr); ok {
		peer.Inet = udp.AddrPort()
	}
	if err := s.connectTo(peer); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// localPacket returns the address to bind a socket of a family to, the zero one for none.
func (t *dialing) localPacket(family backend.Family) (a backend.Address, err error) {
	switch local := t.LocalAddr.(type) {
	case nil:
		return a, nil
	case *net.UnixAddr:
		if family == backend.Unix {
			return backend.Address{Path: local.Name}, nil
		}
	case *net.UDPAddr:
		if family == backend.Unix {
			break
		}
		if local.Port != int(uint16(local.Port)) {
			return a, os.NewSyscallError("bind", sys.ErrorOf(backend.EINVAL))
		}
		a.Inet = local.AddrPort()
		switch {
		case len(local.IP) > 0:
		case family == backend.IPv4:
			a.Inet = netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(local.Port))
		default:
			a.Inet = netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(local.Port))
		}
		return a, nil
	}
	return a, &net.AddrError{Err: "mismatched local address type", Addr: t.LocalAddr.String()}
}
