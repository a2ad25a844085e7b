package sys

import (
	"errors"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// Errno returns Winsock's number for an errno. Package syscall has made up numbers for the
// POSIX names. The engine uses those numbers, but no call returns them.
func Errno(errno syscall.Errno) syscall.Errno {
	if number, ok := winsock[errno]; ok {
		return number
	}
	return errno
}

// winsock maps the POSIX names that apply to sockets to the system's numbers.
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
	syscall.EDESTADDRREQ:  windows.WSAEDESTADDRREQ,
	syscall.EHOSTDOWN:     windows.WSAEHOSTDOWN,
	syscall.EHOSTUNREACH:  windows.WSAEHOSTUNREACH,
	syscall.EINPROGRESS:   windows.WSAEINPROGRESS,
	syscall.EINTR:         windows.WSAEINTR,
	syscall.EINVAL:        windows.WSAEINVAL,
	syscall.EISCONN:       windows.WSAEISCONN,
	syscall.EMFILE:        windows.WSAEMFILE,
	syscall.EMSGSIZE:      windows.WSAEMSGSIZE,
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

// ErrorOf returns an errno as an error whose methods give the same answers as on other
// systems: package syscall does not know Winsock's numbers.
func ErrorOf(errno syscall.Errno) error { return winsockError{Errno(errno)} }

// winsockError is an error of Winsock.
type winsockError struct{ syscall.Errno }

// Unwrap returns the number.
func (e winsockError) Unwrap() error { return e.Errno }

// Is also matches the POSIX names.
func (e winsockError) Is(target error) bool {
	if errno, ok := target.(syscall.Errno); ok && Errno(errno) == e.Errno {
		return true
	}
	if target == errors.ErrUnsupported && e.Errno == windows.WSAEOPNOTSUPP {
		return true
	}
	return e.Errno.Is(target)
}

// Timeout reports whether the error is a time-out, or says that a call would block.
func (e winsockError) Timeout() bool {
	return e.Errno == windows.WSAETIMEDOUT || e.Errno == windows.WSAEWOULDBLOCK || e.Errno.Timeout()
}

// Temporary reports whether the error is temporary, above all a lack of sockets or memory.
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
	backend.Receive:    "wsarecvfrom",
	backend.Send:       "wsasendto",
	backend.Copy:       "wsasend",
	backend.CopyIn:     "wsarecv",
}

// CallName returns the name of the system call for operations of this kind, in the
// spelling of package net.
func CallName(kind backend.Kind) string { return callNames[kind] }
