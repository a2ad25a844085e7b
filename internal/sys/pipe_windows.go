package sys

import (
	"os"
	"sync"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

var (
	procReadFile      = windows.NewLazySystemDLL("kernel32.dll").NewProc("ReadFile")
	procWriteFile     = windows.NewLazySystemDLL("kernel32.dll").NewProc("WriteFile")
	procPeekNamedPipe = windows.NewLazySystemDLL("kernel32.dll").NewProc("PeekNamedPipe")
	procWaitNamedPipe = windows.NewLazySystemDLL("kernel32.dll").NewProc("WaitNamedPipeW")
)

// Unsupported is the errno of what pipes do not have, and WouldBlock of a call that finds no
// room.
const (
	Unsupported = windows.WSAEOPNOTSUPP
	WouldBlock  = windows.WSAEWOULDBLOCK
)

// pipeBuffer is how many bytes a pipe holds in each direction.
const pipeBuffer = 64 << 10

// NewPipeListener returns a number for a listener of a named pipe. Every connection takes over
// one instance of the pipe, so no handle of the pipe is the listener: the number is that of an
// event, which nobody uses.
func NewPipeListener() (fd int, err error) {
	called("CreateEvent")
	h, err := windows.CreateEvent(nil, 1, 0, nil)
	return int(h), os.NewSyscallError("CreateEvent", err)
}

// PipeInstance is an instance of a named pipe that waits for a client, and the memory that the
// kernel uses while it does. Like a Transfer it must not move, and must stay reachable, until
// the wait has ended.
type PipeInstance struct {
	overlapped windows.Overlapped
	FD         int
}

// NewPipeInstance makes an instance of the pipe of that name. With first, it fails if there is
// an instance already. The instance is a stream of bytes, refuses clients of other machines,
// and nobody has access but its owner, administrators and the system.
func NewPipeInstance(name string, first bool) (*PipeInstance, syscall.Errno) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, windows.ERROR_INVALID_NAME
	}
	open := uint32(windows.PIPE_ACCESS_DUPLEX | windows.FILE_FLAG_OVERLAPPED)
	if first {
		open |= windows.FILE_FLAG_FIRST_PIPE_INSTANCE
	}
	const mode = windows.PIPE_TYPE_BYTE | windows.PIPE_READMODE_BYTE | windows.PIPE_WAIT | windows.PIPE_REJECT_REMOTE_CLIENTS
	if errno := called("CreateNamedPipe"); errno != 0 {
		return nil, errno
	}
	security, err := pipeSecurity()
	if err != nil {
		return nil, errnoOf(err)
	}
	attributes := windows.SecurityAttributes{SecurityDescriptor: security}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	h, err := windows.CreateNamedPipe(path, open, mode, windows.PIPE_UNLIMITED_INSTANCES, pipeBuffer, pipeBuffer, 0, &attributes)
	if err != nil {
		return nil, errnoOf(err)
	}
	return &PipeInstance{FD: int(h)}, 0
}

// pipeSecurity returns the default security of a named pipe without what it grants to everyone
// and to anonymous users ("Named Pipe Security and Access Rights"): to read. So any user could
// take an instance, and read what the server sends. The owner is that of new objects, as by
// default: for an elevated process the administrators, not its user.
var pipeSecurity = sync.OnceValues(func() (*windows.SECURITY_DESCRIPTOR, error) {
	var owner struct {
		sid  *windows.SID
		room [68]byte // SECURITY_MAX_SID_SIZE
	}
	token, n := windows.GetCurrentProcessToken(), uint32(0)
	err := windows.GetTokenInformation(token, windows.TokenOwner, (*byte)(unsafe.Pointer(&owner)), uint32(unsafe.Sizeof(owner)), &n)
	if err != nil {
		return nil, err
	}
	return windows.SecurityDescriptorFromString("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;" + owner.sid.String() + ")")
})

// Await begins to wait for a client. It returns 0 if there is one, Pending if the wait goes on,
// and otherwise the errno of its failure. hasPacket reports that a packet will come: a client
// that was there before has none.
func (i *PipeInstance) Await() (errno syscall.Errno, hasPacket bool) {
	if errno := called("ConnectNamedPipe"); errno != 0 {
		return errno, false
	}
	i.overlapped = windows.Overlapped{}
	o := begin(i.FD, &i.overlapped, 0)
	errno = errnoOrZero(windows.ConnectNamedPipe(windows.Handle(i.FD), o))
	began(i.FD, &i.overlapped, errno)
	switch errno {
	case windows.ERROR_PIPE_CONNECTED, windows.ERROR_NO_DATA: // a client is there, or has left already
		return 0, false
	}
	return errno, errno == 0 || errno == Pending
}

