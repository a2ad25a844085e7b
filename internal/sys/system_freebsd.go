package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	hasUserFilter = true
	userFilter    = unix.EVFILT_USER
	mapsIPv4      = true                                  // an IPv6 socket can reach IPv4 addresses
	sharePort     = unix.SO_REUSEPORT_LB                  // spreads connections; without _LB one listener gets all
	packetFlags   = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL // of a send of a datagram
)

// rawLimit is the limit, in bytes, of a call that Go's scheduler is not told of. Up to this
// size that saves more time than it costs. Longer calls would hold up the scheduler.
const rawLimit = 64 << 10

const (
	sendFlags      = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	largestMessage = largest
)

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

func write(fd int, p []byte) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if len(p) <= rawLimit {
		n, _, errno = syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), sendFlags, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), sendFlags, 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func accept(fd int) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}
