package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Acceptance is what the kernel works with while an accept is inside it, and the
// socket that the connection is to have. Like a Transfer it must stay where it
// is, and reachable, until the accept has ended.
type Acceptance struct {
	overlapped windows.Overlapped
	family     int // of the listener, once asked for
	socket     int
	received   uint32
	addresses  [2 * addressRoom]byte // nobody looks at them
}

// addressRoom is what AcceptEx wants for an address of any family.
const addressRoom = uint32(unsafe.Sizeof(windows.RawSockaddrAny{})) + 16

// Prepare makes the socket for the next accept of a listener, which is always
// the same. What was prepared is accepted with or discarded.
func (a *Acceptance) Prepare(listener int) (errno syscall.Errno) {
	if a.family == 0 {
		if a.family, errno = addressFamily(listener); errno != 0 {
			return errno
		}
	}
	if a.socket, errno = openSocket(a.family); errno != 0 {
		return errno
	}
	if a.family != windows.AF_UNIX {
		errno = asErrno(setInt(a.socket, windows.IPPROTO_TCP, windows.TCP_NODELAY, 1))
	}
	if errno != 0 {
		a.Discard()
	}
	a.overlapped = windows.Overlapped{}
	return errno
}

// Accept begins the accept. Like those of a Transfer it returns 0 if it has ended
// well already, Pending if it goes on, and else why it has failed.
func (a *Acceptance) Accept(fd int) syscall.Errno {
	if errno := called("AcceptEx"); errno != 0 {
		return errno
	}
	o := begin(fd, &a.overlapped, 0)
	ok, _, e := syscall.SyscallN(acceptEx, uintptr(fd), uintptr(a.socket), uintptr(unsafe.Pointer(&a.addresses)), 0,
		uintptr(addressRoom), uintptr(addressRoom), uintptr(unsafe.Pointer(&a.received)), uintptr(unsafe.Pointer(o)))
	errno := result(ok, e)
	began(fd, &a.overlapped, errno)
	return errno
}

// Result returns the socket of an accept that has ended, or closes it.
func (a *Acceptance) Result(fd int) (int, syscall.Errno) {
	errno := ending(fd, &a.overlapped)
	if errno == 0 {
		// Until then it has no addresses and can't be half closed. One that was
		// reset since can't any more: its first operation will say so.
		errno = asErrno(setHandle(a.socket, windows.SO_UPDATE_ACCEPT_CONTEXT, fd))
		if errno == windows.WSAENOTCONN {
			errno = 0
		}
	}
	if errno != 0 {
		a.Discard()
		return -1, errno
	}
	return a.socket, 0
}

// Canceled tells of an accept that has ended whether Cancel was why.
func (a *Acceptance) Canceled() bool {
	return windows.NTStatus(a.overlapped.Internal) == windows.STATUS_CANCELLED
}

// Discard closes the socket of an accept that is not inside the kernel.
func (a *Acceptance) Discard() { Close(a.socket) }

// Cancel is that of a Transfer.
func (a *Acceptance) Cancel(fd int) (heard bool) { return cancel(fd, &a.overlapped) }
