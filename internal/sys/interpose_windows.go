package sys

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// Interposer stands between operations and the system. The only one is in package strict.
type Interposer interface {
	// Associated is called when a descriptor was associated with a port. If skips is
	// true, an operation that succeeds at once has no packet.
	Associated(fd int, port CompletionPort, skips bool)
	// Unreachable is called when it was selected whether receives of a datagram socket end
	// because a datagram that was sent before has found nobody.
	Unreachable(fd int, ends bool)
	// Begin is called before the call that begins an operation on fd. sends is the
	// number of bytes that it sends, 0 for any other operation. Begin returns the
	// OVERLAPPED for the system, which replaces the operation's own.
	Begin(fd int, own *windows.Overlapped, sends int) *windows.Overlapped
	// Began is called with the errno that the call has returned.
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
// while nothing else of this package runs.
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
