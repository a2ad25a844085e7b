package sys

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// Transfer is the memory that the kernel uses while an operation is inside it. It must not
// move, and must stay reachable, until the operation has ended.
type Transfer struct {
	overlapped windows.Overlapped
	buffer     windows.WSABuf
	data       []byte // keeps the memory of buffer reachable
	flags      uint32
	to         unsafe.Pointer // the address of a connect
}

// Pending means that an operation goes on inside the kernel.
const Pending = windows.ERROR_IO_PENDING

// Aborted means that an operation was cancelled before it had a result.
const Aborted = windows.ERROR_OPERATION_ABORTED

// These are extension functions: Winsock does not export them, but WSAIoctl returns their
// addresses.
var acceptEx, connectEx, wsaRecvMsg, wsaSendMsg uintptr

var extensions = []struct {
	name    string
	id      windows.GUID
	address *uintptr
}{
	{"AcceptEx", windows.GUID{Data1: 0xb5367df1, Data2: 0xcbac, Data3: 0x11cf, Data4: [8]byte{0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}}, &acceptEx},
	{"ConnectEx", windows.WSAID_CONNECTEX, &connectEx},
	{"WSARecvMsg", windows.WSAID_WSARECVMSG, &wsaRecvMsg},
	{"WSASendMsg", windows.WSAID_WSASENDMSG, &wsaSendMsg},
}

func loadExtensions() error {
	s, err := windows.WSASocket(windows.AF_INET, windows.SOCK_STREAM, windows.IPPROTO_TCP, nil, 0, windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return os.NewSyscallError("WSASocket", err)
	}
	defer windows.Closesocket(s)
	for i := range extensions {
		x, n := &extensions[i], uint32(0)
		err := windows.WSAIoctl(s, windows.SIO_GET_EXTENSION_FUNCTION_POINTER,
			(*byte)(unsafe.Pointer(&x.id)), uint32(unsafe.Sizeof(x.id)),
			(*byte)(unsafe.Pointer(x.address)), uint32(unsafe.Sizeof(*x.address)), &n, nil, 0)
		if err != nil {
			return fmt.Errorf("%s is missing: %w", x.name, os.NewSyscallError("WSAIoctl", err))
		}
	}
	return nil
}

// begin prepares the transfer for an operation. All state is in place before the system
// call, since another thread may dequeue the packet before that call returns.
func (t *Transfer) begin(data []byte) {
	t.overlapped = windows.Overlapped{}
	t.data = data
	t.buffer = windows.WSABuf{Len: uint32(oneCall(len(data))), Buf: unsafe.SliceData(data)}
	t.flags = 0
}

// LargestSend is the limit of one send, in bytes. Winsock accepts a send of any size as
// soon as there is any room (KB214397): a write of a gigabyte would end at once,
// even if the peer does not read, and no deadline could end it. A connection can hold two
// sends of this size beyond its buffer.
const LargestSend = 256 << 10

// Receive begins a read. If data is empty, the read ends when there is something to read.
// Like the methods below, Receive returns 0 if the operation has already succeeded, Pending
// if it goes on, and otherwise the errno of its failure.
func (t *Transfer) Receive(fd int, data []byte) syscall.Errno {
	t.begin(data)
	called("WSARecv")
	o := begin(fd, &t.overlapped, 0)
	errno := asErrno(windows.WSARecv(windows.Handle(fd), &t.buffer, 1, nil, &t.flags, o, nil))
	began(fd, &t.overlapped, errno)
	return errno
}

// Send begins a write of at most LargestSend bytes of data.
func (t *Transfer) Send(fd int, data []byte) syscall.Errno {
	t.begin(data[:min(len(data), LargestSend)])
	called("WSASend")
	o := begin(fd, &t.overlapped, int(t.buffer.Len))
	errno := asErrno(windows.WSASend(windows.Handle(fd), &t.buffer, 1, nil, 0, o, nil))
	began(fd, &t.overlapped, errno)
	return errno
}

// Connect begins a connect. It binds the socket first, as ConnectEx requires.
func (t *Transfer) Connect(fd int, to backend.Address) syscall.Errno {
	family, errno := addressFamily(fd)
	if errno != 0 {
		return errno
	}
	to = target(to)
	address, errno := sockaddr(family, to)
	if errno != 0 {
		return errno
	}
	if family != windows.AF_UNIX {
		sharePorts(fd)
	}
	called("bind")
	raw, size := rawAddress(anyAddress(family))
	if err := bind(windows.Handle(fd), raw, size); err != nil && err != windows.WSAEINVAL {
		return asErrno(err) // WSAEINVAL means that the socket is bound already
	}
	if raw, size = rawAddress(address); raw == nil {
		return windows.WSAEINVAL
	}
	if isThisMachine(to.Inet.Addr()) {
		refuseAtOnce(fd)
	}
	t.begin(nil)
	t.to = raw
	called("ConnectEx")
	o := begin(fd, &t.overlapped, 0)
	errno = connect(fd, raw, size, o)
	began(fd, &t.overlapped, errno)
	return errno
}

// Connected ends a connect with this errno. If it is 0, the socket becomes an ordinary
// connected one.
func (t *Transfer) Connected(fd int, errno syscall.Errno) syscall.Errno {
	t.to = nil
	if errno != 0 {
		return errno
	}
	called("setsockopt")
	return asErrno(windows.Setsockopt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_UPDATE_CONNECT_CONTEXT, nil, 0))
}

// Result returns the result of an operation that has ended: its packet was dequeued, or it
// ended at once without a packet.
func (t *Transfer) Result(fd int) (n int, errno syscall.Errno) {
	t.data, t.buffer.Buf = nil, nil
	return int(t.overlapped.InternalHigh), ending(fd, &t.overlapped)
}

// ending returns the errno of an operation on fd that has ended.
func ending(fd int, o *windows.Overlapped) syscall.Errno {
	switch windows.NTStatus(o.Internal) {
	case 0:
		return 0
	case windows.STATUS_CANCELLED: // the usual case after a cancel
		return Aborted
	case windows.STATUS_BUFFER_OVERFLOW: // of a datagram; an error would be allocated
		return windows.WSAEMSGSIZE
	}
	// This makes no call into the kernel, but translates the status.
	var moved, flags uint32
	return asErrno(windows.WSAGetOverlappedResult(windows.Handle(fd), o, &moved, false, &flags))
}

// Failed releases the memory of an operation that could not be begun.
func (t *Transfer) Failed() { t.data, t.buffer.Buf, t.to = nil, nil, nil }

// Cancel asks once for the end of an operation. heard reports whether the kernel has found
// the operation. The end is reported like any other.
func (t *Transfer) Cancel(fd int) (heard bool) { return cancel(fd, &t.overlapped) }

// cancel calls CancelIoEx once. The call does not find an operation that has ended. The
// status of an operation does not change before its packet is dequeued. So a loop that
// waited for either, a successful cancel or a changed status, might never end. Wine also
// does not find an operation while one of its threads tries the operation again.
func cancel(fd int, o *windows.Overlapped) (heard bool) {
	called("CancelIoEx")
	if Interposed != nil {
		return Interposed.Cancel(fd, o) != windows.ERROR_NOT_FOUND
	}
	return windows.CancelIoEx(windows.Handle(fd), o) != windows.ERROR_NOT_FOUND
}

func result(ok uintptr, errno syscall.Errno) syscall.Errno {
	switch {
	case ok != 0:
		return 0
	case errno == 0:
		return windows.WSAEINVAL
	}
	return asErrno(errno)
}
