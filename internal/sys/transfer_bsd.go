//go:build dragonfly || netbsd

package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	sendFlags      = dontWait | unix.MSG_NOSIGNAL
	largestMessage = largest
)

func read(fd int, p []byte) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func write(fd int, p []byte) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), sendFlags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
