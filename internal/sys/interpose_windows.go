package sys

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// Interposer stands between operations and the system. Package strict has the one that
// there is.
type Interposer interface {
	// Associated is told of a descriptor that a port tells of. With skips, an operation
	// that succeeds at once has no packet.
	Associated(fd int, port CompletionPort, skips bool)
	// Begin is called before the call that begins an operation on fd, which sends so
	// many bytes, 0 for any other operation. It returns what the system is given for
	// the operation's own OVERLAPPED.
	Begin(fd int, own *windows.Overlapped, sends int) *windows.Overlapped
	// Began is told what that call has returned.
	Began(fd int, own *windows.Overlapped, errno syscall.Errno)
	// Cancel is CancelIoEx for that operation.
	Cancel(fd int, own *windows.Overlapped) error
	// CloseSocket is closesocket.
	CloseSocket(fd int) error
	// Dequeue is CompletionPort.Dequeue. Its packets have the operations' own
	// OVERLAPPEDs.
	Dequeue(port CompletionPort, packets []Packet, milliseconds uint32) int
}

// Interposed, if not nil, stands between operations and the system. Only tests set it,
// while nothing else is called.
var Interposed Interposer

func begin(fd int, own *windows.Overlapped, sends int) *windows.Overlapped {
	if Interposed != nil {
		return Interposed.Begin(fd, own, sends)
	}
	return own
}

func began(fd int, own *windows.Overlapped, errno syscall.Errno) {
	if Interposed != nil {
		Interposed.Began(fd, own, errno)
	}
}
