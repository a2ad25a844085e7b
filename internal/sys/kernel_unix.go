//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

var _ backend.Kernel = (*Kernel)(nil)

// Kernel makes the engine's system calls for one port. Descriptors are made
// non-blocking, but O_NONBLOCK belongs to the description, and others who share that
// can clear it: passing a socket to a child process does. So no call relies on it.
type Kernel struct{ shared sharedSet }

// Now is the clock of package sys.
func (*Kernel) Now() int64 { return Now() }

// Accept accepts a connection, whose descriptor is non-blocking and not inherited.
// The peer's address is asked for on demand.
//
// No flag makes a single accept return at once. So a listener that others may have
// made blocking is asked first whether somebody is there. It is not made non-blocking
// again: a process that shares it may count on its waiting. What is left is a process
// that takes the connection in between. Then accept waits for the next one; Go's
// scheduler knows of the call, so only this goroutine waits with it.
func (k *Kernel) Accept(fd int) (int, syscall.Errno) {
	shared := k.shared.has(fd)
	if shared && !readable(fd) {
		return -1, unix.EAGAIN // the edge is still to come
	}
	conn, errno := accept(fd)
	if shared && errno == 0 {
		k.shared.add(conn)
		if k.shared.isMarked(fd) {
			k.SetNoDelay(conn, true) // one that can't have it works all the same
		}
	}
	return conn, errno
}

// readable asks poll(2), without waiting.
func readable(fd int) bool {
	ask := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		if n, err := unix.Poll(ask, 0); err != unix.EINTR {
			return n > 0
		}
	}
}

// Connect is connect(2), and makes a socket non-blocking that others have: before it
// is connected, nobody but the port has a use for it.
func (k *Kernel) Connect(fd int, to backend.Address) syscall.Errno {
	sa, errno := sockaddr(fd, target(to))
	if errno != 0 {
		return errno
	}
	if k.shared.has(fd) {
		if err := unix.SetNonblock(fd, true); err != nil {
			return asErrno(err)
		}
	}
	return asErrno(unix.Connect(fd, sa))
}

// Connected reads SO_ERROR, and asks for the peer if there is none: a socket
// that is still connecting has no error either.
func (*Kernel) Connected(fd int) syscall.Errno {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return asErrno(err)
	}
	if errno != 0 {
		return syscall.Errno(errno)
	}
	if _, err := unix.Getpeername(fd); err == unix.ENOTCONN {
		return unix.EINPROGRESS
	}
	return 0
}

// CloseWrite is shutdown(2) of the sending side.
func (*Kernel) CloseWrite(fd int) syscall.Errno { return asErrno(unix.Shutdown(fd, unix.SHUT_WR)) }

// Close is close(2). The descriptor is gone whatever it returns.
//
// With a positive SO_LINGER it would wait until what was written has arrived, on
// Linux whatever O_NONBLOCK says. A connection that was adopted may have come with
// one, one that was accepted inherits its listener's, and a program can set it
// through the descriptor. So it is turned off, and the system goes on sending in
// the background. Zero seconds, which mean a reset, stay.
func (k *Kernel) Close(fd int) syscall.Errno {
	if k.shared.remove(fd) {
		stopLinger(fd)
	}
	return asErrno(unix.Close(fd))
}

// stopLinger turns a positive SO_LINGER off.
func stopLinger(fd int) {
	l, err := unix.GetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER)
	if err == nil && l.Onoff != 0 && l.Linger > 0 {
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{})
	}
}

// Classify says what an errno of these calls means. Those not named end their
// operation and nothing else: for accept, running out of descriptors or memory
// (EMFILE, ENFILE, ENOBUFS, ENOMEM) is among them.
func (*Kernel) Classify(kind backend.Kind, errno syscall.Errno) backend.Class {
	switch kind {
	case backend.Accept:
		return classifyAccept(errno)
	case backend.Connect:
		return classifyConnect(errno)
	}
	switch errno {
	case unix.EAGAIN: // the socket's buffer is empty, or full
		return backend.WouldBlock
	case unix.EINTR: // a signal came first
		return backend.Again
	case unix.EPIPE: // the write side is gone
		return backend.BrokenPipe
	}
	return classifyConnection(errno)
}

// classifyConnect: EAGAIN is not among those to wait for. It means a full
// backlog on a unix socket and no free port on a TCP one, and neither brings
// an edge.
func classifyConnect(errno syscall.Errno) backend.Class {
	switch errno {
	case unix.EINPROGRESS, // the handshake is under way
		unix.EALREADY, // it still is
		unix.EINTR:    // a signal came first, and it goes on in the background
		return backend.WouldBlock
	}
	return classifyConnection(errno)
}

// classifyConnection knows the errors that a dead connection leaves behind.
func classifyConnection(errno syscall.Errno) backend.Class {
	switch errno {
	case unix.ECONNRESET, // the peer sent RST
		unix.ECONNABORTED,                 // this side gave it up
		unix.ETIMEDOUT,                    // no answer to data or keep-alive
		unix.ECONNREFUSED,                 // nobody listens
		unix.EHOSTUNREACH, unix.EHOSTDOWN, // no way to the host
		unix.ENETUNREACH, unix.ENETDOWN, // no way to its network
		unix.ENETRESET: // keep-alive found it gone
		return backend.Fatal
	}
	return backend.Failed
}

func asErrno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if errno, ok := err.(syscall.Errno); ok {
		return errno
	}
	return syscall.EINVAL
}

// sockaddr puts an address into the words of the socket's family.
func sockaddr(fd int, to backend.Address) (unix.Sockaddr, syscall.Errno) {
	family, err := familyOf(fd)
	if err != nil {
		return nil, asErrno(err)
	}
	addr := to.Inet.Addr()
	switch {
	case family == unix.AF_UNIX && to.Path != "":
		return &unix.SockaddrUnix{Name: to.Path}, 0
	case family == unix.AF_INET && addr.Unmap().Is4():
		return &unix.SockaddrInet4{Port: int(to.Inet.Port()), Addr: addr.Unmap().As4()}, 0
	case family == unix.AF_INET6 && addr.IsValid():
		sa := &unix.SockaddrInet6{Port: int(to.Inet.Port()), Addr: addr.As16()}
		if addr.Is4() && addr.IsUnspecified() { // to bind to: as in package net
			sa.Addr = [16]byte{}
		}
		sa.ZoneId = zone(addr.Zone())
		return sa, 0
	}
	return nil, unix.EAFNOSUPPORT
}
