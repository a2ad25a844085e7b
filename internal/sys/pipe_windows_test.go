package sys

import (
	"syscall"
	"testing"
	"unsafe"

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

// A message of no bytes, which ends every wait for something to read, is gone after a read that
// has found nothing else. Only a pipe of messages has such.
func TestPipeOfEmptyMessages(t *testing.T) {
	client, server := pipeOfMessages(t)
	if !HasMessages(client) {
		t.Error("a pipe of messages is taken for one of bytes")
	}
	p := make([]byte, 8)
	var waits [3]Transfer // the system writes to them until the client is closed
	for i := range waits {
		if err := windows.WriteFile(server, p[:0], new(uint32), nil); err != nil {
			t.Fatal(err)
		}
		if n, errno := ReadPipe(client, p, true); n != 0 || errno != WouldBlock {
			t.Fatalf("%d bytes, %v", n, errno)
		}
		if errno := waits[i].ReceivePipe(client, nil); errno != Pending {
			t.Fatalf("a wait ends at once: %v", errno)
		}
		if err := windows.WriteFile(server, []byte("abc"), new(uint32), nil); err != nil {
			t.Fatal(err)
		}
		if n, errno := ReadPipe(client, p, true); n != 3 || errno != 0 {
			t.Errorf("%d bytes, %v", n, errno)
		}
	}
}

func pipeOfMessages(t *testing.T) (client int, server windows.Handle) {
	path, err := windows.UTF16PtrFromString(`\\.\pipe\completion-empty-messages`)
	if err != nil {
		t.Fatal(err)
	}
	server, err = windows.CreateNamedPipe(path, windows.PIPE_ACCESS_DUPLEX, windows.PIPE_TYPE_MESSAGE, 1, 100, 100, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { windows.CloseHandle(server) })
	client, _, err = OpenPipe(windows.UTF16PtrToString(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ClosePipe(client) })
	return client, server
}

// Other users get nothing of a pipe, not even what its default security grants them: to read.
func TestPipeSecurity(t *testing.T) {
	i, errno := NewPipeInstance(`\\.\pipe\completion-security`, true)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer ClosePipe(i.FD)
	security, err := windows.GetSecurityInfo(windows.Handle(i.FD), windows.SE_KERNEL_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := security.DACL()
	if err != nil || list == nil {
		t.Fatalf("no list: %v, %v", list, err)
	}
	system, administrators := false, false
	for n := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, n, &entry); err != nil {
			t.Fatal(err)
		}
		who := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		system = system || who.IsWellKnown(windows.WinLocalSystemSid)
		administrators = administrators || who.IsWellKnown(windows.WinBuiltinAdministratorsSid)
		if who.IsWellKnown(windows.WinWorldSid) || who.IsWellKnown(windows.WinAnonymousSid) {
			t.Errorf("%v has %#x", who, entry.Mask)
		}
	}
	if !system || !administrators || list.AceCount != 3 {
		t.Errorf("who has access: %v", security)
	}
}
