//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// MapsIPv4 reports whether an IPv6 socket of this system can reach IPv4 addresses.
func (*Kernel) MapsIPv4() bool { return mapsIPv4 }

// Socket opens a non-blocking stream socket. Where no IPv6 socket can reach IPv4
// addresses, or there is no IPv6, Dual is IPv4.
func (k *Kernel) Socket(family backend.Family) (int, error) { return k.open(family, unix.SOCK_STREAM) }

// open opens a non-blocking socket of a kind: see Socket.
func (k *Kernel) open(family backend.Family, kind int) (int, error) {
	if family == backend.Dual && !mapsIPv4 {
		family = backend.IPv4
	}
	domain := unix.AF_INET6
	switch family {
	case backend.IPv4:
		domain = unix.AF_INET
	case backend.Unix:
		domain = unix.AF_UNIX
	}
	fd, err := openSocket(domain, kind)
	if family == backend.Dual && isMissingFamily(err) {
		return k.open(backend.IPv4, kind)
	}
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if domain == unix.AF_INET6 {
		only := 1
		if family == backend.Dual {
			only = 0
		}
		// As in package net: the result must not depend on the system's default.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	return fd, nil
}

// isMissingFamily reports whether err means that the system has no sockets of a family, or
// no address of the family for a bind.
func isMissingFamily(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
}

// Listen opens a listening socket. A Dual socket has an unspecified address; it is an IPv4
// socket where there is no IPv6.
func (k *Kernel) Listen(family backend.Family, addr backend.Address, o backend.ListenOptions) (int, error) {
	fd, err := k.Socket(family)
	if err != nil {
		return -1, err
	}
	if err = bindAndListen(fd, family, addr, o); err == nil {
		return fd, nil
	}
	unix.Close(fd)
	if family == backend.Dual && isMissingFamily(err) { // it has IPv6 sockets, but no IPv6
		return k.Listen(backend.IPv4, backend.Address{Inet: netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Inet.Port())}, o)
	}
	return -1, err
}

// Bind is bind(2) for a socket that is to be connected.
func (*Kernel) Bind(fd int, local backend.Address) error {
	sa, errno := sockaddr(fd, local)
	if errno != 0 {
		return os.NewSyscallError("bind", errno)
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sa))
}

func bindAndListen(fd int, family backend.Family, addr backend.Address, o backend.ListenOptions) error {
	if family != backend.Unix {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if o.ReusePort {
		if sharePort == 0 {
			return fmt.Errorf("listeners can't share a port: %w", errors.ErrUnsupported)
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, sharePort, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if domain, _ := familyOf(fd); family == backend.Dual && domain == unix.AF_INET {
		addr.Inet = netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Inet.Port())
	}
	sa, errno := sockaddr(fd, addr)
	if family == backend.Unix && addr == (backend.Address{}) && runtime.GOOS == "linux" {
		sa, errno = new(unix.SockaddrUnix), 0 // Linux chooses a name
	}
	if errno != 0 {
		return os.NewSyscallError("bind", errno)
	}
	if err := unix.Bind(fd, sa); err != nil {
		return os.NewSyscallError("bind", err)
	}
	backlog := o.Backlog
	if backlog <= 0 {
		backlog = 4096 // the kernel reduces it to its own limit, somaxconn
	}
	return os.NewSyscallError("listen", unix.Listen(fd, backlog))
}

// Close closes a descriptor that no port owns.
func Close(fd int) { unix.Close(fd) }

// LocalAddr returns the address from getsockname(2), nil if the call fails.
func (*Kernel) LocalAddr(fd int) net.Addr {
	return addressOf(unix.Getsockname(fd))
}

// RemoteAddr returns the address from getpeername(2). If that fails, since the connection
// has ended, it returns the address that the system still knows, if any.
func (*Kernel) RemoteAddr(fd int) net.Addr {
	sa, err := unix.Getpeername(fd)
	if err != nil && err != unix.ENOTSOCK {
		sa = formerPeer(fd)
	}
	return addressOf(sa, err)
}

func netAddr(sa unix.Sockaddr) net.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: append(net.IP(nil), sa.Addr[:]...), Port: sa.Port}
	case *unix.SockaddrInet6:
		addr := &net.TCPAddr{IP: append(net.IP(nil), sa.Addr[:]...), Port: sa.Port}
		if sa.ZoneId != 0 {
			if ifi, err := net.InterfaceByIndex(int(sa.ZoneId)); err == nil {
				addr.Zone = ifi.Name
			}
		}
		return addr
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Net: "unix", Name: sa.Name}
	}
	return nil
}

// Adopt returns a descriptor of our own for a socket of package net.
func (k *Kernel) Adopt(c any, kind backend.SocketKind) (int, error) {
	fd, err := adopt(c, kind, duplicate)
	if err == nil {
		k.shared.add(fd)
	}
	return fd, err
}

// Disown closes a descriptor of Adopt. The socket has another descriptor, so close(2) does
// not wait, and SO_LINGER is left alone.
func (k *Kernel) Disown(fd int) {
	k.shared.remove(fd)
	unix.Close(fd)
}

// Share returns a connection, a listener or a net.PacketConn for the socket of fd. Package net
// sets O_NONBLOCK, which a foreign socket must keep as it is.
func (k *Kernel) Share(fd int, kind backend.SocketKind) (any, error) {
	if k.shared.isForeign(fd) {
		return nil, fmt.Errorf("the socket has another owner: %w", errors.ErrUnsupported)
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(dup), "")
	defer file.Close() // package net makes a duplicate, too
	switch kind {
	case backend.ListeningSocket:
		return net.FileListener(file)
	case backend.DatagramSocket:
		return net.FilePacketConn(file)
	}
	if _, err := familyOf(fd); err == unix.ENOTSOCK {
		return nil, fmt.Errorf("the stream is no socket: %w", errors.ErrUnsupported)
	}
	return net.FileConn(file)
}

