package completion_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/sys"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/windows"
)

// The calls of the port into Windows, of a read with a buffer of its own and of a pooled
// one.
func TestTraceOfAReadOnIOCP(t *testing.T) {
	if os.Getenv("COMPLETION_STRICT_WINDOWS") != "" {
		t.Skip("package strict is where the calls would be recorded")
	}
	for _, name := range []string{"iocp", "iocp pooled"} {
		t.Run(name, func(t *testing.T) {
			trace := &windowsTrace{readTrace: newReadTrace()}
			before := sys.Interposed
			sys.Interposed = trace
			defer func() { sys.Interposed = before }()
			port, err := completion.Open(&completion.Config{Observer: trace.step})
			must(t, err)
			defer port.Close()
			conn, peer := iocpPair(t, port)
			read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 64))}
			if name == "iocp pooled" {
				read.Buf, read.Pool = nil, port.NewPool(64, 1)
			}
			select { // this wait was another's
			case <-trace.waits:
			default:
			}
			sys.OnCall = trace.called
			defer func() { sys.OnCall = nil }()
			checkTrace(t, name, trace.record(t, port, read, peer))
		})
	}
}

// windowsTrace records calls at the place where package strict stands.
type windowsTrace struct {
	*readTrace
	own *windows.Overlapped // of the last operation
}

// called records the name of a call that is about to be made. Dequeue records its own.
func (w *windowsTrace) called(name string) syscall.Errno {
	if name != "GetQueuedCompletionStatusEx" {
		w.call(name + "(conn)")
	}
	return 0
}

// Unreachable and Associated are not of interest.
func (w *windowsTrace) Unreachable(int, bool) {}

// Associated is one of them.
func (w *windowsTrace) Associated(int, sys.CompletionPort, bool) {}

// Begin leaves the operation as it is.
func (w *windowsTrace) Begin(_ int, own *windows.Overlapped, _ int) *windows.Overlapped {
	w.own = own
	return own
}

// Began records the result of a call.
func (w *windowsTrace) Began(_ int, own *windows.Overlapped, errno syscall.Errno) {
	switch errno {
	case 0:
		w.call(fmt.Sprintf("  = %d bytes at once, no packet", own.InternalHigh))
	case windows.ERROR_IO_PENDING:
		w.call("  = ERROR_IO_PENDING")
	default:
		w.call("  = " + errno.Error())
	}
}

// Cancel is CancelIoEx.
func (w *windowsTrace) Cancel(fd int, own *windows.Overlapped) error {
	return windows.CancelIoEx(windows.Handle(fd), own)
}

// CloseSocket is closesocket.
func (w *windowsTrace) CloseSocket(fd int) error { return windows.Closesocket(windows.Handle(fd)) }

// Dequeue records a wait and its packets.
func (w *windowsTrace) Dequeue(port sys.CompletionPort, packets []sys.Packet, milliseconds uint32) int {
	call := fmt.Sprintf("GetQueuedCompletionStatusEx(port, room for %d packets, ", len(packets))
	if milliseconds == sys.Infinite {
		w.wait(call + "INFINITE)")
	} else {
		w.call(call + fmt.Sprintf("%d ms)", milliseconds))
	}
	n := port.DequeueDirect(packets, milliseconds)
	for _, packet := range packets[:n] {
		if w.own != nil && packet.Overlapped == uintptr(unsafe.Pointer(w.own)) {
			w.call(fmt.Sprintf("  = a packet: WSARecv on conn has ended, %d bytes", w.own.InternalHigh))
			continue
		}
		w.call("  = another packet")
	}
	return n
}
