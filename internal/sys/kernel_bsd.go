//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// Read is recv(2) with MSG_DONTWAIT: others that share the socket may have cleared
// O_NONBLOCK. It passes at most largest bytes of p, so a short count does not mean that
// nothing is left. With kqueue no short count means that.
func (*Kernel) Read(fd int, p []byte) (int, syscall.Errno) {
	p = p[:oneCall(len(p))]
	n, errno := read(fd, p)
	if errno == unix.ENOTSOCK {
		return readStream(fd, p)
	}
	return n, errno
}

// Write is send(2) without SIGPIPE: a broken pipe is an errno, not a signal that a program
// with its own handler would see. It has MSG_DONTWAIT where that has an effect.
//
// When a reset has closed the sending side, these kernels return EPIPE first and keep the
// reset for the next call. Write reads SO_ERROR then, so that it returns the reason why the
// connection is gone.
func (*Kernel) Write(fd int, p []byte) (int, syscall.Errno) {
	p = p[:oneCall(len(p))]
	n, errno := write(fd, p)
	if errno == unix.ENOTSOCK {
		return writeStream(fd, p)
	}
	return sent(fd, n, errno)
}

// ReadV is Read, by recvmsg(2). Like Read and WriteV, it moves at most largest bytes.
func (*Kernel) ReadV(fd int, parts [][]byte) (int, syscall.Errno) {
	n, errno := readV(fd, parts)
	if errno == unix.ENOTSOCK {
		return readStreamV(fd, parts)
	}
	return n, errno
}

// WriteV is Write, by sendmsg(2), and by writev(2) on macOS.
func (*Kernel) WriteV(fd int, parts [][]byte) (int, syscall.Errno) {
	n, errno := writeV(fd, parts)
	if errno == unix.ENOTSOCK {
		return writeStreamV(fd, parts)
	}
	return sent(fd, n, errno)
}

// sent returns the result of a send, with the reason why the connection is gone.
func sent(fd, n int, errno syscall.Errno) (int, syscall.Errno) {
	switch errno {
	case 0:
		return n, 0
	case unix.EPIPE:
		if why, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && why != 0 {
			errno = syscall.Errno(why)
		}
	case unix.EPROTOTYPE:
		// macOS returns this while a reset is closing the connection.
		errno = unix.ECONNRESET
	}
	return 0, errno
}

// classifyAccept classifies the errnos of an accept. A connection that died in the backlog
// says nothing about the next one.
func classifyAccept(errno syscall.Errno) backend.Class {
	switch errno {
	case unix.EAGAIN: // the backlog is empty
		return backend.WouldBlock
	case unix.EINTR, // a signal came first
		unix.ECONNABORTED, unix.ECONNRESET, unix.EPROTO: // it died in the backlog
		return backend.Again
	}
	return backend.Failed
}

// formerPeer returns nil: these kernels forget a peer that has reset the connection.
func formerPeer(int) unix.Sockaddr { return nil }

// familyOf returns the address family of a socket, bound or not.
func familyOf(fd int) (int, error) {
	name, err := unix.Getsockname(fd)
	switch name.(type) {
	case *unix.SockaddrInet4:
		return unix.AF_INET, nil
	case *unix.SockaddrInet6:
		return unix.AF_INET6, nil
	case *unix.SockaddrUnix:
		return unix.AF_UNIX, nil
	}
	return 0, err
}
