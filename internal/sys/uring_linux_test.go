package sys

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// Where the byte order is big-endian, the kernel takes the events of a poll from the upper half.
func TestUringPoll(t *testing.T) {
	if got := uringPoll(binary.LittleEndian, unix.POLLOUT); got != unix.POLLOUT {
		t.Errorf("little-endian: %#x", got)
	}
	if got := uringPoll(binary.BigEndian, unix.POLLOUT); got != unix.POLLOUT<<16 {
		t.Errorf("big-endian: %#x", got)
	}
}
