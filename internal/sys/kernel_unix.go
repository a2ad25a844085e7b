//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"syscall"

	"github.com/completionport/completion/internal/core"
	"golang.org/x/sys/unix"
)

var _ core.Kernel = (*Kernel)(nil)

// Kernel makes the engine's system calls. Descriptors are non-blocking.
type Kernel struct{}

// Now is the clock of package sys.
func (*Kernel) Now() int64 { return Now() }

// Connect is connect(2).
func (*Kernel) Connect(fd int, to core.Address) syscall.Errno {
	sa, errno := sockaddr(fd, to)
	if errno != 0 {
		return errno
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
func (*Kernel) Close(fd int) syscall.Errno { return asErrno(unix.Close(fd)) }

// Classify says what an errno of these calls means. Those not named end their
// operation and nothing else: for accept, running out of descriptors or memory
// (EMFILE, ENFILE, ENOBUFS, ENOMEM) is among them.
func (*Kernel) Classify(kind core.Kind, errno syscall.Errno) core.Class {
	switch kind {
	case core.Accept:
		return classifyAccept(errno)
	case core.Connect:
		return classifyConnect(errno)
	}
	switch errno {
	case unix.EAGAIN: // the socket's buffer is empty, or full
		return core.WouldBlock
	case unix.EINTR: // a signal came first
		return core.Again
	case unix.EPIPE: // the write side is gone
		return core.BrokenPipe
	}
	return classifyConnection(errno)
}

// classifyConnect: EAGAIN is not among those to wait for. It means a full
// backlog on a unix socket and no free port on a TCP one, and neither brings
// an edge.
func classifyConnect(errno syscall.Errno) core.Class {
	switch errno {
	case unix.EINPROGRESS, // the handshake is under way
		unix.EALREADY, // it still is
		unix.EINTR:    // a signal came first, and it goes on in the background
		return core.WouldBlock
	}
	return classifyConnection(errno)
}

// classifyConnection knows the errors that a dead connection leaves behind.
func classifyConnection(errno syscall.Errno) core.Class {
	switch errno {
	case unix.ECONNRESET, // the peer sent RST
		unix.ECONNABORTED,                 // this side gave it up
		unix.ETIMEDOUT,                    // no answer to data or keep-alive
		unix.ECONNREFUSED,                 // nobody listens
		unix.EHOSTUNREACH, unix.EHOSTDOWN, // no way to the host
		unix.ENETUNREACH, unix.ENETDOWN, // no way to its network
		unix.ENETRESET: // keep-alive found it gone
		return core.Fatal
	}
	return core.Failed
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
func sockaddr(fd int, to core.Address) (unix.Sockaddr, syscall.Errno) {
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
		if addr.Is4() && addr.IsUnspecified() { // no mapped form of it can be dialled
			sa.Addr = [16]byte{}
		}
		sa.ZoneId = zone(addr.Zone())
		return sa, 0
	}
	return nil, unix.EAFNOSUPPORT
}
