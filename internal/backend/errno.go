//go:build !plan9

package backend

import "syscall"

// Errno is a system's error number: that of package syscall, on systems where it has
// numbers.
type Errno = syscall.Errno

// ErrnoOf returns err if it is an Errno, 0 for any other error.
func ErrnoOf(err error) Errno {
	errno, _ := err.(Errno)
	return errno
}

// The error numbers that this module uses on every system.
const (
	EADDRNOTAVAIL = syscall.EADDRNOTAVAIL

	EAGAIN   = syscall.EAGAIN
	EINTR    = syscall.EINTR
	EINVAL   = syscall.EINVAL
	EISCONN  = syscall.EISCONN
	ENOTCONN = syscall.ENOTCONN

	EOPNOTSUPP = syscall.EOPNOTSUPP
	EPIPE      = syscall.EPIPE
)
