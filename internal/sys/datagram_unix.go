//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// PacketSocket opens a non-blocking datagram socket and binds it. A multicast address is
// bound as package net does it: to any address, and so that others can share the port.
func (k *Kernel) PacketSocket(family backend.Family, at backend.Address, o backend.PacketOptions) (int, error) {
	fd, err := k.open(family, unix.SOCK_DGRAM)
	if err != nil {
		return -1, err
	}
	if err = preparePackets(fd, family, at, o); err == nil {
		return fd, nil
	}
	unix.Close(fd)
	if family == backend.Dual && at.Inet.Addr().IsUnspecified() && isMissingFamily(err) { // no IPv6
		return k.PacketSocket(backend.IPv4, backend.Address{Inet: netip.AddrPortFrom(netip.IPv4Unspecified(), at.Inet.Port())}, o)
	}
	return -1, err
}

func preparePackets(fd int, family backend.Family, at backend.Address, o backend.PacketOptions) error {
	if o.Broadcast && family != backend.Unix {
		if err := setInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1); err != nil {
			return err
		}
	}
	if o.ReusePort {
		if sharePort == 0 {
			return fmt.Errorf("datagram sockets can't share a port: %w", errors.ErrUnsupported)
		}
		if err := setInt(fd, unix.SOL_SOCKET, sharePort, 1); err != nil {
			return err
		}
	}
	if at == (backend.Address{}) {
		return nil
	}
	if at.Inet.Addr().IsMulticast() {
		if err := shareMulticast(fd); err != nil {
			return err
		}
		at.Inet = netip.AddrPortFrom(netip.IPv6Unspecified(), at.Inet.Port())
	}
	if domain, _ := familyOf(fd); at.Inet.Addr().IsUnspecified() && domain == unix.AF_INET {
		at.Inet = netip.AddrPortFrom(netip.IPv4Unspecified(), at.Inet.Port())
	}
	sa, errno := sockaddr(fd, at)
	if errno != 0 {
		return os.NewSyscallError("bind", errno)
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sa))
}

// ConnectPackets is connect(2), which does not wait on a datagram socket.
func (*Kernel) ConnectPackets(fd int, to backend.Address) error {
	if to.BadPort {
		return os.NewSyscallError("connect", unix.EINVAL)
	}
	if to.Path == "" {
		if errno := connectInet(fd, to.Inet); errno != 0 {
			return os.NewSyscallError("connect", errno)
		}
		return nil
	}
	sa, errno := sockaddr(fd, to)
	if errno != 0 {
		return os.NewSyscallError("connect", errno)
	}
	return os.NewSyscallError("connect", unix.Connect(fd, sa))
}

// classifyDatagram classifies the errnos of a datagram socket. None of them concerns more
// than one datagram.
func classifyDatagram(errno syscall.Errno) backend.Class {
	switch errno {
	case unix.EAGAIN: // nothing is there, or the socket's buffer is full
		return backend.WouldBlock
	case unix.EINTR: // a signal came first
		return backend.Again
	}
	return backend.Failed
}

// SetBroadcast is SO_BROADCAST.
func (*Kernel) SetBroadcast(fd int, on bool) error {
	return setInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, toInt(on))
}

// JoinGroup is IP_ADD_MEMBERSHIP or IPV6_JOIN_GROUP.
func (*Kernel) JoinGroup(fd int, g backend.Group) error {
	return setGroup(fd, g, unix.IP_ADD_MEMBERSHIP, unix.IPV6_JOIN_GROUP)
}

// LeaveGroup is IP_DROP_MEMBERSHIP or IPV6_LEAVE_GROUP.
func (*Kernel) LeaveGroup(fd int, g backend.Group) error {
	return setGroup(fd, g, unix.IP_DROP_MEMBERSHIP, unix.IPV6_LEAVE_GROUP)
}

func setGroup(fd int, g backend.Group, in4, in6 int) error {
	addr := g.Addr.Unmap()
	if addr.Is4() {
		return os.NewSyscallError("setsockopt", setGroup4(fd, addr.As4(), g.Interface, in4))
	}
	mreq := &unix.IPv6Mreq{Multiaddr: addr.As16(), Interface: uint32(g.Interface)}
	return os.NewSyscallError("setsockopt", unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, in6, mreq))
}
