//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// Streams that are no sockets: pipes, FIFOs, terminals and whatever else a poller reports.
// Socket calls return ENOTSOCK for them, and then the calls here are made. So the calls for
// sockets are not slower, and nobody has to remember what a descriptor is.
//
// O_NONBLOCK belongs to the open file description, which a parent, a child or a shell may
// share, and is never changed. recv(2) has MSG_DONTWAIT. For these descriptors there is:
//
//   - preadv2(2) and pwritev2(2) with RWF_NOWAIT, which Linux accepts for pipes, but not for
//     FIFOs and terminals.
//   - A description of our own, opened through /proc/self/fd: for terminals on Linux. It
//     would not do for FIFOs: to a reader that is opened when the last writer has left, Linux
//     does not report the end of the stream.
//   - Where the description is non-blocking at the moment: read(2) and write(2).
//   - Otherwise poll(2), and then read(2), or write(2) of as many bytes as poll promises: a
//     terminal gets one at a time. One race remains: another process may take the bytes, or
//     the room, in between. Then the call waits. Go's scheduler is told of it, so only this
//     goroutine waits with it, as for an Accept of a shared listener.

// AdoptStream returns a descriptor of our own for file.
func (k *Kernel) AdoptStream(file *os.File) (fd int, err error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return -1, err
	}
	var inner error
	if raw.Control(func(s uintptr) { fd, inner = openStream(int(s)) }) != nil {
		return -1, os.ErrClosed
	}
	if inner != nil {
		return -1, inner
	}
	k.shared.add(fd)
	return fd, nil
}

// openStream returns a new descriptor for the stream of fd.
func openStream(fd int) (int, error) {
	var about unix.Stat_t
	if err := unix.Fstat(fd, &about); err != nil {
		return -1, os.NewSyscallError("fstat", err)
	}
	switch {
	case isFile(&about):
		return -1, fmt.Errorf("a file is no stream, AdoptFile takes it: %w", errors.ErrUnsupported)
	case about.Mode&unix.S_IFMT == unix.S_IFSOCK:
		return -1, fmt.Errorf("a socket: net.FileConn and AdoptConn take it: %w", errors.ErrUnsupported)
	}
	if own, ok := reopenTerminal(fd); ok {
		return own, nil
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	return dup, os.NewSyscallError("fcntl", err)
}

// isFile reports whether something is always ready, which pollers refuse, or report falsely.
func isFile(about *unix.Stat_t) bool {
	switch about.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR, unix.S_IFBLK:
		return true
	}
	return false
}

// Watch returns a descriptor of our own for one of another owner. It has a mark, with which
// Close leaves SO_LINGER alone.
func (k *Kernel) Watch(descriptor uintptr) (int, error) {
	if descriptor > math.MaxInt32 { // the system would cut it
		return -1, os.NewSyscallError("fstat", unix.EBADF)
	}
	var about unix.Stat_t
	if err := unix.Fstat(int(descriptor), &about); err != nil {
		return -1, os.NewSyscallError("fstat", err)
	}
	if isFile(&about) {
		return -1, fmt.Errorf("a file is always ready: %w", errors.ErrUnsupported)
	}
	fd, err := unix.FcntlInt(descriptor, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	k.shared.addForeign(fd)
	return fd, nil
}

func readStream(fd int, p []byte) (int, syscall.Errno) {
	if n, errno := readNow(fd, p); errno != unix.EOPNOTSUPP {
		return n, errno
	}
	if !endsAtOnce(fd, unix.O_WRONLY) && !readable(fd) {
		return 0, unix.EAGAIN
	}
	return readPlain(fd, p)
}

// moved returns the result of a call of package unix.
func moved(n int, err error) (int, syscall.Errno) {
	if err != nil {
		return 0, asErrno(err)
	}
	return n, 0
}

// writeStream writes as much as there is room for.
func writeStream(fd int, p []byte) (n int, errno syscall.Errno) {
	if n, errno := writeNow(fd, p); errno != unix.EOPNOTSUPP {
		return n, errno
	}
	if endsAtOnce(fd, unix.O_RDONLY) {
		return moved(unix.Write(fd, p))
	}
	// The engine takes a short count for a lack of room, so this goes on until there is none.
	for most := promised(fd, len(p)); n < len(p) && writable(fd); {
		m, errno := moved(unix.Write(fd, p[n:min(n+most, len(p))]))
		switch {
		case errno == unix.EINTR:
		case errno != 0 && n == 0:
			return 0, errno
		case errno != 0: // the next call returns it
			return n, 0
		}
		n += m
	}
	if n == 0 {
		return 0, unix.EAGAIN
	}
	return n, 0
}

// readStreamV is readStream into several parts.
func readStreamV(fd int, parts [][]byte) (int, syscall.Errno) {
	return eachPart(fd, parts, readStream)
}

// writeStreamV is writeStream of several parts.
func writeStreamV(fd int, parts [][]byte) (int, syscall.Errno) {
	return eachPart(fd, parts, writeStream)
}

// eachPart makes a call for each part, until one of them moves less than all of it.
func eachPart(fd int, parts [][]byte, call func(int, []byte) (int, syscall.Errno)) (int, syscall.Errno) {
	total := 0
	for _, p := range parts {
		n, errno := call(fd, p)
		for errno == unix.EINTR && total > 0 { // total must not look like a lack of room
			n, errno = call(fd, p)
		}
		switch {
		case errno != 0 && total == 0:
			return 0, errno
		case errno != 0:
			return total, 0
		}
		if total += n; n < len(p) {
			break
		}
	}
	return total, 0
}

// endsAtOnce reports whether a read or a write of fd does not wait just now: its description
// has O_NONBLOCK, or the mode wrong, with which the call fails.
func endsAtOnce(fd, wrong int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err != nil || flags&unix.O_NONBLOCK != 0 || flags&unix.O_ACCMODE == wrong
}

// promised returns how many of n bytes a write can take without waiting when poll(2) finds
// room. A terminal promises one. What is neither a pipe nor a terminal takes messages.
func promised(fd, n int) int {
	var about unix.Stat_t
	if err := unix.Fstat(fd, &about); err == nil && about.Mode&unix.S_IFMT == unix.S_IFIFO {
		return pipeRoom
	}
	if isTerminal(fd) {
		return 1
	}
	return n
}

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, getTermios)
	return err == nil
}

// writable reports whether poll(2) finds room, without waiting.
func writable(fd int) bool {
	ask := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for {
		if n, err := unix.Poll(ask, 0); err != unix.EINTR {
			return n > 0
		}
	}
}

// unlessStream returns err, or EOPNOTSUPP for what only sockets have: errors.Is finds
// errors.ErrUnsupported in that.
func unlessStream(err error) error {
	if err == unix.ENOTSOCK {
		return unix.EOPNOTSUPP
	}
	return err
}

// addressOf returns the address of a socket, and an empty one for any other stream.
func addressOf(sa unix.Sockaddr, err error) net.Addr {
	if err == unix.ENOTSOCK {
		return &net.UnixAddr{Net: "stream"}
	}
	return netAddr(sa)
}

// Probe is poll(2) without waiting.
func (*Kernel) Probe(fd int, kind backend.Kind) bool {
	if kind == backend.PollIn {
		return readable(fd)
	}
	return writable(fd)
}
