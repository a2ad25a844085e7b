package sys

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pipeRoom is PIPE_BUF: a pipe that poll(2) reports as writable takes as much at once.
const pipeRoom = 4096

const getTermios = unix.TCGETS

// readNow is preadv2(2) at the current position, with RWF_NOWAIT. It returns EOPNOTSUPP if
// the system can't do it for this kind of stream.
func readNow(fd int, p []byte) (int, syscall.Errno) { return now(unix.SYS_PREADV2, fd, p) }

// writeNow is pwritev2(2), as readNow.
func writeNow(fd int, p []byte) (int, syscall.Errno) { return now(unix.SYS_PWRITEV2, fd, p) }

func now(call uintptr, fd int, p []byte) (int, syscall.Errno) {
	const current = ^uintptr(0) // the position, in both halves
	iov := unix.Iovec{Base: unsafe.SliceData(p)}
	iov.SetLen(len(p))
	n, _, errno := unix.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&iov)), 1, current, current, unix.RWF_NOWAIT)
	switch errno {
	case 0:
		return int(n), 0
	case unix.ENOSYS, // before Linux 4.6
		unix.EPERM: // of a filter of system calls that does not know this one
		return 0, unix.EOPNOTSUPP
	}
	return 0, errno
}

// readPlain is read(2). unix.Read would tell the race detector that it writes the memory, also
// where the kernel of package uring owns it.
func readPlain(fd int, p []byte) (int, syscall.Errno) {
	n, _, errno := unix.Syscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// reopenTerminal opens the terminal of fd again, for a description of our own. The other end
// of a pseudo-terminal can't be opened again: that would make a new one.
func reopenTerminal(fd int) (own int, ok bool) {
	if !isTerminal(fd) {
		return -1, false
	}
	if _, err := unix.IoctlGetInt(fd, unix.TIOCGPTN); err == nil {
		return -1, false
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return -1, false
	}
	own, err = unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), flags&unix.O_ACCMODE|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	return own, err == nil
}
