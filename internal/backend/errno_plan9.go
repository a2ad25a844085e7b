package backend

import (
	"errors"
	"syscall"
)

// Errno is an error number. Plan 9 has texts instead, and package syscall has no numbers
// there: these are for a network in memory.
type Errno uintptr

// The error numbers, with the names that they have on other systems.
const (
	EACCES Errno = iota + 1
	EAFNOSUPPORT
	EADDRINUSE
	EADDRNOTAVAIL
	EAGAIN
	EALREADY
	EBADF
	ECONNABORTED
	ECONNREFUSED
	ECONNRESET
	EDESTADDRREQ
	EEXIST
	EHOSTUNREACH
	EINPROGRESS
	EINTR
	EINVAL
	EISCONN
	EMFILE
	EMSGSIZE
	ENETUNREACH
	ENOBUFS
	ENOENT
	ENOTCONN
	EOPNOTSUPP
	EPIPE
	ETIMEDOUT
)

// errnos holds the text of each error number, and the error of package syscall that means
// the same, if there is one.
var errnos = [...]struct {
	text string
	is   error
}{
	EACCES:        {"permission denied", syscall.EACCES},
	EAFNOSUPPORT:  {"address family not supported by protocol", syscall.EAFNOSUPPORT},
	EADDRINUSE:    {"address already in use", nil},
	EADDRNOTAVAIL: {"cannot assign requested address", nil},
	EAGAIN:        {"resource temporarily unavailable", nil},
	EALREADY:      {"operation already in progress", nil},
	EBADF:         {"bad file descriptor", nil},
	ECONNABORTED:  {"software caused connection abort", nil},
	ECONNREFUSED:  {"connection refused", nil},
	ECONNRESET:    {"connection reset by peer", nil},
	EDESTADDRREQ:  {"destination address required", nil},
	EEXIST:        {"file exists", syscall.EEXIST},
	EHOSTUNREACH:  {"no route to host", nil},
	EINPROGRESS:   {"operation now in progress", nil},
	EINTR:         {"interrupted system call", syscall.EINTR},
	EINVAL:        {"invalid argument", syscall.EINVAL},
	EISCONN:       {"socket is already connected", nil},
	EMFILE:        {"too many open files", syscall.EMFILE},
	EMSGSIZE:      {"message too long", nil},
	ENETUNREACH:   {"network is unreachable", nil},
	ENOBUFS:       {"no buffer space available", nil},
	ENOENT:        {"file does not exist", syscall.ENOENT},
	ENOTCONN:      {"socket is not connected", nil},
	EOPNOTSUPP:    {"operation not supported", nil},
	EPIPE:         {"broken pipe", nil},
	ETIMEDOUT:     {"connection timed out", syscall.ETIMEDOUT},
}

// ErrnoOf returns the number for an error, 0 if there is none.
func ErrnoOf(err error) Errno {
	if errno, ok := err.(Errno); ok {
		return errno
	}
	for errno, e := range errnos {
		if e.is != nil && e.is == err {
			return Errno(errno)
		}
	}
	return 0
}

// Error returns the text that other systems have for e.
func (e Errno) Error() string {
	if int(e) < len(errnos) && errnos[e].text != "" {
		return errnos[e].text
	}
	return "unknown error"
}

// Is makes errors.Is match the error of package syscall that means the same as e, and all
// errors that this one matches.
func (e Errno) Is(target error) bool {
	return int(e) < len(errnos) && errnos[e].is != nil && errors.Is(errnos[e].is, target)
}

// Timeout reports whether the system gave up waiting.
func (e Errno) Timeout() bool { return e == ETIMEDOUT || e == EAGAIN }

// Temporary reports whether the error may pass.
func (e Errno) Temporary() bool { return e == EINTR || e == EMFILE || e.Timeout() }
