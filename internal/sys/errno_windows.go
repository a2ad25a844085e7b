package sys

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// Errno returns what Winsock calls an errno. Package syscall has numbers of its
// own for the names of POSIX, which the engine uses; no call returns them.
func Errno(errno syscall.Errno) syscall.Errno {
	if number, ok := winsock[errno]; ok {
		return number
	}
	return errno
}

// winsock has the numbers for the names of POSIX that a socket's calls know.
var winsock = map[syscall.Errno]syscall.Errno{
	syscall.EACCES:        windows.WSAEACCES,
	syscall.EADDRINUSE:    windows.WSAEADDRINUSE,
	syscall.EADDRNOTAVAIL: windows.WSAEADDRNOTAVAIL,
	syscall.EAFNOSUPPORT:  windows.WSAEAFNOSUPPORT,
	syscall.EAGAIN:        windows.WSAEWOULDBLOCK,
	syscall.EALREADY:      windows.WSAEALREADY,
	syscall.ECONNABORTED:  windows.WSAECONNABORTED,
	syscall.ECONNREFUSED:  windows.WSAECONNREFUSED,
	syscall.ECONNRESET:    windows.WSAECONNRESET,
	syscall.EHOSTDOWN:     windows.WSAEHOSTDOWN,
	syscall.EHOSTUNREACH:  windows.WSAEHOSTUNREACH,
	syscall.EINPROGRESS:   windows.WSAEINPROGRESS,
	syscall.EINTR:         windows.WSAEINTR,
	syscall.EINVAL:        windows.WSAEINVAL,
	syscall.EISCONN:       windows.WSAEISCONN,
	syscall.EMFILE:        windows.WSAEMFILE,
	syscall.ENETDOWN:      windows.WSAENETDOWN,
	syscall.ENETRESET:     windows.WSAENETRESET,
	syscall.ENETUNREACH:   windows.WSAENETUNREACH,
	syscall.ENFILE:        windows.ERROR_TOO_MANY_OPEN_FILES,
	syscall.ENOBUFS:       windows.WSAENOBUFS,
	syscall.ENOMEM:        windows.ERROR_NOT_ENOUGH_MEMORY,
	syscall.ENOPROTOOPT:   windows.WSAENOPROTOOPT,
	syscall.ENOTCONN:      windows.WSAENOTCONN,
	syscall.ENOTSOCK:      windows.WSAENOTSOCK,
	syscall.EOPNOTSUPP:    windows.WSAEOPNOTSUPP,
	syscall.EPIPE:         windows.WSAESHUTDOWN,
	syscall.ETIMEDOUT:     windows.WSAETIMEDOUT,
	syscall.EWOULDBLOCK:   windows.WSAEWOULDBLOCK,
}

// ErrorOf returns an errno as an error that answers as one of another system
// does: package syscall does not know Winsock's numbers.
func ErrorOf(errno syscall.Errno) error { return winsockError{Errno(errno)} }

// winsockError is an error of Winsock.
type winsockError struct{ syscall.Errno }

// Unwrap returns the number.
func (e winsockError) Unwrap() error { return e.Errno }

// Is also knows the names of POSIX.
func (e winsockError) Is(target error) bool {
	if errno, ok := target.(syscall.Errno); ok && Errno(errno) == e.Errno {
		return true
	}
	return e.Errno.Is(target)
}

// Timeout tells whether the system gave up waiting.
func (e winsockError) Timeout() bool {
	return e.Errno == windows.WSAETIMEDOUT || e.Errno == windows.WSAEWOULDBLOCK || e.Errno.Timeout()
}

// Temporary tells of what may pass, above all a lack of sockets or memory.
func (e winsockError) Temporary() bool {
	switch e.Errno {
	case windows.WSAEINTR, windows.WSAEMFILE, windows.WSAENOBUFS,
		windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_OUTOFMEMORY,
		windows.ERROR_TOO_MANY_OPEN_FILES, windows.ERROR_NO_SYSTEM_RESOURCES:
		return true
	}
	return e.Timeout() || e.Errno.Temporary()
}

var callNames = [...]string{
	backend.Accept:     "acceptex",
	backend.Connect:    "connectex",
	backend.Read:       "wsarecv",
	backend.Write:      "wsasend",
	backend.CloseWrite: "shutdown",
}

// CallName is what the call for operations of this kind is called, in the
// spelling of package net.
func CallName(kind backend.Kind) string { return callNames[kind] }
