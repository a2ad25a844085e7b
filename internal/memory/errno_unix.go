//go:build unix || js || wasip1

package memory

import "syscall"

// The numbers of this system, so that a program meets in a test what it will
// meet outside.
const (
	errBadDescriptor = syscall.EBADF
	errNotThere      = syscall.ENOENT
	errExists        = syscall.EEXIST
	errAgain         = syscall.EAGAIN
	errInterrupted   = syscall.EINTR
	errReset         = syscall.ECONNRESET
	errAborted       = syscall.ECONNABORTED
	errRefused       = syscall.ECONNREFUSED
	errTimedOut      = syscall.ETIMEDOUT
	errNoHost        = syscall.EHOSTUNREACH
	errNoNetwork     = syscall.ENETUNREACH
	errBrokenPipe    = syscall.EPIPE
	errInProgress    = syscall.EINPROGRESS
	errAlready       = syscall.EALREADY
	errConnected     = syscall.EISCONN
	errNotConnected  = syscall.ENOTCONN
	errBadFamily     = syscall.EAFNOSUPPORT
	errInUse         = syscall.EADDRINUSE
	errNoAddress     = syscall.EADDRNOTAVAIL
	errNotSupported  = syscall.EOPNOTSUPP
	errInvalid       = syscall.EINVAL
)

// Native returns the errno as this system's sockets give it.
func Native(errno syscall.Errno) syscall.Errno { return errno }
