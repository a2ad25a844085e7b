package sys

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// packetDomains has the address family of each datagram socket by its descriptor: asking for
// it would take a call for each datagram. The entry of a closed socket stays until its number
// has a new owner, which sets its own.
var packetDomains = backend.Table[int]{Shift: 2}

var domain4, domain6 = windows.AF_INET, windows.AF_INET6

// PacketSocket opens a datagram socket for overlapped operations and binds it.
func (k Kernel) PacketSocket(family backend.Family, at backend.Address, o backend.PacketOptions) (int, error) {
	switch {
	case family == backend.Unix:
		return -1, fmt.Errorf("unix datagrams on Windows: %w", errors.ErrUnsupported)
	case o.ReusePort:
		return -1, fmt.Errorf("ReusePort on Windows: %w", errors.ErrUnsupported)
	}
	if err := startUp(); err != nil {
		return -1, err
	}
	domain := &domain6
	if family == backend.IPv4 {
		domain = &domain4
	}
	fd, errno := openPacketSocket(*domain)
	if family == backend.Dual && isMissingFamily(errno) {
		domain = &domain4
		fd, errno = openPacketSocket(*domain)
	}
	if errno != 0 {
		return -1, os.NewSyscallError("socket", errno)
	}
	packetDomains.Set(fd, domain)
	err := preparePackets(fd, *domain, family, at, o)
	if err == nil {
		return fd, nil
	}
	Close(fd)
	if family == backend.Dual && at.Inet.Addr().IsUnspecified() && isMissingFamily(errnoOf(err)) {
		return k.PacketSocket(backend.IPv4, backend.Address{Inet: netip.AddrPortFrom(netip.IPv4Unspecified(), at.Inet.Port())}, o)
	}
	return -1, err
}

// openPacketSocket is openSocket for UDP.
func openPacketSocket(domain int) (int, syscall.Errno) {
	if errno := called("WSASocket"); errno != 0 {
		return -1, errno
	}
	s, err := wsaSocket(int32(domain), windows.SOCK_DGRAM, windows.IPPROTO_UDP, nil, 0, socketFlags)
	if err != nil {
		return -1, asErrno(err)
	}
	if err := setBlocking(s, false); err != nil {
		windows.Closesocket(s)
		return -1, asErrno(err)
	}
	return int(s), 0
}

func preparePackets(fd, domain int, family backend.Family, at backend.Address, o backend.PacketOptions) error {
	if domain == windows.AF_INET6 {
		if err := setInt(fd, windows.IPPROTO_IPV6, windows.IPV6_V6ONLY, toInt(family != backend.Dual)); err != nil {
			return err
		}
	}
	reportUnreachable(fd, false)
	if o.Broadcast {
		if err := setInt(fd, windows.SOL_SOCKET, windows.SO_BROADCAST, 1); err != nil {
			return err
		}
	}
	if at == (backend.Address{}) {
		return nil
	}
	if at.Inet.Addr().IsMulticast() { // as package net binds it
		if err := setInt(fd, windows.SOL_SOCKET, windows.SO_REUSEADDR, 1); err != nil {
			return err
		}
		at.Inet = netip.AddrPortFrom(netip.IPv6Unspecified(), at.Inet.Port())
	}
	if at.Inet.Addr().IsUnspecified() && domain == windows.AF_INET {
		at.Inet = netip.AddrPortFrom(netip.IPv4Unspecified(), at.Inet.Port())
	}
	return (Kernel{}).Bind(fd, at)
}

const (
	udpConnReset = windows.IOC_IN | windows.IOC_VENDOR | 12 // SIO_UDP_CONNRESET
	udpNetReset  = windows.IOC_IN | windows.IOC_VENDOR | 15 // SIO_UDP_NETRESET
)

// reportUnreachable selects whether a receive ends when a datagram sent before has found
// nobody. Other systems report that to connected sockets only: on any other, it would end the
// receive of datagrams of others. Where the system does not know the calls, nothing can be
// done.
func reportUnreachable(fd int, on bool) {
	for _, code := range []uint32{udpConnReset, udpNetReset} {
		value, n := uint32(toInt(on && code == udpConnReset)), uint32(0)
		called("WSAIoctl")
		ioctl(windows.Handle(fd), code, (*byte)(unsafe.Pointer(&value)), 4, nil, 0, &n, nil, 0)
	}
	if Interposed != nil {
		Interposed.Unreachable(fd, on)
	}
}

// ConnectPackets is connect, which does not wait on a datagram socket.
func (Kernel) ConnectPackets(fd int, to backend.Address) error {
	domain := packetDomains.Get(fd)
	if to.BadPort || domain == nil {
		return os.NewSyscallError("connect", windows.WSAEINVAL)
	}
	sa, errno := sockaddr(*domain, target(to))
	if errno != 0 {
		return os.NewSyscallError("connect", errno)
	}
	reportUnreachable(fd, true)
	called("connect")
	return os.NewSyscallError("connect", windows.Connect(windows.Handle(fd), sa))
}

// SetBroadcast is SO_BROADCAST.
func (Kernel) SetBroadcast(fd int, on bool) error {
	return setInt(fd, windows.SOL_SOCKET, windows.SO_BROADCAST, toInt(on))
}

// JoinGroup is IP_ADD_MEMBERSHIP or IPV6_JOIN_GROUP.
func (Kernel) JoinGroup(fd int, g backend.Group) error {
	return setGroup(fd, g, windows.IP_ADD_MEMBERSHIP, windows.IPV6_JOIN_GROUP)
}

// LeaveGroup is IP_DROP_MEMBERSHIP or IPV6_LEAVE_GROUP.
func (Kernel) LeaveGroup(fd int, g backend.Group) error {
	return setGroup(fd, g, windows.IP_DROP_MEMBERSHIP, windows.IPV6_LEAVE_GROUP)
}

// setGroup joins or leaves a group. For IPv4, an interface is given as an address of network 0
// with its number.
func setGroup(fd int, g backend.Group, in4, in6 int32) error {
	called("setsockopt")
	addr := g.Addr.Unmap()
	if addr.Is4() {
		var mreq struct{ group, from [4]byte }
		mreq.group = addr.As4()
		binary.BigEndian.PutUint32(mreq.from[:], uint32(g.Interface))
		return os.NewSyscallError("setsockopt", windows.Setsockopt(windows.Handle(fd), windows.IPPROTO_IP, in4,
			(*byte)(unsafe.Pointer(&mreq)), int32(unsafe.Sizeof(mreq))))
	}
	var mreq struct {
		group [16]byte
		index uint32
	}
	mreq.group, mreq.index = addr.As16(), uint32(g.Interface)
	return os.NewSyscallError("setsockopt", windows.Setsockopt(windows.Handle(fd), windows.IPPROTO_IPV6, in6,
		(*byte)(unsafe.Pointer(&mreq)), int32(unsafe.Sizeof(mreq))))
}
