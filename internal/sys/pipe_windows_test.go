package sys

import (
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// On Windows, a write of no bytes ends a read that waits, which Wine does not show. That is no
// end of the stream, so the read is to begin again. One of no bytes has only waited.
func TestPipeReadOfNothing(t *testing.T) {
	for _, c := range []struct {
		status windows.NTStatus
		room   int
		moved  uintptr
		want   syscall.Errno
	}{
		{0, 8, 0, Aborted},
		{0, 8, 3, 0},
		{0, 0, 0, 0},
		{windows.STATUS_CANCELLED, 8, 0, Aborted},
		{windows.STATUS_PIPE_BROKEN, 8, 0, 0},
		{windows.STATUS_PIPE_DISCONNECTED, 0, 0, 0},
		{windows.STATUS_PIPE_CLOSING, 0, 0, 0},
		{windows.STATUS_ACCESS_DENIED, 8, 0, windows.ERROR_ACCESS_DENIED},
	} {
		var r Transfer
		r.begin(make([]byte, c.room))
		r.overlapped.Internal, r.overlapped.InternalHigh = uintptr(c.status), c.moved
		if n, errno := r.PipeResult(backend.Read); n != int(c.moved) || errno != c.want {
			t.Errorf("status %#x, room for %d: %d bytes, %v, want %v", uint32(c.status), c.room, n, errno, c.want)
		}
	}
}

// A write without a reader is one of the class BrokenPipe, however the system says so.
func TestPipeWriteWithoutReader(t *testing.T) {
	for _, status := range []windows.NTStatus{windows.STATUS_PIPE_BROKEN, windows.STATUS_PIPE_DISCONNECTED, windows.STATUS_PIPE_CLOSING} {
		var w Transfer
		w.begin([]byte("abc"))
		w.overlapped.Internal = uintptr(status)
		if _, errno := w.PipeResult(backend.Write); (Kernel{}).Classify(backend.Write, errno) != backend.BrokenPipe {
			t.Errorf("status %#x: %v", uint32(status), errno)
		}
	}
}
