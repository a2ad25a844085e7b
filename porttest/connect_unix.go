//go:build unix

package porttest

import (
	"errors"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Errors of connect, as this system numbers them.
const (
	errnoRefused     = unix.ECONNREFUSED
	errnoIsConnected = unix.EISCONN
	errnoBadFamily   = unix.EAFNOSUPPORT
	errnoReset       = unix.ECONNRESET
)

// isNoSuchFile tells what a connect to a file ends with that is not there.
func (e *env) isNoSuchFile(err error) bool { return errors.Is(err, os.ErrNotExist) }

// refusingAddress is one that is taken, so nobody else gets it, and where
// nobody listens.
func (e *env) refusingAddress() *net.TCPAddr {
	e.Helper()
	switch {
	case !e.onSystem():
		return e.abandonedAddress()
	case runtime.GOOS != "linux" && runtime.GOOS != "freebsd":
		// A socket that is bound and does not listen is silent there: NetBSD drops
		// what comes for it. A connected one hears its own peer only.
		c, _ := e.twoEnds("tcp4")
		return c.LocalAddr().(*net.TCPAddr)
	}
	return e.boundAddress()
}

// boundAddress is one that a socket has which does not listen. Some systems refuse
// connects to it, others drop them.
func (e *env) boundAddress() *net.TCPAddr {
	e.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		e.Fatal(err)
	}
	e.closers = append(e.closers, func() error { return unix.Close(fd) })
	unix.CloseOnExec(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		e.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		e.Fatal(err)
	}
	bound := name.(*unix.SockaddrInet4)
	return &net.TCPAddr{IP: net.IP(bound.Addr[:]), Port: bound.Port}
}
