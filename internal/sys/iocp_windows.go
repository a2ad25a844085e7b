package sys

import (
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// CompletionPort is a completion port of the system.
type CompletionPort windows.Handle

// Packet is OVERLAPPED_ENTRY: a completion port's report of the end of one operation.
type Packet struct {
	// Key is the key of the descriptor, 0 for a packet posted by Wake.
	Key uintptr
	// Overlapped is the address of the operation's OVERLAPPED. It is no pointer: the
	// kernel writes it, and the garbage collector does not notice that.
	Overlapped uintptr
	internal   uintptr
	n          uint32
}

// IsOf reports whether the packet belongs to the operation of t.
func (p *Packet) IsOf(t *Transfer) bool {
	return p.Overlapped == uintptr(unsafe.Pointer(&t.overlapped))
}

// x/sys has no binding of this call.
var procDequeue = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetQueuedCompletionStatusEx")

// startUp loads Winsock and its extension functions.
var startUp = sync.OnceValue(load)

func load() error {
	var data windows.WSAData
	if err := windows.WSAStartup(0x202, &data); err != nil {
		return os.NewSyscallError("WSAStartup", err)
	}
	if err := procDequeue.Find(); err != nil {
		return err
	}
	return loadExtensions()
}

// NewCompletionPort opens a completion port, at which one goroutine at a time may wait.
func NewCompletionPort() (CompletionPort, error) {
	if err := startUp(); err != nil {
		return 0, err
	}
	if errno := called("CreateIoCompletionPort"); errno != 0 {
		return 0, os.NewSyscallError("CreateIoCompletionPort", errno)
	}
	port, err := createPort(windows.InvalidHandle, 0, 0, anyThreads)
	return CompletionPort(port), os.NewSyscallError("CreateIoCompletionPort", err)
}

// anyThreads is the concurrency value of a port. The system counts the running threads that
// have taken packets from the port, and withholds packets if this many run. A thread counts
// until it blocks or waits at the port again, whatever it runs, and a thread of Go that has
// taken a packet goes on to run any goroutine. So with a small value, a goroutine that
// computes could keep the port's leader from its packets. There is nothing to limit, since
// one goroutine waits at a time. Go's runtime uses the same value.
const anyThreads = 0xffffffff

var createPort = windows.CreateIoCompletionPort // a variable for a test of its arguments

// Associate makes the port report the ends of operations on fd, for the life of fd. The
// key is fd, which is never 0. With skip, an operation that has succeeded when its call
// returns has no packet; skipped reports whether that is so.
func (p CompletionPort) Associate(fd int, skip bool) (skipped bool, errno syscall.Errno) {
	if errno := called("CreateIoCompletionPort"); errno != 0 {
		return false, errno
	}
	_, err := windows.CreateIoCompletionPort(windows.Handle(fd), windows.Handle(p), uintptr(fd), 0)
	if err != nil {
		return false, asErrno(err)
	}
	return p.setModes(fd, skip), 0
}

// setModes sets the notification modes of a descriptor, and reports whether operations
// that succeed at once have no packet.
func (p CompletionPort) setModes(fd int, skip bool) (skipped bool) {
	modes := uint8(windows.FILE_SKIP_SET_EVENT_ON_HANDLE)
	if skip = skip && skipIsSafe(); skip {
		modes |= windows.FILE_SKIP_COMPLETION_PORT_ON_SUCCESS
	}
	if called("SetFileCompletionNotificationModes") != 0 || windows.SetFileCompletionNotificationModes(windows.Handle(fd), modes) != nil {
		skip = false // every operation has a packet
	}
	if Interposed != nil {
		Interposed.Associated(fd, p, skip)
	}
	return skip
}

// skipIsSafe reports whether all providers of TCP use handles of the system. With layered
// providers that do not, packets come in spite of the skip mode.
var skipIsSafe = sync.OnceValue(func() bool {
	protocols := [2]int32{windows.IPPROTO_TCP, 0}
	var list [64]windows.WSAProtocolInfo
	size := uint32(unsafe.Sizeof(list))
	n, err := windows.WSAEnumProtocols(&protocols[0], &list[0], &size)
	if err != nil {
		return false
	}
	for _, protocol := range list[:n] {
		if protocol.ServiceFlags1&windows.XP1_IFS_HANDLES == 0 {
			return false
		}
	}
	return true
})

// Infinite is the time-out of a wait without a limit.
const Infinite = windows.INFINITE

// Dequeue takes packets, and waits at most so many milliseconds for the first.
func (p CompletionPort) Dequeue(packets []Packet, milliseconds uint32) (n int) {
	called("GetQueuedCompletionStatusEx")
	if Interposed != nil {
		return Interposed.Dequeue(p, packets, milliseconds)
	}
	return p.DequeueDirect(packets, milliseconds)
}

// DequeueDirect is Dequeue without Interposed.
func (p CompletionPort) DequeueDirect(packets []Packet, milliseconds uint32) (n int) {
	removed := uint32(0)
	ok, _, _ := syscall.SyscallN(procDequeue.Addr(), uintptr(p),
		uintptr(unsafe.Pointer(unsafe.SliceData(packets))), uintptr(len(packets)),
		uintptr(unsafe.Pointer(&removed)), uintptr(milliseconds), 0)
	if ok == 0 { // the time-out: removed is undefined
		return 0
	}
	return int(removed)
}

// Wake posts a packet with the key 0. It fails if the system has no memory for the packet.
func (p CompletionPort) Wake() syscall.Errno {
	if errno := called("PostQueuedCompletionStatus"); errno != 0 {
		return errno
	}
	return asErrno(windows.PostQueuedCompletionStatus(windows.Handle(p), 0, 0, nil))
}

// Post posts a packet with the key of a descriptor, and without an OVERLAPPED. It fails as
// Wake does.
func (p CompletionPort) Post(fd int) syscall.Errno {
	if errno := called("PostQueuedCompletionStatus"); errno != 0 {
		return errno
	}
	return asErrno(windows.PostQueuedCompletionStatus(windows.Handle(p), 0, uintptr(fd), nil))
}

// Close closes the port. No goroutine may be waiting at it.
func (p CompletionPort) Close() error {
	called("CloseHandle")
	return os.NewSyscallError("CloseHandle", windows.CloseHandle(windows.Handle(p)))
}
