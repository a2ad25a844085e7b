//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

var _ backend.Kernel = (*Kernel)(nil)

// Kernel makes the engine's system calls for one port. It makes descriptors non-blocking,
// but O_NONBLOCK belongs to the file description, and others that share the description
// can clear the flag: passing a socket to a child process does so. So no call relies on it,
// except a write on macOS.
type Kernel struct {
	shared      sharedSet
	unsegmented sharedSet // datagram sockets on which segmentation was refused
}

// Now returns the time of package sys.
func (*Kernel) Now() int64 { return Now() }

// Accept accepts a connection. Its descriptor is non-blocking and not inherited. The peer's
// address is read only on demand.
//
// No flag makes a single accept non-blocking. So for a listener that others may have made
// blocking, poll(2) is called first. The listener is not made non-blocking again: a process
// that shares it may rely on accepts that wait. One race remains: another process may take
// the connection between poll and accept. Then accept waits for the next connection. Go's
// scheduler is told of the call, so only this goroutine waits with it.
func (k *Kernel) Accept(fd int) (int, syscall.Errno) {
	shared := k.shared.has(fd)
	if shared && !readable(fd) {
		return -1, unix.EAGAIN // an edge is still to come
	}
	conn, errno := accept(fd)
	if shared && errno == 0 {
		k.Accepted(fd, conn)
	}
	return conn, errno
}

// Accepted is called for a connection that the system has accepted without a call of Accept.
func (k *Kernel) Accepted(fd, conn int) {
	if !k.shared.has(fd) {
		return
	}
	k.shared.add(conn)
	if k.shared.isMarked(fd) {
		k.SetNoDelay(conn, true) // if this fails, the connection works all the same
	}
}

// readable reports whether poll(2) finds something to read, without waiting.
func readable(fd int) bool {
	ask := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		if n, err := unix.Poll(ask, 0); err != unix.EINTR {
			return n > 0
		}
	}
}

// Connect is connect(2). It first makes a shared socket non-blocking: until the socket is
// connected, it is of no use to others.
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

// Connected reads SO_ERROR. If there is no error, it also calls getpeername(2), since a
// socket that is still connecting has no error, either.
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
func (*Kernel) CloseWrite(fd int) syscall.Errno {
	return asErrno(unlessStream(unix.Shutdown(fd, unix.SHUT_WR)))
}

// Close is close(2). The descriptor is closed even if the call returns an errno.
//
// With a positive SO_LINGER, the call would wait until all written bytes have arrived, on
// Linux even if the socket is non-blocking. An adopted connection may have the option
// already, an accepted one inherits it from its listener, and a program can set it through
// the descriptor. So Close turns a positive SO_LINGER off, and the system goes on sending
// in the background. An SO_LINGER of 0 seconds means a reset and is left alone.
func (k *Kernel) Close(fd int) syscall.Errno {
	if k.shared.remove(fd) {
		stopLinger(fd)
	}
	k.unsegmented.remove(fd)
	return asErrno(unix.Close(fd))
}

// stopLinger turns off a positive SO_LINGER.
func stopLinger(fd int) {
	l, err := unix.GetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER)
	if err == nil && l.Onoff != 0 && l.Linger > 0 {
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{})
	}
}

// Classify returns what an errno of these calls means. An errno that is not listed ends its
// operation and nothing else. For an accept, a lack of descriptors or memory (EMFILE,
// ENFILE, ENOBUFS, ENOMEM) is such an errno.
func (*Kernel) Classify(kind backend.Kind, errno syscall.Errno) backend.Class {
	switch kind {
	case backend.Accept:
		return classifyAccept(errno)
	case backend.Connect:
		return classifyConnect(errno)
	case backend.Receive, backend.Send:
		return classifyDatagram(errno)
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

// classifyConnect classifies the errnos of a connect. EAGAIN is not a reason to wait: it
// means a full backlog on a unix socket and no free port on a TCP socket, and no edge
// follows in either case.
func classifyConnect(errno syscall.Errno) backend.Class {
	switch errno {
	case unix.EINPROGRESS, // the handshake is under way
		unix.EALREADY, // it still is
		unix.EINTR:    // a signal came first, and the connect goes on in the background
		return backend.WouldBlock
	}
	return classifyConnection(errno)
}

// classifyConnection classifies errnos that may mean that the connection is dead.
func classifyConnection(errno syscall.Errno) backend.Class {
	switch errno {
	case unix.ECONNRESET, // the peer sent RST
		unix.ECONNABORTED,                 // this side gave up the connection
		unix.ETIMEDOUT,                    // no answer to data or keep-alive
		unix.ECONNREFUSED,                 // nobody listens
		unix.EHOSTUNREACH, unix.EHOSTDOWN, // no way to the host
		unix.ENETUNREACH, unix.ENETDOWN, // no way to its network
		unix.ENETRESET: // keep-alive found the connection dead
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

// sockaddr converts an address to the socket's family.
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
		if addr.Is4() && addr.IsUnspecified() { // for a bind, as in package net
			sa.Addr = [16]byte{}
		}
		sa.ZoneId = zoneNumber(addr.Zone())
		return sa, 0
	}
	return nil, unix.EAFNOSUPPORT
}
