package sys

import (
	"math"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// rawLimit is the limit, in bytes, of a call that Go's scheduler is not told of. Up to this
// size that saves more time than it costs. Longer calls would hold up the scheduler.
const rawLimit = 64 << 10

// Read is recv(2), and as said at readBehindUrgent.
func (k *Kernel) Read(fd int, p []byte) (n int, errno syscall.Errno) {
	n, errno = read(fd, p)
	switch {
	case errno == unix.EAGAIN && k.mayBeAtUrgent(fd):
		return readBehindUrgent(fd, func() (int, syscall.Errno) { return read(fd, p) })
	case errno == unix.ENOTSOCK:
		return readStream(fd, p)
	}
	return n, errno
}

// ReadV is Read, by recvmsg(2).
func (k *Kernel) ReadV(fd int, parts [][]byte) (n int, errno syscall.Errno) {
	n, errno = readV(fd, parts)
	switch {
	case errno == unix.EAGAIN && k.mayBeAtUrgent(fd):
		return readBehindUrgent(fd, func() (int, syscall.Errno) { return readV(fd, parts) })
	case errno == unix.ENOTSOCK:
		return readStreamV(fd, parts)
	}
	return n, errno
}

// read is recv(2) with MSG_DONTWAIT: others that share the socket may have cleared
// O_NONBLOCK. A call that waits, and that Go's scheduler is not told of, would stop all
// goroutines.
func read(fd int, p []byte) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if len(p) <= rawLimit {
		n, _, errno = syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Write is send(2) with MSG_DONTWAIT, for the reason given at read, and with MSG_NOSIGNAL:
// a broken pipe is an errno, not a signal that a program with its own handler would see.
func (*Kernel) Write(fd int, p []byte) (int, syscall.Errno) {
	const flags = sendFlags
	var n uintptr
	var errno syscall.Errno
	if len(p) <= rawLimit {
		n, _, errno = syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
	}
	switch errno {
	case 0:
		return int(n), 0
	case unix.ENOTSOCK:
		return writeStream(fd, p)
	}
	return 0, errno
}

// WriteV is Write, by sendmsg(2).
func (*Kernel) WriteV(fd int, parts [][]byte) (int, syscall.Errno) {
	n, errno := writeV(fd, parts)
	if errno == unix.ENOTSOCK {
		return writeStreamV(fd, parts)
	}
	return n, errno
}

const (
	sendFlags      = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	largestMessage = math.MaxInt // Linux limits its calls by itself
)

// accept is accept4(2). Go's scheduler is told of the call: see Accept.
func accept(fd int) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}

// classifyAccept classifies the errnos of an accept. Linux also returns the error of a
// connection that died in the backlog; the next connection may be good (accept(2)).
func classifyAccept(errno syscall.Errno) backend.Class {
	switch errno {
	case unix.EAGAIN: // the backlog is empty
		return backend.WouldBlock
	case unix.EINTR, // a signal came first
		unix.ECONNABORTED, unix.EPROTO, unix.ENOPROTOOPT, unix.ENONET,
		unix.ENETDOWN, unix.ENETUNREACH, unix.EHOSTDOWN, unix.EHOSTUNREACH:
		return backend.Again
	}
	return backend.Failed
}

// openSocket opens a non-blocking socket of a kind.
func openSocket(domain, kind int) (int, error) {
	return unix.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}

// formerPeer is SO_PEERNAME. Unlike getpeername(2), it returns the peer after a reset has
// ended the connection. The buffer must have exactly the size of the address.
func formerPeer(fd int) unix.Sockaddr {
	family, err := familyOf(fd)
	if err != nil {
		return nil
	}
	var in4 unix.RawSockaddrInet4
	var in6 unix.RawSockaddrInet6
	switch family {
	case unix.AF_INET:
		if peerName(fd, unsafe.Pointer(&in4), unix.SizeofSockaddrInet4) {
			return &unix.SockaddrInet4{Port: port(&in4.Port), Addr: in4.Addr}
		}
	case unix.AF_INET6:
		if peerName(fd, unsafe.Pointer(&in6), unix.SizeofSockaddrInet6) {
			return &unix.SockaddrInet6{Port: port(&in6.Port), ZoneId: in6.Scope_id, Addr: in6.Addr}
		}
	}
	return nil
}

func peerName(fd int, name unsafe.Pointer, size uint32) bool {
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERNAME,
		uintptr(name), uintptr(unsafe.Pointer(&size)), 0)
	return errno == 0
}

// port converts a port from network byte order.
func port(p *uint16) int {
	b := (*[2]byte)(unsafe.Pointer(p))
	return int(b[0])<<8 | int(b[1])
}

// familyOf returns the address family of a socket.
func familyOf(fd int) (int, error) { return unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN) }

// noSignal does nothing: every write has MSG_NOSIGNAL.
func noSignal(int) syscall.Errno { return 0 }

const (
	mapsIPv4  = true              // an IPv6 socket can reach IPv4 addresses
	sharePort = unix.SO_REUSEPORT // spreads connections over the listeners
)

// keepAliveTimes are the options for the time before the first probe and for the time
// between probes.
var keepAliveTimes = []int{unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL}
