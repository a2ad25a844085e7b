//go:build linux

package uring

import (
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// A write that waits for room has moved nothing, if that was all.
func TestAbandonOfAWaitForRoom(t *testing.T) {
	b, k := opened(t, entries, results)
	fd, _ := pair(t, b)
	for syscall.Sendto(fd, make([]byte, 1<<16), syscall.MSG_DONTWAIT, nil) == nil {
	}
	k.Start(fd, backend.PollOut, nil, nil)
	if !k.Abandon(fd, backend.Write) {
		t.Error("not heard")
	}
	await(t, b, backend.Block, 1)
	if n, errno := k.Finish(fd, backend.Write); n != 0 || k.Classify(backend.Write, errno) != backend.WouldBlock {
		t.Errorf("abandoned: %d, %v", n, errno)
	}
}
