//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"net/netip"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// These systems have no call for several datagrams that all of them have, and package unix
// makes an address for each call. So there is one call, and one allocation, for each
// datagram.

// Receive is recvmsg(2) for each message, with MSG_DONTWAIT.
func (*Kernel) Receive(fd int, messages []backend.Message) (n int, errno syscall.Errno) {
	for n < len(messages) {
		if errno = receiveOne(fd, &messages[n]); errno != 0 {
			break
		}
		n++
	}
	if n > 0 && (errno == unix.EAGAIN || errno == unix.EINTR) {
		errno = 0
	}
	return n, errno
}

func receiveOne(fd int, m *backend.Message) syscall.Errno {
	var room []byte
	if m.Control != nil {
		room = new(controlRoom).bytes()
	}
	n, used, flags, from, err := unix.Recvmsg(fd, m.Data, room, unix.MSG_DONTWAIT|closeOnExec)
	if err != nil {
		return asErrno(err)
	}
	m.N, m.Truncated = n, flags&unix.MSG_TRUNC != 0
	if m.Control != nil {
		haveControl(m.Control, room[:used], flags, m.Truncated)
	}
	m.Addr, m.Path = netip.AddrPort{}, ""
	switch from := from.(type) {
	case *unix.SockaddrInet4:
		m.Addr = netip.AddrPortFrom(netip.AddrFrom4(from.Addr), uint16(from.Port))
	case *unix.SockaddrInet6:
		m.Addr = netip.AddrPortFrom(received6(from.Addr, from.ZoneId), uint16(from.Port))
	case *unix.SockaddrUnix:
		m.Path = from.Name
	}
	return 0
}

// Send is sendmsg(2) for each message, with MSG_DONTWAIT.
func (*Kernel) Send(fd int, messages []backend.Message) (n int, errno syscall.Errno) {
	for n < len(messages) {
		if errno = sendOne(fd, &messages[n]); errno != 0 || !isSent(&messages[n]) {
			break
		}
		n++
	}
	if n > 0 {
		errno = 0
	}
	return n, errno
}

func sendOne(fd int, m *backend.Message) syscall.Errno {
	if m.Control != nil && m.Control.SegmentSize > 0 {
		return sendSegments(fd, m)
	}
	var to unix.Sockaddr
	if m.Path != "" || m.Addr != (netip.AddrPort{}) {
		if addr := m.Addr.Addr(); addr.IsValid() {
			m.Addr = netip.AddrPortFrom(loopbackFor(addr.Unmap()), m.Addr.Port())
		}
		sa, errno := sockaddr(fd, backend.Address{Inet: m.Addr, Path: m.Path})
		if errno != 0 {
			return errno
		}
		to = sa
	}
	var control []byte
	if m.Control != nil {
		room := new(controlRoom).bytes()
		used, errno := setControl(fd, room, m)
		if errno != 0 {
			return errno
		}
		control = room[:used]
	}
	n, err := unix.SendmsgN(fd, m.Data, control, to, packetFlags)
	if err != nil {
		return asErrno(err)
	}
	m.N = n
	return 0
}

// shareMulticast lets several sockets receive from one group and port.
func shareMulticast(fd int) error {
	if err := setInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	return setInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}

// connectInet is connect(2) of a datagram socket, which does not wait.
func connectInet(fd int, to netip.AddrPort) syscall.Errno {
	sa, errno := sockaddr(fd, target(backend.Address{Inet: to}))
	if errno != 0 {
		return errno
	}
	return asErrno(unix.Connect(fd, sa))
}