// Result returns 0 if the wait, whose packet has come, has found a client.
func (i *PipeInstance) Result() syscall.Errno { return pipeStatus(&i.overlapped) }

// Cancel is Transfer.Cancel for the wait.
func (i *PipeInstance) Cancel() (heard bool) { return cancel(i.FD, &i.overlapped) }

// Discard does nothing: an instance whose listener is closed was closed with it.
func (i *PipeInstance) Discard() {}

// IsOf reports whether the packet belongs to the wait of i.
func (i *PipeInstance) IsOf(p *Packet) bool {
	return p.Overlapped == uintptr(unsafe.Pointer(&i.overlapped))
}

// OpenPipe opens the client's end of a named pipe. The server can't act in the name of this
// process. busy reports that no instance of the pipe waits for a client just now.
func OpenPipe(name string) (fd int, busy bool, err error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return -1, false, os.NewSyscallError("CreateFile", windows.ERROR_INVALID_NAME)
	}
	const flags = windows.FILE_FLAG_OVERLAPPED | windows.SECURITY_SQOS_PRESENT | windows.SECURITY_ANONYMOUS
	called("CreateFile")
	h, err := windows.CreateFile(path, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING, flags, 0)
	if err != nil {
		return -1, err == windows.ERROR_PIPE_BUSY, os.NewSyscallError("CreateFile", err)
	}
	return int(h), false, nil
}

// AwaitPipe waits until an instance of the pipe waits for a client, at most so many
// milliseconds. It blocks its thread. It reports false if the system refuses to wait.
func AwaitPipe(name string, milliseconds uint32) bool {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return false
	}
	called("WaitNamedPipe")
	ok, _, errno := syscall.SyscallN(procWaitNamedPipe.Addr(), uintptr(unsafe.Pointer(path)), uintptr(milliseconds))
	return ok != 0 || errno == windows.ERROR_SEM_TIMEOUT
}

// ClosePipe closes an end of a pipe, or the number of a listener. The peer can still read what
// it has not read.
func ClosePipe(fd int) syscall.Errno {
	called("CloseHandle")
	return errnoOrZero(windows.CloseHandle(windows.Handle(fd)))
}

// ReceivePipe is Receive for a pipe.
func (t *Transfer) ReceivePipe(fd int, data []byte) syscall.Errno {
	t.begin(data)
	called("ReadFile")
	o := begin(fd, &t.overlapped, 0)
	errno := callFile(procReadFile, fd, t.buffer.Buf, t.buffer.Len, o)
	began(fd, &t.overlapped, errno)
	return errno
}

// SendPipe is Send for a pipe.
func (t *Transfer) SendPipe(fd int, data []byte) syscall.Errno {
	t.begin(data[:min(len(data), LargestSend)])
	called("WriteFile")
	o := begin(fd, &t.overlapped, int(t.buffer.Len))
	errno := callFile(procWriteFile, fd, t.buffer.Buf, t.buffer.Len, o)
	began(fd, &t.overlapped, errno)
	return errno
}

func callFile(proc *windows.LazyProc, fd int, p *byte, n uint32, o *windows.Overlapped) syscall.Errno {
	ok, _, errno := syscall.SyscallN(proc.Addr(), uintptr(fd), uintptr(unsafe.Pointer(p)), uintptr(n), 0, uintptr(unsafe.Pointer(o)))
	if ok != 0 {
		return 0
	}
	return errno
}

// PipeResult is Result for a pipe. A read that a write of no bytes has ended counts as
// cancelled, so that it begins again: it is not the end of the stream.
func (t *Transfer) PipeResult(kind backend.Kind) (n int, errno syscall.Errno) {
	wanted := t.buffer.Len
	t.data, t.buffer.Buf = nil, nil
	n, errno = int(t.overlapped.InternalHigh), pipeStatus(&t.overlapped)
	if kind == backend.Read && errno == 0 && n == 0 && wanted > 0 {
		return 0, Aborted
	}
	return n, PipeErrno(kind, errno)
}

