package sys

import (
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

var _ backend.Kernel = Kernel{}

// Kernel makes those of the engine's calls that are no operations of a
// completion port. Sockets do not block, which concerns none of those.
type Kernel struct{}

// Now is the clock of package sys.
func (Kernel) Now() int64 { return Now() }

// Read takes what is there.
func (Kernel) Read(fd int, p []byte) (int, syscall.Errno) {
	buffer := windows.WSABuf{Len: uint32(oneCall(len(p))), Buf: unsafe.SliceData(p)}
	var n, flags uint32
	called("WSARecv")
	err := windows.WSARecv(windows.Handle(fd), &buffer, 1, &n, &flags, nil, nil)
	return int(n), asErrno(err)
}

// CloseWrite is shutdown of the sending side.
func (Kernel) CloseWrite(fd int) syscall.Errno {
	called("shutdown")
	return asErrno(windows.Shutdown(windows.Handle(fd), windows.SHUT_WR))
}

// Close is closesocket. Nothing is inside the kernel: an operation there would
// turn the end into a reset.
//
// A socket that does not block is not closed while it has a positive SO_LINGER: the
// call fails with WSAEWOULDBLOCK and begins no disconnect. It may have come with one,
// have it from its listener, or from a program through the handle lent to it. So it is
// turned off, and the system goes on sending in the background. Zero seconds, which
// mean a reset, stay.
func (Kernel) Close(fd int) syscall.Errno {
	if Lingers(fd) {
		called("setsockopt")
		windows.SetsockoptLinger(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_LINGER, &windows.Linger{})
	}
	return closeSocket(fd)
}

func closeSocket(fd int) syscall.Errno {
	called("closesocket")
	if Interposed != nil {
		return asErrno(Interposed.CloseSocket(fd))
	}
	return asErrno(windows.Closesocket(windows.Handle(fd)))
}

// Lingers reports whether a socket has a positive SO_LINGER.
func Lingers(fd int) bool {
	var value struct{ on, seconds uint16 } // package windows has it wrong
	size := int32(unsafe.Sizeof(value))
	called("getsockopt")
	err := getsockopt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_LINGER, (*byte)(unsafe.Pointer(&value)), &size)
	return err == nil && value.on != 0 && value.seconds > 0
}

// Classify says what an errno of these calls, or of a completion, means. Those
// not named end their operation and nothing else: for an accept, running out of
// sockets (WSAEMFILE, WSAENOBUFS) is among them.
func (Kernel) Classify(kind backend.Kind, errno syscall.Errno) backend.Class {
	if kind == backend.Accept && errno == windows.WSAENOTCONN { // as below
		return backend.Again
	}
	switch errno {
	case Aborted, // CancelIoEx; whose wish it was, the operation knows
		windows.WSAEINTR:
		return backend.Again
	case windows.WSAEWOULDBLOCK: // of Read: what was there is gone
		return backend.WouldBlock
	case windows.WSAESHUTDOWN: // the write side is gone
		if kind == backend.Write {
			return backend.BrokenPipe
		}
	case windows.WSAECONNRESET, // the peer sent RST
		windows.WSAECONNABORTED,                       // this side gave it up
		windows.WSAETIMEDOUT,                          // no answer to data or keep-alive
		windows.WSAECONNREFUSED,                       // nobody listens
		windows.WSAEHOSTUNREACH, windows.WSAEHOSTDOWN, // no way to the host
		windows.WSAENETUNREACH, windows.WSAENETDOWN, // no way to its network
		windows.WSAENETRESET: // keep-alive found it gone
		if kind == backend.Accept { // it died in the backlog, and the next may be well
			return backend.Again
		}
		return backend.Fatal
	}
	return backend.Failed
}

// asErrno returns Winsock's number. Some ends of operations come with those of
// the system instead.
func asErrno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	errno := errnoOf(err)
	switch errno {
	case windows.ERROR_NETNAME_DELETED: // the peer sent RST: we never close with an operation inside
		return windows.WSAECONNRESET
	case windows.ERROR_CONNECTION_ABORTED, windows.ERROR_GRACEFUL_DISCONNECT:
		return windows.WSAECONNABORTED
	case windows.ERROR_CONNECTION_REFUSED:
		return windows.WSAECONNREFUSED
	case windows.ERROR_SEM_TIMEOUT:
		return windows.WSAETIMEDOUT
	case windows.ERROR_NETWORK_UNREACHABLE:
		return windows.WSAENETUNREACH
	case windows.ERROR_HOST_UNREACHABLE, windows.ERROR_PORT_UNREACHABLE:
		return windows.WSAEHOSTUNREACH
	}
	return Errno(errno)
}

func errnoOf(err error) syscall.Errno {
	switch err := err.(type) {
	case syscall.Errno:
		return err
	case interface{ Unwrap() error }:
		return errnoOf(err.Unwrap())
	}
	return windows.WSAEINVAL
}
