package echo

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// recvfrom never blocks, whatever the socket's mode, and does not notify Go's scheduler.
// p must not be empty.
func recvfrom(fd int, p []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// sendto is like recvfrom. A broken pipe is an errno, not a signal.
func sendto(fd int, p []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}