// PipeErrno returns what an errno of a pipe means for a read or a write: 0 for the end of the
// stream, which a read finds, and WSAESHUTDOWN for a write without a reader.
func PipeErrno(kind backend.Kind, errno syscall.Errno) syscall.Errno {
	switch errno {
	case windows.ERROR_BROKEN_PIPE, windows.ERROR_PIPE_NOT_CONNECTED, windows.ERROR_NO_DATA, windows.ERROR_HANDLE_EOF:
		if kind == backend.Read {
			return 0
		}
		return windows.WSAESHUTDOWN
	}
	return errno
}

func pipeStatus(o *windows.Overlapped) syscall.Errno {
	switch status := windows.NTStatus(o.Internal); status {
	case 0:
		return 0
	case windows.STATUS_CANCELLED:
		return Aborted
	default:
		return status.Errno()
	}
}

// HasMessages reports whether a pipe is one of messages, whose bytes this package reads as a
// stream.
func HasMessages(fd int) bool {
	flags := uint32(0)
	called("GetNamedPipeInfo")
	err := windows.GetNamedPipeInfo(windows.Handle(fd), &flags, nil, nil, nil)
	return err == nil && flags&windows.PIPE_TYPE_MESSAGE != 0
}

// ReadPipe reads what is there. The call is overlapped, as the handle is, and ends at once,
// since nobody else reads. Its event has the low bit set: that keeps its packet from the port.
//
// A pipe of messages may have one of no bytes, for which ReadFile returns 0 bytes. A peek does
// not show it. A wait for something to read, which is a read without room, ends because of it
// and leaves it where it is: only a read with room removes it. So with messages, there is such a
// read even after a peek that has found nothing. Otherwise each wait would end at once.
func ReadPipe(fd int, p []byte, messages bool) (n int, errno syscall.Errno) {
	available := uint32(0)
	called("PeekNamedPipe")
	ok, _, errno := syscall.SyscallN(procPeekNamedPipe.Addr(), uintptr(fd), 0, 0, 0, uintptr(unsafe.Pointer(&available)), 0)
	if ok == 0 {
		return 0, PipeErrno(backend.Read, errno)
	}
	room := uint32(oneCall(len(p)))
	switch {
	case available > 0:
		room = min(room, available)
	case !messages:
		return 0, windows.WSAEWOULDBLOCK
	}
	r, err := getReading()
	if err != nil {
		return 0, errnoOrZero(err)
	}
	defer r.free()
	r.overlapped = windows.Overlapped{HEvent: r.event | 1}
	called("ReadFile")
	errno = callFile(procReadFile, fd, unsafe.SliceData(p), room, &r.overlapped)
	if errno == Pending { // nothing is there, or somebody with another handle has read it
		windows.CancelIoEx(windows.Handle(fd), &r.overlapped)
		windows.WaitForSingleObject(r.event, windows.INFINITE)
		errno = pipeStatus(&r.overlapped)
	}
	n = int(r.overlapped.InternalHigh)
	if errno == Aborted || errno == 0 && n == 0 {
		return 0, windows.WSAEWOULDBLOCK
	}
	return n, PipeErrno(backend.Read, errno)
}

// ReadPipeV is ReadPipe into several parts.
func ReadPipeV(fd int, parts [][]byte, messages bool) (total int, errno syscall.Errno) {
	for _, p := range parts {
		n, errno := ReadPipe(fd, p, messages)
		if total += n; errno != 0 && total == 0 {
			return 0, errno
		}
		if n < len(p) {
			break
		}
	}
	return total, 0
}

// reading is what a call of ReadPipe uses.
type reading struct {
	overlapped windows.Overlapped
	event      windows.Handle
}

// readings are those that no call uses: as many as there were calls at a time.
var readings struct {
	mu   sync.Mutex
	free []*reading
}

func getReading() (*reading, error) {
	readings.mu.Lock()
	if last := len(readings.free) - 1; last >= 0 {
		r := readings.free[last]
		readings.free = readings.free[:last]
		readings.mu.Unlock()
		return r, nil
	}
	readings.mu.Unlock()
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	return &reading{event: event}, err
}

func (r *reading) free() {
	readings.mu.Lock()
	readings.free = append(readings.free, r)
	readings.mu.Unlock()
}

// errnoOrZero returns the system's number for an error of package windows.
func errnoOrZero(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	return errnoOf(err)
}
