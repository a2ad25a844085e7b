//go:build unix || js || wasip1

package memory

import "syscall"

// The numbers of this system, so that a program gets the same errors in a test as from the
// system.
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
	errNoReceiver    = syscall.EDESTADDRREQ
	errTooLarge      = syscall.EMSGSIZE
	errForbidden     = syscall.EACCES
	errNoBuffers     = syscall.ENOBUFS
)

// Native returns the errno that this system's sockets return, which is errno itself.
func Native(errno syscall.Errno) syscall.Errno { return errno }
