package sys

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// Transfer is what the kernel works with while an operation is inside it. It
// must stay where it is, and reachable, until the operation has ended.
type Transfer struct {
	overlapped windows.Overlapped
	buffer     windows.WSABuf
	data       []byte // keeps reachable what buffer points to
	flags      uint32
	to         unsafe.Pointer // of a connect: the address
}

// Pending says that an operation goes on inside the kernel.
const Pending = windows.ERROR_IO_PENDING

// Aborted says that it was cancelled before anything came of it.
const Aborted = windows.ERROR_OPERATION_ABORTED

// These are no calls of Winsock: each has to be asked for.
var acceptEx, connectEx uintptr

var extensions = []struct {
	name    string
	id      windows.GUID
	address *uintptr
}{
	{"AcceptEx", windows.GUID{Data1: 0xb5367df1, Data2: 0xcbac, Data3: 0x11cf, Data4: [8]byte{0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}}, &acceptEx},
	{"ConnectEx", windows.WSAID_CONNECTEX, &connectEx},
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

// begin prepares the transfer for an operation. All is in place before the
// call: another thread may learn of the end before it returns.
func (t *Transfer) begin(data []byte) {
	t.overlapped = windows.Overlapped{}
	t.data = data
	t.buffer = windows.WSABuf{Len: uint32(oneCall(len(data))), Buf: unsafe.SliceData(data)}
	t.flags = 0
}

// LargestSend is the most bytes of one send. Winsock takes a send of any size as
// soon as there is any room (KB214397): a write of a gigabyte would end at once,
// whether the peer reads or not, and no deadline could end it. What a connection can
// hold beyond its buffer is two of these.
const LargestSend = 256 << 10

// Receive begins a read. Without data it ends when there is something to read.
// Like those below it returns 0 if the operation has ended well already, Pending
// if it goes on, and else why it has failed.
func (t *Transfer) Receive(fd int, data []byte) syscall.Errno {
	t.begin(data)
	called("WSARecv")
	o := begin(fd, &t.overlapped, 0)
	errno := asErrno(windows.WSARecv(windows.Handle(fd), &t.buffer, 1, nil, &t.flags, o, nil))
	began(fd, &t.overlapped, errno)
	return errno
}

// Send begins a write, of no more than a piece of the data.
func (t *Transfer) Send(fd int, data []byte) syscall.Errno {
	t.begin(data[:min(len(data), LargestSend)])
	called("WSASend")
	o := begin(fd, &t.overlapped, int(t.buffer.Len))
	errno := asErrno(windows.WSASend(windows.Handle(fd), &t.buffer, 1, nil, 0, o, nil))
	began(fd, &t.overlapped, errno)
	return errno
}

// Connect begins a connect. The call wants a socket that is bound.
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
		return asErrno(err) // WSAEINVAL: it is bound
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

// Connected makes a socket whose connect has ended so an ordinary one.
func (t *Transfer) Connected(fd int, errno syscall.Errno) syscall.Errno {
	t.to = nil
	if errno != 0 {
		return errno
	}
	called("setsockopt")
	return asErrno(windows.Setsockopt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_UPDATE_CONNECT_CONTEXT, nil, 0))
}

// Result tells how an operation has ended of which the kernel has told, or which
// has ended at once.
func (t *Transfer) Result(fd int) (n int, errno syscall.Errno) {
	t.data, t.buffer.Buf = nil, nil
	return int(t.overlapped.InternalHigh), ending(fd, &t.overlapped)
}

// ending is the errno of an operation on fd that has ended.
func ending(fd int, o *windows.Overlapped) syscall.Errno {
	switch windows.NTStatus(o.Internal) {
	case 0:
		return 0
	case windows.STATUS_CANCELLED: // the rule, after a cancel
		return Aborted
	}
	// Not a call into the kernel: it translates the status.
	var moved, flags uint32
	return asErrno(windows.WSAGetOverlappedResult(windows.Handle(fd), o, &moved, false, &flags))
}

// Failed lets go of what an operation had that could not be begun.
func (t *Transfer) Failed() { t.data, t.buffer.Buf, t.to = nil, nil, nil }

// Cancel asks once for the end of an operation, and tells whether that was heard.
// The kernel tells of the end as of any.
func (t *Transfer) Cancel(fd int) (heard bool) { return cancel(fd, &t.overlapped) }

// cancel asks once. The kernel finds nothing to cancel of an operation that has
// ended; its status says nothing about that before its packet has been taken from
// the port, so asking until the one or the other would be for ever. With Wine there
// are also moments when it finds nothing though the operation goes on: while a
// thread tries once more what was not possible before.
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
