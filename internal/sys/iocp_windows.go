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

// Packet is OVERLAPPED_ENTRY: what a completion port tells of the end of one
// operation.
type Packet struct {
	// Key is that of the descriptor, 0 for a packet posted by Wake.
	Key uintptr
	// Overlapped is the address of the operation's OVERLAPPED. It is no pointer: the
	// kernel writes it, of which the garbage collector knows nothing.
	Overlapped uintptr
	internal   uintptr
	n          uint32
}

// IsOf tells whether the packet tells of the end of t.
func (p *Packet) IsOf(t *Transfer) bool {
	return p.Overlapped == uintptr(unsafe.Pointer(&t.overlapped))
}

// IsOfAccept is IsOf for an accept.
func (p *Packet) IsOfAccept(a *Acceptance) bool {
	return p.Overlapped == uintptr(unsafe.Pointer(&a.overlapped))
}

// x/sys has no binding of this one.
var procDequeue = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetQueuedCompletionStatusEx")

// startUp loads Winsock and what it has besides its named calls.
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

// NewCompletionPort opens a completion port. One goroutine at a time waits at it.
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

// anyThreads is the concurrency of a port: how many threads may run that have
// taken packets from it before the next packet is withheld. A thread counts until it
// blocks or waits at the port again, whatever it runs meanwhile, and a thread of Go
// that has taken a packet goes on with any goroutine: with a small number, one that
// computes would keep the leader of the port from its packets. One goroutine waits
// at a time, so there is nothing to limit. Go's runtime passes the same.
const anyThreads = 0xffffffff

var createPort = windows.CreateIoCompletionPort // a test looks at what is passed

// Associate makes the port tell of the ends of operations on fd, for its life.
// The key is fd, which is never 0. With skip, an operation that has ended well
// when its call returns is not told of; skipped says whether that is so.
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

// setModes sets what a descriptor tells of, and reports whether it skips.
func (p CompletionPort) setModes(fd int, skip bool) (skipped bool) {
	modes := uint8(windows.FILE_SKIP_SET_EVENT_ON_HANDLE)
	if skip = skip && skipIsSafe(); skip {
		modes |= windows.FILE_SKIP_COMPLETION_PORT_ON_SUCCESS
	}
	if called("SetFileCompletionNotificationModes") != 0 || windows.SetFileCompletionNotificationModes(windows.Handle(fd), modes) != nil {
		skip = false // all are told of
	}
	if Interposed != nil {
		Interposed.Associated(fd, p, skip)
	}
	return skip
}

// skipIsSafe tells whether all providers of TCP give out handles of the system.
// With others, layered above, packets come in spite of the skip mode.
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

// Infinite is the time-out of a wait that has none.
const Infinite = windows.INFINITE

// Dequeue takes packets, and waits so many milliseconds for the first.
func (p CompletionPort) Dequeue(packets []Packet, milliseconds uint32) (n int) {
	called("GetQueuedCompletionStatusEx")
	if Interposed != nil {
		return Interposed.Dequeue(p, packets, milliseconds)
	}
	return p.DequeueDirect(packets, milliseconds)
}

// DequeueDirect is Dequeue with nothing in between.
func (p CompletionPort) DequeueDirect(packets []Packet, milliseconds uint32) (n int) {
	removed := uint32(0)
	ok, _, _ := syscall.SyscallN(procDequeue.Addr(), uintptr(p),
		uintptr(unsafe.Pointer(unsafe.SliceData(packets))), uintptr(len(packets)),
		uintptr(unsafe.Pointer(&removed)), uintptr(milliseconds), 0)
	if ok == 0 { // the time-out; removed may hold anything
		return 0
	}
	return int(removed)
}

// Wake posts a packet with the key 0. It fails if the system is out of memory for
// one.
func (p CompletionPort) Wake() syscall.Errno {
	if errno := called("PostQueuedCompletionStatus"); errno != 0 {
		return errno
	}
	return asErrno(windows.PostQueuedCompletionStatus(windows.Handle(p), 0, 0, nil))
}

// Close gives the port back. Nobody may be waiting at it.
func (p CompletionPort) Close() error {
	called("CloseHandle")
	return os.NewSyscallError("CloseHandle", windows.CloseHandle(windows.Handle(p)))
}
