package sys

import (
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

// A datagram is whole if only its control messages were cut.
func TestWhyCut(t *testing.T) {
	for _, c := range []struct {
		errno syscall.Errno
		flags uint32
		want  syscall.Errno
	}{
		{0, 0, 0},
		{0, windows.MSG_CTRUNC, 0},
		{0, windows.MSG_TRUNC, windows.WSAEMSGSIZE},
		{windows.WSAEMSGSIZE, 0, windows.WSAEMSGSIZE}, // no flag says why
		{windows.WSAEMSGSIZE, windows.MSG_TRUNC, windows.WSAEMSGSIZE},
		{windows.WSAEMSGSIZE, windows.MSG_TRUNC | windows.MSG_CTRUNC, windows.WSAEMSGSIZE},
		{windows.WSAEMSGSIZE, windows.MSG_CTRUNC, 0},
		{windows.WSAEWOULDBLOCK, windows.MSG_CTRUNC, windows.WSAEWOULDBLOCK},
	} {
		if got := whyCut(c.errno, c.flags); got != c.want {
			t.Errorf("%v with flags %#x: %v, want %v", c.errno, c.flags, got, c.want)
		}
	}
}
