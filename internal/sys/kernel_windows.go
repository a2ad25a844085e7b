package sys

import (
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

var _ backend.Kernel = Kernel{}

// Kernel makes the engine's calls other than the operations of a completion port. Sockets
// are non-blocking, which does not concern those operations.
type Kernel struct{}

// Now returns the time of package sys.
func (Kernel) Now() int64 { return Now() }

// Read is a WSARecv that is not overlapped: it reads what is there.
func (Kernel) Read(fd int, p []byte) (int, syscall.Errno) {
	buffer := windows.WSABuf{Len: uint32(oneCall(len(p))), Buf: unsafe.SliceData(p)}
	var n, flags uint32
	called("WSARecv")
	// Package windows would allocate an error for each call that finds nothing.
	failed, _, errno := syscall.SyscallN(procReceive.Addr(), uintptr(fd), uintptr(unsafe.Pointer(&buffer)), 1,
		uintptr(unsafe.Pointer(&n)), uintptr(unsafe.Pointer(&flags)), 0, 0)
	if failed == 0 {
		return int(n), 0
	}
	return int(n), winsockOf(errno)
}

var procReceive = windows.NewLazySystemDLL("ws2_32.dll").NewProc("WSARecv")

// Write is a WSASend that is not overlapped: it sends what there is room for.
func (Kernel) Write(fd int, p []byte) (int, syscall.Errno) {
	buffer := windows.WSABuf{Len: uint32(min(len(p), LargestSend)), Buf: unsafe.SliceData(p)}
	var n uint32
	called("WSASend")
	err := windows.WSASend(windows.Handle(fd), &buffer, 1, &n, 0, nil, nil)
	return int(n), asErrno(err)
}

// ReadV is Read into several parts.
func (Kernel) ReadV(fd int, parts [][]byte) (int, syscall.Errno) {
	var buffers [backend.MostParts]windows.WSABuf
	var n, flags uint32
	count := describe(&buffers, parts, largest)
	called("WSARecv")
	err := windows.WSARecv(windows.Handle(fd), &buffers[0], count, &n, &flags, nil, nil)
	return int(n), asErrno(err)
}

// WriteV is Write from several parts. It sends at most LargestSend bytes of them.
func (Kernel) WriteV(fd int, parts [][]byte) (int, syscall.Errno) {
	var buffers [backend.MostParts]windows.WSABuf
	var n uint32
	count := describe(&buffers, parts, LargestSend)
	called("WSASend")
	err := windows.WSASend(windows.Handle(fd), &buffers[0], count, &n, 0, nil, nil)
	return int(n), asErrno(err)
}

// describe describes parts to Winsock, at most limit bytes of them, and returns how many it
// has described.
func describe(buffers *[backend.MostParts]windows.WSABuf, parts [][]byte, limit int) (count uint32) {
	for _, p := range parts {
		size := min(len(p), limit)
		limit -= size
		if size == 0 {
			break
		}
		buffers[count] = windows.WSABuf{Len: uint32(size), Buf: unsafe.SliceData(p)}
		count++
	}
	return count
}

// CloseWrite is shutdown of the sending side.
func (Kernel) CloseWrite(fd int) syscall.Errno {
	called("shutdown")
	return asErrno(windows.Shutdown(windows.Handle(fd), windows.SHUT_WR))
}

// Close is closesocket. No operation may be inside the kernel: the close would then send a
// reset.
//
// A non-blocking socket is not closed while it has a positive SO_LINGER: the call fails
// with WSAEWOULDBLOCK and begins no disconnect. The socket may have had the option when it
// was adopted, or inherit it from its listener, or a program may have set it through the
// handle lent to it. So Close turns a positive SO_LINGER off, and the system goes on
// sending in the background. An SO_LINGER of 0 seconds means a reset and is left alone.
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
	var value struct{ on, seconds uint16 } // the type in package windows is wrong
	size := int32(unsafe.Sizeof(value))
	called("getsockopt")
	err := getsockopt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_LINGER, (*byte)(unsafe.Pointer(&value)), &size)
	return err == nil && value.on != 0 && value.seconds > 0
}

// Classify returns what an errno of these calls, or of an operation that has ended, means.
// An errno that is not listed ends its operation and nothing else. For an accept, a lack of
// sockets (WSAEMFILE, WSAENOBUFS) is such an errno.
func (Kernel) Classify(kind backend.Kind, errno syscall.Errno) backend.Class {
	if kind == backend.Receive || kind == backend.Send {
		return classifyDatagram(errno)
	}
	if kind == backend.Accept && errno == windows.WSAENOTCONN { // as below
		return backend.Again
	}
	switch errno {
	case Aborted, // of CancelIoEx; the operation records who asked for it
		windows.WSAEINTR:
		return backend.Again
	case windows.WSAEWOULDBLOCK: // of Read: there is nothing any more
		return backend.WouldBlock
	case windows.WSAESHUTDOWN: // the write side is gone
		if kind == backend.Write {
			return backend.BrokenPipe
		}
	case windows.WSAECONNRESET, // the peer sent RST
		windows.WSAECONNABORTED,                       // this side gave up the connection
		windows.WSAETIMEDOUT,                          // no answer to data or keep-alive
		windows.WSAECONNREFUSED,                       // nobody listens
		windows.WSAEHOSTUNREACH, windows.WSAEHOSTDOWN, // no way to the host
		windows.WSAENETUNREACH, windows.WSAENETDOWN, // no way to its network
		windows.WSAENETRESET: // keep-alive found the connection dead
		if kind == backend.Accept { // it died in the backlog; the next may be good
			return backend.Again
		}
		return backend.Fatal
	}
	return backend.Failed
}

// asErrno returns Winsock's number for an error. For some operations that have ended,
// Windows reports other numbers.
func asErrno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	return winsockOf(errnoOf(err))
}

// winsockOf is asErrno without an error, which would be allocated.
func winsockOf(errno syscall.Errno) syscall.Errno {
	switch errno {
	case windows.ERROR_NETNAME_DELETED: // the peer sent RST: no socket is closed with an operation inside
		return windows.WSAECONNRESET
	case windows.ERROR_CONNECTION_ABORTED, windows.ERROR_GRACEFUL_DISCONNECT:
		return windows.WSAECONNABORTED
	case windows.ERROR_CONNECTION_REFUSED:
		return windows.WSAECONNREFUSED
	case windows.ERROR_SEM_TIMEOUT:
		return windows.WSAETIMEDOUT
	case windows.ERROR_NETWORK_UNREACHABLE:
		return windows.WSAENETUNREACH
	case windows.ERROR_MORE_DATA: // of a datagram that is larger than its buffer
		return windows.WSAEMSGSIZE
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
