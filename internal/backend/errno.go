//go:build !plan9

package backend

import "syscall"

// Errno is a system's number for what went wrong: that of package syscall, where it
// has numbers.
type Errno = syscall.Errno

// ErrnoOf returns the number that an error of package syscall is, 0 for any other.
func ErrnoOf(err error) Errno {
	errno, _ := err.(Errno)
	return errno
}

// Those that this module knows on every system.
const (
	EADDRNOTAVAIL = syscall.EADDRNOTAVAIL

	EAGAIN   = syscall.EAGAIN
	EINTR    = syscall.EINTR
	EINVAL   = syscall.EINVAL
	EISCONN  = syscall.EISCONN
	ENOTCONN = syscall.ENOTCONN
	EPIPE    = syscall.EPIPE
)
