package sys

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// MapsIPv4 returns true.
func (Kernel) MapsIPv4() bool { return true }

// Socket opens a stream socket for overlapped operations. On systems without unix sockets
// (Windows before 10.0.17063, and Wine) the error for Unix matches errors.ErrUnsupported.
func (Kernel) Socket(family backend.Family) (int, error) {
	if err := startUp(); err != nil {
		return -1, err
	}
	domain := windows.AF_INET6
	switch family {
	case backend.IPv4:
		domain = windows.AF_INET
	case backend.Unix:
		domain = windows.AF_UNIX
	}
	fd, errno := openSocket(domain)
	if family == backend.Dual && isMissingFamily(errno) {
		fd, errno = openSocket(windows.AF_INET)
		domain = windows.AF_INET
	}
	if family == backend.Unix && isMissingFamily(errno) {
		return -1, fmt.Errorf("%w: %w", os.NewSyscallError("socket", errno), errors.ErrUnsupported)
	}
	if errno != 0 {
		return -1, os.NewSyscallError("socket", errno)
	}
	if domain == windows.AF_INET6 {
		if err := setInt(fd, windows.IPPROTO_IPV6, windows.IPV6_V6ONLY, toInt(family != backend.Dual)); err != nil {
			Close(fd)
			return -1, err
		}
	}
	return fd, nil
}

// socketFlags are the flags of all sockets.
const socketFlags = windows.WSA_FLAG_OVERLAPPED | windows.WSA_FLAG_NO_HANDLE_INHERIT

// openSocket opens a socket that child processes do not inherit. It is non-blocking, which
// concerns only calls that are not overlapped.
func openSocket(domain int) (int, syscall.Errno) {
	if errno := called("WSASocket"); errno != 0 {
		return -1, errno
	}
	protocol := int32(windows.IPPROTO_TCP)
	if domain == windows.AF_UNIX {
		protocol = 0
	}
	s, err := wsaSocket(int32(domain), windows.SOCK_STREAM, protocol, nil, 0, socketFlags)
	if err != nil {
		return -1, asErrno(err)
	}
	if err := setBlocking(s, false); err != nil {
		windows.Closesocket(s)
		return -1, asErrno(err)
	}
	return int(s), 0
}

// setBlocking makes a socket blocking or non-blocking, with FIONBIO.
func setBlocking(s windows.Handle, on bool) error {
	const nonBlocking = 0x8004667e
	value, n := uint32(toInt(!on)), uint32(0)
	called("WSAIoctl")
	return windows.WSAIoctl(s, nonBlocking, (*byte)(unsafe.Pointer(&value)), 4, nil, 0, &n, nil, 0)
}

// Listen opens a listening socket. A Dual socket has an unspecified address; it is an IPv4
// socket where there is no IPv6.
func (k Kernel) Listen(family backend.Family, addr backend.Address, o backend.ListenOptions) (int, error) {
	if o.ReusePort {
		return -1, fmt.Errorf("ReusePort on Windows: %w", errors.ErrUnsupported)
	}
	fd, err := k.Socket(family)
	if err != nil {
		return -1, err
	}
	if err = bindAndListen(fd, addr, o); err == nil {
		return fd, nil
	}
	Close(fd)
	if family == backend.Dual && isMissingFamily(errnoOf(err)) {
		return k.Listen(backend.IPv4, backend.Address{Inet: netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Inet.Port())}, o)
	}
	return -1, err
}

// isMissingFamily reports whether errno means that the system has no sockets of a family,
// or no address of the family for a bind.
func isMissingFamily(errno syscall.Errno) bool {
	return errno == windows.WSAEAFNOSUPPORT || errno == windows.WSAEPROTONOSUPPORT || errno == windows.WSAEADDRNOTAVAIL
}

// Bind binds a socket before it is connected. ConnectEx requires that, and does not bind
// again.
func (Kernel) Bind(fd int, local backend.Address) error {
	domain, errno := addressFamily(fd)
	if errno != 0 {
		return os.NewSyscallError("bind", errno)
	}
	sa, errno := sockaddr(domain, local)
	if errno != 0 {
		return os.NewSyscallError("bind", errno)
	}
	raw, size := rawAddress(sa)
	if raw == nil {
		return os.NewSyscallError("bind", windows.WSAEINVAL)
	}
	if errno = called("bind"); errno == 0 {
		errno = asErrno(bind(windows.Handle(fd), raw, size))
	}
	if errno != 0 {
		return os.NewSyscallError("bind", errno)
	}
	return nil
}

