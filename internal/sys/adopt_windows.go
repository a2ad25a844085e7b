package sys

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// Adopt returns a descriptor of our own for a socket of package net: a duplicate. Both
// descriptors belong to the completion port of Go's runtime until Move is called.
func (Kernel) Adopt(c any, kind backend.SocketKind) (int, error) {
	fd, err := adopt(c, kind, duplicate)
	if err == nil && kind == backend.DatagramSocket {
		err = adoptPackets(fd)
	}
	return fd, err
}

// adoptPackets makes a duplicate of a datagram socket one as from PacketSocket.
func adoptPackets(fd int) error {
	domain, errno := domainOf(fd)
	if errno != 0 {
		Close(fd)
		return os.NewSyscallError("getsockopt", errno)
	}
	packetDomains.Set(fd, domain)
	reportUnreachable(fd, Kernel{}.RemoteAddr(fd) != nil)
	return nil
}

// domainOf returns the family of a datagram socket.
func domainOf(fd int) (*int, syscall.Errno) {
	info, errno := protocolOf(fd)
	if info.AddressFamily == windows.AF_INET {
		return &domain4, errno
	}
	return &domain6, errno
}

// AdoptStream fails.
func (Kernel) AdoptStream(*os.File) (int, error) {
	return -1, fmt.Errorf("no streams but sockets on Windows: %w", errors.ErrUnsupported)
}

// Watch fails.
func (Kernel) Watch(uintptr) (int, error) {
	return -1, fmt.Errorf("a socket of another owner can't be watched on Windows: %w", errors.ErrUnsupported)
}

// Disown closes a descriptor of Adopt. The socket has another descriptor, so the close
// need not linger. If the close fails because of a positive SO_LINGER, the socket is made
// blocking again, which concerns no overlapped call, and closed. SO_LINGER is not changed,
// since it belongs to the other owner, too.
func (Kernel) Disown(fd int) {
	if closeSocket(fd) == windows.WSAEWOULDBLOCK {
		setBlocking(windows.Handle(fd), true)
		called("closesocket")
		windows.Closesocket(windows.Handle(fd))
	}
}

// Share fails: package net can take over a socket only from a file that it has made.
func (Kernel) Share(int, backend.SocketKind) (any, error) {
	return nil, fmt.Errorf("a socket can't leave its completion port on Windows: %w", errors.ErrUnsupported)
}

// duplicate returns a new descriptor for the socket of fd. It fails with EPROTOTYPE if the
// socket is not of this kind, or of another protocol than TCP, UDP and unix.
func duplicate(fd int, kind backend.SocketKind) (int, error) {
	info, errno := protocolOf(fd)
	if errno != 0 {
		return -1, os.NewSyscallError("getsockopt", errno)
	}
	if !isOf(&info, kind) {
		return -1, syscall.EPROTOTYPE
	}
	if kind != backend.DatagramSocket {
		if err := checkListens(fd, kind == backend.ListeningSocket); err != nil {
			return -1, err
		}
	}
	if errno := called("WSADuplicateSocket"); errno != 0 {
		return -1, os.NewSyscallError("WSADuplicateSocket", errno)
	}
	if err := windows.WSADuplicateSocket(windows.Handle(fd), windows.GetCurrentProcessId(), &info); err != nil {
		return -1, os.NewSyscallError("WSADuplicateSocket", asErrno(err))
	}
	const fromInfo = -1 // FROM_PROTOCOL_INFO
	called("WSASocket")
	dup, err := wsaSocket(fromInfo, fromInfo, fromInfo, &info, 0, socketFlags)
	if err != nil {
		return -1, os.NewSyscallError("WSASocket", asErrno(err))
	}
	if err := setBlocking(dup, false); err != nil { // package net makes overlapped calls only
		Close(int(dup))
		return -1, os.NewSyscallError("WSAIoctl", asErrno(err))
	}
	return int(dup), nil
}

// checkListens fails with EPROTOTYPE unless a stream socket is a listener, or none.
func checkListens(fd int, wanted bool) error {
	const acceptConn = 2 // SO_ACCEPTCONN
	accepts, size := int32(0), int32(4)
	called("getsockopt")
	err := getsockopt(windows.Handle(fd), windows.SOL_SOCKET, acceptConn, (*byte)(unsafe.Pointer(&accepts)), &size)
	switch {
	case err != nil:
		return os.NewSyscallError("getsockopt", asErrno(err))
	case (accepts != 0) != wanted:
		return syscall.EPROTOTYPE
	}
	return nil
}

// isOf reports whether a socket is of a kind that this package opens.
func isOf(info *windows.WSAProtocolInfo, kind backend.SocketKind) bool {
	isInet := info.AddressFamily == windows.AF_INET || info.AddressFamily == windows.AF_INET6
	if kind == backend.DatagramSocket {
		return info.SocketType == windows.SOCK_DGRAM && isInet && info.Protocol == windows.IPPROTO_UDP
	}
	if info.SocketType != windows.SOCK_STREAM {
		return false
	}
	if isInet {
		return info.Protocol == windows.IPPROTO_TCP
	}
	return info.AddressFamily == windows.AF_UNIX
}

// completionInformation is FILE_COMPLETION_INFORMATION.
type completionInformation struct {
	port CompletionPort
	key  uintptr
}

// SetInformationFile is a variable for tests: Wine does not support the class of
// information that Move sets.
var SetInformationFile = windows.NtSetInformationFile

// Move is Associate for a descriptor of Adopt. The system (from Windows 8.1) replaces
// the completion port of the socket by p in one step, for all its descriptors, or
// changes nothing. It fails while an operation is inside the kernel.
//
// Move does not use File of package net, which takes the socket out of the runtime's port
// first: if a later step failed then, the connection would be left without deadlines.
// If the program has called File, there is no port to replace, and Associate is enough.
func (p CompletionPort) Move(fd int, skip bool) (skipped bool, errno syscall.Errno) {
	if skipped, errno = p.Associate(fd, skip); errno != windows.ERROR_INVALID_PARAMETER {
		return skipped, errno
	}
	if errno := called("NtSetInformationFile"); errno != 0 {
		return false, errno
	}
	var status windows.IO_STATUS_BLOCK
	info := completionInformation{p, uintptr(fd)}
	err := SetInformationFile(windows.Handle(fd), &status, (*byte)(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), windows.FileReplaceCompletionInformation)
	if err != nil {
		return false, whyNotMoved(err)
	}
	// The system has dropped the modes together with the former port.
	return p.setModes(fd, skip), 0
}

// whyNotMoved translates a status. NTStatus.Errno would translate some of them to errnos
// with another meaning.
func whyNotMoved(err error) syscall.Errno {
	status, _ := err.(windows.NTStatus)
	switch status {
	case windows.STATUS_NOT_IMPLEMENTED, windows.STATUS_NOT_SUPPORTED, windows.STATUS_INVALID_INFO_CLASS:
		return windows.ERROR_NOT_SUPPORTED // errors.ErrUnsupported
	case windows.STATUS_UNSUCCESSFUL: // an operation is under way
		return windows.ERROR_BUSY
	}
	return status.Errno()
}
