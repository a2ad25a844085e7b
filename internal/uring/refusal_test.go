//go:build linux

package uring

import (
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
	"golang.org/x/sys/unix"
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

// A read is cancelled although the error queue of its socket has something.
func TestAbandonBesideTheErrorQueue(t *testing.T) {
	b, k := opened(t, entries, results)
	fd := withErrorQueue(t, b)
	k.Start(fd, backend.Read, make([]byte, 4), nil)
	if !k.Abandon(fd, backend.Read) {
		t.Fatal("not heard")
	}
	await(t, b, backend.Block, 1)
	if n, errno := k.Finish(fd, backend.Read); n != 0 || k.Classify(backend.Read, errno) != backend.Again {
		t.Errorf("abandoned: %d, %v", n, errno)
	}
}

// withErrorQueue returns a connected socket whose error queue has the time of a send.
func withErrorQueue(t *testing.T, b backend.Backend) (fd int) {
	t.Helper()
	one, other := connected(t)
	b.Poller.Arm(one, 1)
	const times = unix.SOF_TIMESTAMPING_TX_SOFTWARE | unix.SOF_TIMESTAMPING_SOFTWARE
	if err := unix.SetsockoptInt(one, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, times); err != nil {
		t.Skip(err)
	}
	if err := syscall.Sendto(one, []byte("x"), 0, nil); err != nil {
		t.Fatal(err)
	}
	if n, err := syscall.Read(other, make([]byte, 1)); n != 1 {
		t.Fatal(err)
	}
	ask := []unix.PollFd{{Fd: int32(one)}}
	if _, err := unix.Poll(ask, 0); err != nil || ask[0].Revents != unix.POLLERR {
		t.Skipf("the error queue is empty: %v, %x", err, ask[0].Revents)
	}
	return one
}

// connected returns two ends of a TCP connection, which block.
func connected(t *testing.T) (one, other int) {
	t.Helper()
	listener, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(listener)
	if one, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(one) })
	if err = syscall.Listen(listener, 1); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(listener)
	if err == nil {
		err = syscall.Connect(one, at)
	}
	if err == nil {
		other, _, err = syscall.Accept4(listener, syscall.SOCK_CLOEXEC)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(other) })
	return one, other
}