// bindAndListen does not set SO_REUSEADDR. On Windows others could then take over the
// address, and an address is free again at once without the option.
func bindAndListen(fd int, addr backend.Address, o backend.ListenOptions) error {
	if err := (Kernel{}).Bind(fd, addr); err != nil {
		return err
	}
	backlog := o.Backlog
	if backlog <= 0 {
		backlog = windows.SOMAXCONN // the system chooses the number
	}
	called("listen")
	return os.NewSyscallError("listen", windows.Listen(windows.Handle(fd), backlog))
}

// Close closes a descriptor that no port owns.
func Close(fd int) { Kernel{}.Close(fd) }

// addressFamily returns the system's number for the address family of a socket.
func addressFamily(fd int) (int, syscall.Errno) {
	info, errno := protocolOf(fd)
	return int(info.AddressFamily), errno
}

// protocolOf returns the value of SO_PROTOCOL_INFOW.
func protocolOf(fd int) (info windows.WSAProtocolInfo, errno syscall.Errno) {
	const protocolInfo = 0x2005
	size := int32(unsafe.Sizeof(info))
	called("getsockopt")
	err := getsockopt(windows.Handle(fd), windows.SOL_SOCKET, protocolInfo, (*byte)(unsafe.Pointer(&info)), &size)
	return info, asErrno(err)
}

// sockaddr converts an address to a family.
func sockaddr(domain int, to backend.Address) (windows.Sockaddr, syscall.Errno) {
	addr := to.Inet.Addr()
	switch {
	case domain == windows.AF_UNIX && to.Path != "":
		return &windows.SockaddrUnix{Name: to.Path}, 0
	case domain == windows.AF_INET && addr.Unmap().Is4():
		return &windows.SockaddrInet4{Port: int(to.Inet.Port()), Addr: addr.Unmap().As4()}, 0
	case domain == windows.AF_INET6 && addr.IsValid():
		sa := &windows.SockaddrInet6{Port: int(to.Inet.Port()), Addr: addr.As16(), ZoneId: zone(addr.Zone())}
		if addr.Is4() && addr.IsUnspecified() { // for a bind, as in package net
			sa.Addr = [16]byte{}
		}
		return sa, 0
	}
	return nil, windows.WSAEAFNOSUPPORT
}

// anyAddress returns the address to which a socket is bound before ConnectEx.
func anyAddress(domain int) windows.Sockaddr {
	switch domain {
	case windows.AF_UNIX: // no name, and no file: a path of a zero byte
		return &windows.SockaddrUnix{}
	case windows.AF_INET:
		return &windows.SockaddrInet4{}
	}
	return &windows.SockaddrInet6{}
}

// rawAddress returns an address in the form for the system, nil if there is none.
func rawAddress(sa windows.Sockaddr) (raw unsafe.Pointer, size int32) {
	any := new(windows.RawSockaddrAny)
	switch sa := sa.(type) {
	case *windows.SockaddrInet4:
		r := (*windows.RawSockaddrInet4)(unsafe.Pointer(any))
		r.Family, r.Port, r.Addr = windows.AF_INET, bigEndian(sa.Port), sa.Addr
		return unsafe.Pointer(any), int32(unsafe.Sizeof(*r))
	case *windows.SockaddrInet6:
		r := (*windows.RawSockaddrInet6)(unsafe.Pointer(any))
		r.Family, r.Port, r.Addr, r.Scope_id = windows.AF_INET6, bigEndian(sa.Port), sa.Addr, sa.ZoneId
		return unsafe.Pointer(any), int32(unsafe.Sizeof(*r))
	case *windows.SockaddrUnix:
		return rawUnix(sa.Name)
	}
	return nil, 0
}

// bigEndian converts a port to network byte order.
func bigEndian(port int) uint16 { return uint16(port)<<8 | uint16(port)>>8 }

