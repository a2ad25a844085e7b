package memory

import "github.com/completionport/completion/internal/core"

// The numbers are this module's own: Plan 9 has none.
const (
	errAgain         = core.EAGAIN
	errInterrupted   = core.EINTR
	errReset         = core.ECONNRESET
	errAborted       = core.ECONNABORTED
	errRefused       = core.ECONNREFUSED
	errTimedOut      = core.ETIMEDOUT
	errNoHost        = core.EHOSTUNREACH
	errNoNetwork     = core.ENETUNREACH
	errBrokenPipe    = core.EPIPE
	errInProgress    = core.EINPROGRESS
	errAlready       = core.EALREADY
	errConnected     = core.EISCONN
	errNotConnected  = core.ENOTCONN
	errBadFamily     = core.EAFNOSUPPORT
	errInUse         = core.EADDRINUSE
	errNoAddress     = core.EADDRNOTAVAIL
	errNotSupported  = core.EOPNOTSUPP
	errInvalid       = core.EINVAL
	errBadDescriptor = core.EBADF
	errNotThere      = core.ENOENT
	errExists        = core.EEXIST
)

// Native returns the errno.
func Native(errno core.Errno) core.Errno { return errno }
