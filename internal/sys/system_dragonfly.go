package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	hasUserFilter = true
	userFilter    = unix.EVFILT_USER
	mapsIPv4      = false             // an IPv6 socket can't reach IPv4 addresses
	sharePort     = unix.SO_REUSEPORT // spreads connections
)

func accept(fd int) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}
