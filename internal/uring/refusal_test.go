//go:build linux

package uring

import (
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// A request to cancel that has missed an operation is made once more, as long as that is inside.
func TestMissedCancel(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOENT, syscall.EALREADY} {
		b, k := opened(t, entries, results)
		fd, _ := pair(t, b)
		k.Start(fd, backend.Read, make([]byte, 1), nil)
		b.Poller.Wait(backend.Look, make([]backend.Event, 8))
		p := b.Poller.(*Poller)
		d := p.sockets.Get(fd).side(backend.Read)
		d.abandoned = true // and the request has this result:
		p.have(sys.UringResult{UserData: d.token.Load() | ofCancel, Value: -int32(errno)})
		await(t, b, backend.Block, 1)
		if n, errno := k.Finish(fd, backend.Read); n != 0 || k.Classify(backend.Read, errno) != backend.Again {
			t.Errorf("abandoned: %d, %v", n, errno)
		}
	}
}

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