// duplicate returns a new descriptor for the socket of fd. It fails with ENOTSOCK if fd is
// no socket. It fails with EPROTOTYPE if the socket is not of this kind, or of another protocol
// than TCP, UDP and unix.
func duplicate(fd int, kind backend.SocketKind) (int, error) {
	if err := checkKind(fd, kind); err != nil {
		return -1, err
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	// The flag belongs to the file description, which is shared. Go has set it.
	if err := unix.SetNonblock(dup, true); err != nil {
		unix.Close(dup)
		return -1, os.NewSyscallError("fcntl", err)
	}
	if errno := noSignal(dup); errno != 0 {
		unix.Close(dup)
		return -1, os.NewSyscallError("setsockopt", errno)
	}
	return dup, nil
}

// checkKind fails with EPROTOTYPE if duplicate does.
func checkKind(fd int, kind backend.SocketKind) error {
	is, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	accepts, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil && !tellsNot(err) {
		return os.NewSyscallError("getsockopt", err)
	}
	wanted, protocols := unix.SOCK_STREAM, tcpProtocols
	if kind == backend.DatagramSocket {
		wanted, protocols = unix.SOCK_DGRAM, []int{unix.IPPROTO_UDP}
	}
	if is != wanted || err == nil && (accepts != 0) != (kind == backend.ListeningSocket) || !isKnown(fd, protocols) {
		return syscall.EPROTOTYPE
	}
	return nil
}

// isKnown reports whether a socket is of one of these protocols or unix. Others, of AF_VSOCK or
// SCTP for instance, have rules of their own for short counts, ends and errors. A socket
// whose family the system does not return may be a TCP socket whose connection is dead: it
// is accepted, and its reads will return the error.
func isKnown(fd int, protocols []int) bool {
	family, err := familyOf(fd)
	switch {
	case err != nil:
		return !errors.Is(err, unix.EAFNOSUPPORT)
	case family == unix.AF_UNIX:
		return true
	case family != unix.AF_INET && family != unix.AF_INET6:
		return false
	case protocolOption == 0:
		return true
	}
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, protocolOption)
	return err != nil || slices.Contains(protocols, protocol)
}

// tellsNot reports whether err means that the system does not return the value of an
// option. Some systems do not return SO_ACCEPTCONN. Then the type that package net has
// given the socket decides.
func tellsNot(err error) bool {
	return errors.Is(err, unix.ENOPROTOOPT) || errors.Is(err, unix.EINVAL)
}

// Descriptor returns the system's number. A program that has the number can share the
// socket with others, so the descriptor becomes a shared one.
func (k *Kernel) Descriptor(fd int) (uintptr, error) {
	k.shared.add(fd)
	return uintptr(fd), nil
}

// FileRemover is fileRemover.
func (*Kernel) FileRemover(path string) func() { return fileRemover(path) }

func setInt(fd, level, option, value int) error {
	return os.NewSyscallError("setsockopt", unlessStream(unix.SetsockoptInt(fd, level, option, value)))
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// SetNoDelay is TCP_NODELAY.
func (*Kernel) SetNoDelay(fd int, on bool) error {
	return setInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, toInt(on))
}

// AcceptNoDelay marks a listener: Accept sets the option on its connections.
func (k *Kernel) AcceptNoDelay(fd int) { k.shared.mark(fd) }

// SetKeepAlive is SO_KEEPALIVE with the system's options for the two times. An idle of 0
// turns keep-alive off. Where sockets have no such times, the system's apply. Keep-alive is
// turned on last, and only if both times were set.
func (*Kernel) SetKeepAlive(fd int, idle time.Duration) error {
	if idle <= 0 {
		return setInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0)
	}
	// Whole seconds, rounded up, at most as many as fit into the kernel's int.
	seconds := int(min((idle-1)/time.Second+1, 1<<31-1))
	var all []option
	for _, name := range keepAliveTimes {
		all = append(all, option{unix.IPPROTO_TCP, name, seconds})
	}
	return setAll(fd, append(all, option{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1}))
}

// option is an option of a socket with a value.
type option struct{ level, name, value int }

// setAll sets all options, or none if one of them is refused.
func setAll(fd int, all []option) error {
	var before []option
	for _, o := range all {
		old, err := unix.GetsockoptInt(fd, o.level, o.name)
		call := "getsockopt"
		if err == nil {
			call = "setsockopt"
			err = unix.SetsockoptInt(fd, o.level, o.name, o.value)
		}
		if err != nil {
			for _, b := range slices.Backward(before) {
				unix.SetsockoptInt(fd, b.level, b.name, b.value)
			}
			return os.NewSyscallError(call, unlessStream(err))
		}
		before = append(before, option{o.level, o.name, old})
	}
	return nil
}

// SetReadBuffer is SO_RCVBUF.
func (*Kernel) SetReadBuffer(fd, bytes int) error {
	return setInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
}

// SetWriteBuffer is SO_SNDBUF.
func (*Kernel) SetWriteBuffer(fd, bytes int) error {
	return setInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, bytes)
}

// SetResetOnClose is SO_LINGER with zero seconds.
func (*Kernel) SetResetOnClose(fd int, on bool) error {
	linger := unix.Linger{Onoff: int32(toInt(on))}
	return os.NewSyscallError("setsockopt", unlessStream(unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &linger)))
}
