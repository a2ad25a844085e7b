//go:build linux || darwin || dragonfly || freebsd

package sys

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// An errno that means a kind of file leaves the bytes to calls that copy them. Any other is
// that of the connection.
func TestSendFileRefusesFile(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	defer func(real func(int, int, int64, int) (int, error)) { sendFile = real }(sendFile)
	refused := []syscall.Errno{unix.EINVAL, unix.ENOSYS, unix.ENOTSUP, unix.EOPNOTSUPP}
	for i, errno := range append(refused, unix.EAGAIN, unix.EPIPE, unix.ECONNRESET, unix.EIO) {
		want := i >= len(refused)
		sendFile = func(_, _ int, _ int64, n int) (int, error) { return 0, errno }
		moved, got, supported := new(Kernel).SendFile(ends[0], 0, 0, 1)
		if supported != want || moved != 0 || want && got != errno {
			t.Errorf("%v: %d moved, %v, supported %v", errno, moved, got, supported)
		}
	}
}
