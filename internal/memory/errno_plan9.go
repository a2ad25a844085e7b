package memory

import (
	"github.com/completionport/completion/internal/backend"
)

// The numbers of package backend: Plan 9 has none.
const (
	errAgain         = backend.EAGAIN
	errInterrupted   = backend.EINTR
	errReset         = backend.ECONNRESET
	errAborted       = backend.ECONNABORTED
	errRefused       = backend.ECONNREFUSED
	errTimedOut      = backend.ETIMEDOUT
	errNoHost        = backend.EHOSTUNREACH
	errNoNetwork     = backend.ENETUNREACH
	errBrokenPipe    = backend.EPIPE
	errInProgress    = backend.EINPROGRESS
	errAlready       = backend.EALREADY
	errConnected     = backend.EISCONN
	errNotConnected  = backend.ENOTCONN
	errBadFamily     = backend.EAFNOSUPPORT
	errInUse         = backend.EADDRINUSE
	errNoAddress     = backend.EADDRNOTAVAIL
	errNotSupported  = backend.EOPNOTSUPP
	errInvalid       = backend.EINVAL
	errBadDescriptor = backend.EBADF
	errNotThere      = backend.ENOENT
	errExists        = backend.EEXIST
	errNoReceiver    = backend.EDESTADDRREQ
	errTooLarge      = backend.EMSGSIZE
	errForbidden     = backend.EACCES
	errNoBuffers     = backend.ENOBUFS
)

// Native returns the errno.
func Native(errno backend.Errno) backend.Errno { return errno }
