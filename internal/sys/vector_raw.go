//go:build linux || dragonfly || freebsd || netbsd

package sys

import (
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// iovecs describe parts to the system. They and the header stay in the stack frame of the
// call: no function stores a pointer to them.
type iovecs [backend.MostParts]unix.Iovec

// set fills in the parts, of at most limit bytes together, and returns their number.
func (v *iovecs) set(parts [][]byte, limit int) (n int) {
	for _, p := range parts {
		size := min(len(p), limit)
		limit -= size
		if size == 0 {
			break
		}
		v[n].Base = unsafe.SliceData(p)
		v[n].SetLen(size)
		n++
	}
	return n
}

// readV is recvmsg(2) with MSG_DONTWAIT, for the reason given at read. Go's scheduler is
// told of the call: only long reads are worth several parts.
func readV(fd int, parts [][]byte) (int, syscall.Errno) {
	var iov iovecs
	m := unix.Msghdr{Iov: &iov[0]}
	m.SetIovlen(iov.set(parts, largestMessage))
	n, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), unix.MSG_DONTWAIT)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// writeV is sendmsg(2) with the flags of write.
func writeV(fd int, parts [][]byte) (int, syscall.Errno) {
	var iov iovecs
	m := unix.Msghdr{Iov: &iov[0]}
	m.SetIovlen(iov.set(parts, largestMessage))
	n, _, errno := unix.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), sendFlags)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