// LocalAddr returns the address from getsockname, nil if the call fails.
func (Kernel) LocalAddr(fd int) net.Addr {
	called("getsockname")
	sa, err := getsockname(windows.Handle(fd))
	if err != nil {
		return nil
	}
	return netAddr(sa)
}

// RemoteAddr returns the address from getpeername, nil if the call fails.
func (Kernel) RemoteAddr(fd int) net.Addr {
	called("getpeername")
	sa, err := getpeername(windows.Handle(fd))
	if err != nil {
		return nil
	}
	return netAddr(sa)
}

func netAddr(sa windows.Sockaddr) net.Addr {
	switch sa := sa.(type) {
	case *windows.SockaddrInet4:
		return &net.TCPAddr{IP: append(net.IP(nil), sa.Addr[:]...), Port: sa.Port}
	case *windows.SockaddrInet6:
		addr := &net.TCPAddr{IP: append(net.IP(nil), sa.Addr[:]...), Port: sa.Port}
		if sa.ZoneId != 0 {
			if ifi, err := net.InterfaceByIndex(int(sa.ZoneId)); err == nil {
				addr.Zone = ifi.Name
			}
		}
		return addr
	case *windows.SockaddrUnix:
		return &net.UnixAddr{Net: "unix", Name: sa.Name}
	}
	return nil
}

// Descriptor returns the system's handle.
func (Kernel) Descriptor(fd int) (uintptr, error) { return uintptr(fd), nil }

// FileRemover is fileRemover.
func (Kernel) FileRemover(path string) func() { return fileRemover(path) }

func setInt(fd, level, option, value int) error {
	called("setsockopt")
	return os.NewSyscallError("setsockopt", setsockopt(windows.Handle(fd), level, option, value))
}

// setHandle sets an option whose value is a socket.
func setHandle(fd, option, value int) error {
	called("setsockopt")
	s := windows.Handle(value)
	return os.NewSyscallError("setsockopt", windows.Setsockopt(windows.Handle(fd), windows.SOL_SOCKET, int32(option), (*byte)(unsafe.Pointer(&s)), int32(unsafe.Sizeof(s))))
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// SetNoDelay is TCP_NODELAY.
func (Kernel) SetNoDelay(fd int, on bool) error {
	return setInt(fd, windows.IPPROTO_TCP, windows.TCP_NODELAY, toInt(on))
}

// AcceptNoDelay does nothing: Acceptance.Prepare sets the option on each socket.
func (Kernel) AcceptNoDelay(int) {}

// SetKeepAlive is SIO_KEEPALIVE_VALS. An idle of 0 turns keep-alive off.
func (Kernel) SetKeepAlive(fd int, idle time.Duration) error {
	var values windows.TCPKeepalive
	if idle > 0 { // whole seconds, rounded up, as milliseconds of at most 32 bits
		seconds := int64((idle-1)/time.Second + 1)
		milliseconds := uint32(min(seconds*1000, math.MaxUint32))
		values = windows.TCPKeepalive{OnOff: 1, Time: milliseconds, Interval: milliseconds}
	}
	n := uint32(0)
	called("WSAIoctl")
	return os.NewSyscallError("WSAIoctl", ioctl(windows.Handle(fd), windows.SIO_KEEPALIVE_VALS,
		(*byte)(unsafe.Pointer(&values)), uint32(unsafe.Sizeof(values)), nil, 0, &n, nil, 0))
}

// SetReadBuffer is SO_RCVBUF.
func (Kernel) SetReadBuffer(fd, bytes int) error {
	return setInt(fd, windows.SOL_SOCKET, windows.SO_RCVBUF, bytes)
}

// SetWriteBuffer is SO_SNDBUF.
func (Kernel) SetWriteBuffer(fd, bytes int) error {
	return setInt(fd, windows.SOL_SOCKET, windows.SO_SNDBUF, bytes)
}

// SetResetOnClose is SO_LINGER with zero seconds.
func (Kernel) SetResetOnClose(fd int, on bool) error {
	linger := windows.Linger{Onoff: int32(toInt(on))}
	called("setsockopt")
	return os.NewSyscallError("setsockopt", windows.SetsockoptLinger(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_LINGER, &linger))
}
