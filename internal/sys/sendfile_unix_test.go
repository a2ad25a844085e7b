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
	socket := streamEnd(t)
	refused := []syscall.Errno{unix.EINVAL, unix.ENOSYS, unix.ENOTSUP, unix.EOPNOTSUPP, unix.EPERM}
	for i, errno := range append(refused, unix.EAGAIN, unix.EPIPE, unix.ECONNRESET, unix.EIO) {
		want := i >= len(refused)
		replaceSendFile(t, func(int) (int, error) { return 0, errno })
		moved, got, supported := new(Kernel).SendFile(socket, 0, 0, 1)
		if supported != want || moved != 0 || want && got != errno {
			t.Errorf("%v: %d moved, %v, supported %v", errno, moved, got, supported)
		}
	}
}

// streamEnd returns a connected stream socket.
func streamEnd(t *testing.T) int {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(ends[0])
		unix.Close(ends[1])
	})
	return ends[0]
}

// replaceSendFile replaces the system call until the test ends.
func replaceSendFile(t *testing.T, call func(n int) (int, error)) {
	before := sendFile
	t.Cleanup(func() { sendFile = before })
	sendFile = func(_, _ int, _ int64, n int) (int, error) { return call(n) }
}
