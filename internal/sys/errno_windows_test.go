package sys

import (
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

// The numbers that a completion port has for the ends of operations become those of Winsock,
// also inside other errors.
func TestNumbersOfAPort(t *testing.T) {
	for number, want := range map[syscall.Errno]syscall.Errno{
		windows.ERROR_MORE_DATA:         windows.WSAEMSGSIZE,
		windows.ERROR_NETNAME_DELETED:   windows.WSAECONNRESET,
		windows.ERROR_SEM_TIMEOUT:       windows.WSAETIMEDOUT,
		windows.ERROR_OPERATION_ABORTED: Aborted,
		windows.WSAEMSGSIZE:             windows.WSAEMSGSIZE,
	} {
		if got := asErrno(os.NewSyscallError("call", number)); got != want {
			t.Errorf("%d: %d, want %d", number, got, want)
		}
	}
	if !MaybeQueued(asErrno(windows.ERROR_MORE_DATA)) {
		t.Error("a warning counts as a failure")
	}
}
