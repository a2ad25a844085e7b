package sys

import (
	"net/netip"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// The calls of package unix allocate an address. These don't.

// connectInet is connect(2) of a datagram socket, which does not wait.
func connectInet(fd int, to netip.AddrPort) syscall.Errno {
	var address rawAddress
	size, errno := address.set(&backend.Message{Addr: to})
	switch {
	case errno != 0:
		return errno
	case size == 0:
		return unix.EAFNOSUPPORT
	}
	_, _, errno = syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&address)), uintptr(size))
	if errno == unix.EINVAL {
		if family, _ := familyOf(fd); family == unix.AF_UNIX {
			return unix.EAFNOSUPPORT
		}
	}
	return errno
}

// LocalAddrPort is getsockname(2).
func (*Kernel) LocalAddrPort(fd int) netip.AddrPort { return nameOf(fd, unix.SYS_GETSOCKNAME) }

// RemoteAddrPort is getpeername(2).
func (*Kernel) RemoteAddrPort(fd int) netip.AddrPort { return nameOf(fd, unix.SYS_GETPEERNAME) }

func nameOf(fd int, call uintptr) netip.AddrPort {
	var address rawAddress
	size := uint32(unsafe.Sizeof(address))
	_, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&address)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 || address.Family == unix.AF_UNIX {
		return netip.AddrPort{}
	}
	var m backend.Message
	address.received(&m, 0, size, false)
	return m.Addr
}
