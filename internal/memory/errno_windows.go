package memory

import (
	"syscall"

	"github.com/completionport/completion/internal/sys"
)

// The numbers of Winsock. Package syscall has made up numbers for POSIX names, but no
// socket returns them.
const (
	errBadDescriptor = syscall.EBADF
	errNotThere      = syscall.ENOENT
	errExists        = syscall.EEXIST
	errNoReceiver    = syscall.Errno(10039) // WSAEDESTADDRREQ
	errTooLarge      = syscall.Errno(10040) // WSAEMSGSIZE
	errForbidden     = syscall.Errno(10013) // WSAEACCES
	errNoBuffers     = syscall.Errno(10055) // WSAENOBUFS
	errAgain         = syscall.Errno(10035) // WSAEWOULDBLOCK
	errInterrupted   = syscall.Errno(10004) // WSAEINTR
	errReset         = syscall.Errno(10054) // WSAECONNRESET
	errAborted       = syscall.Errno(10053) // WSAECONNABORTED
	errRefused       = syscall.Errno(10061) // WSAECONNREFUSED
	errTimedOut      = syscall.Errno(10060) // WSAETIMEDOUT
	errNoHost        = syscall.Errno(10065) // WSAEHOSTUNREACH
	errNoNetwork     = syscall.Errno(10051) // WSAENETUNREACH
	errBrokenPipe    = syscall.Errno(10058) // WSAESHUTDOWN
	errInProgress    = syscall.Errno(10036) // WSAEINPROGRESS
	errAlready       = syscall.Errno(10037) // WSAEALREADY
	errConnected     = syscall.Errno(10056) // WSAEISCONN
	errNotConnected  = syscall.Errno(10057) // WSAENOTCONN
	errBadFamily     = syscall.Errno(10047) // WSAEAFNOSUPPORT
	errInUse         = syscall.Errno(10048) // WSAEADDRINUSE
	errNoAddress     = syscall.Errno(10049) // WSAEADDRNOTAVAIL
	errNotSupported  = syscall.Errno(10045) // WSAEOPNOTSUPP
	errInvalid       = syscall.Errno(10022) // WSAEINVAL
)

// Native returns Winsock's number for errno: a test may order a fault by its POSIX name.
func Native(errno syscall.Errno) syscall.Errno { return sys.Errno(errno) }
