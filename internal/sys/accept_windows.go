package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Acceptance is the memory that the kernel uses while an accept is inside it, and the
// socket for the connection. Like a Transfer it must not move, and must stay reachable,
// until the accept has ended.
type Acceptance struct {
	overlapped windows.Overlapped
	family     int // of the listener, 0 until Prepare has asked for it
	socket     int
	received   uint32
	addresses  [2 * addressRoom]byte // written by AcceptEx, and not used
}

// addressRoom is the room in bytes that AcceptEx needs for an address of any family.
const addressRoom = uint32(unsafe.Sizeof(windows.RawSockaddrAny{})) + 16

// Prepare makes the socket for the next accept of a listener. All calls on an Acceptance
// have the same listener. Accept or Discard follows.
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

// Accept begins the accept. Like the methods of Transfer it returns 0 if the accept has
// already succeeded, Pending if it goes on, and otherwise the errno of its failure.
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

// Result returns the socket of an accept that has ended. If the accept has failed, Result
// closes the socket.
func (a *Acceptance) Result(fd int) (int, syscall.Errno) {
	errno := ending(fd, &a.overlapped)
	if errno == 0 {
		// Without this option, the socket has no addresses and can't be half closed.
		// It can't be set on a connection that was reset meanwhile: the first
		// operation of that connection returns the reset.
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

// Canceled reports whether an accept that has ended was cancelled.
func (a *Acceptance) Canceled() bool {
	return windows.NTStatus(a.overlapped.Internal) == windows.STATUS_CANCELLED
}

// Discard closes the socket of an accept that is not inside the kernel.
func (a *Acceptance) Discard() { Close(a.socket) }

// Cancel is Transfer.Cancel for an accept.
func (a *Acceptance) Cancel(fd int) (heard bool) { return cancel(fd, &a.overlapped) }

// IsOf reports whether the packet belongs to the accept of a.
func (a *Acceptance) IsOf(p *Packet) bool {
	return p.Overlapped == uintptr(unsafe.Pointer(&a.overlapped))
}
