package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// From NetBSD 10; not in package unix. Kernels without it return EINVAL.
	hasUserFilter = true
	userFilter    = 8
	mapsIPv4      = true                         // an IPv6 socket can reach IPv4 addresses
	sharePort     = 0                            // SO_REUSEPORT gives one listener all connections
	packetFlags   = dontWait | unix.MSG_NOSIGNAL // of a send of a datagram
	// For a send. At the place where a send waits for room, the kernel checks only the
	// second flag.
	dontWait = unix.MSG_DONTWAIT | unix.MSG_NBIO
)

// accept is paccept(2) without a signal mask.
func accept(fd int) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_PACCEPT, uintptr(fd), 0, 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}
