//go:build linux

package uring

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
	"golang.org/x/sys/unix"
)

// keep keeps the ring until the test ends, whoever closes it.
func keep(t *testing.T, b backend.Backend) {
	t.Helper()
	keeper, err := unix.FcntlInt(uintptr(b.Poller.(*Poller).queue.ring.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(keeper) })
}

// The leader cancels what is inside before it closes the ring. So all of it ends at once, and takes
// nothing any more, although something else keeps the ring open here.
func TestEndCancelsAll(t *testing.T) {
	runtime.LockOSThread() // the results are there when this thread leaves the call
	defer runtime.UnlockOSThread()
	fails := failing(t, "submit", "wait")
	b, _ := opened(t, entries, results)
	q := &b.Poller.(*Poller).queue
	const registerSyncCancel = 24
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(q.ring.FD), registerSyncCancel, 1, 1, 0, 0); errno == unix.EINVAL {
		t.Skip("the kernel has no IORING_REGISTER_SYNC_CANCEL")
	}
	q.timed.Store(true) // the timer does nothing here
	i := inside(t, b)
	b.Poller.Wait(backend.Look, make([]backend.Event, 8))
	keep(t, b)
	fails.Store(uint32(syscall.EPERM))
	q.judge(syscall.EPERM)
	i.end(backend.Look, syscall.EPERM)
}

// A ring may end with an errno that is also a result of requests to cancel: then the request that was
// in the backlog has this result, and is not made again and again until the kernel lets go of the ring.
func TestEndWithTheErrnoOfACancel(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOENT, syscall.EALREADY} {
		b, k := opened(t, entries, results)
		p := b.Poller.(*Poller)
		p.queue.timed.Store(true) // the timer does nothing here
		fd, _ := pair(t, b)
		k.Start(fd, backend.Read, make([]byte, 8), nil)
		p.queue.judge(errno)
		p.queue.isDead = true // and the kernel has not let go of it
		if !k.Abandon(fd, backend.Read) {
			t.Error("not heard")
		}
		p.begin(make([]backend.Event, 8))
		if p.endLost(); p.n != 0 || p.queue.left.Load() != 0 {
			t.Errorf("%d events, and %d requests in the backlog", p.n, p.queue.left.Load())
		}
		p.queue.isDead = false
		await(t, b, backend.Look, 1)
	}
}

// A port that is closed before a leader has looked leaves the descriptor of another owner open, too.
func TestCloseOfAnotherOwner(t *testing.T) {
	b, err := open(entries, results)
	if err != nil {
		t.Skip(err)
	}
	q := &b.Poller.(*Poller).queue
	fd := q.ring.FD
	unix.Close(takeRing(t, b))
	b.Poller.Wake(backend.Block)
	q.submit()
	if q.ended() == 0 {
		t.Error("the ring has not ended")
	}
	b.Poller.Close()
	if name, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); name != os.DevNull {
		t.Errorf("the descriptor is %q", name)
	}
}

// If the kernel does not take the request of the ring's own when the ring is opened, the leader that
// blocks submits it: it is woken all the same.
func TestAlarmLaterThanOpen(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EAGAIN, syscall.EBUSY, syscall.ENOMEM} {
		t.Run("", func(t *testing.T) { alarmLater(t, errno) })
	}
}

func alarmLater(t *testing.T, errno syscall.Errno) {
	fails := failing(t, "submit")
	fails.Store(uint32(errno))
	b, _ := opened(t, entries, results)
	q := &b.Poller.(*Poller).queue
	if q.waiting() != 1 {
		t.Errorf("%d requests wait to be submitted", q.waiting())
	}
	fails.Store(0)
	done := make(chan bool)
	go func() {
		defer close(done)
		for !q.sleeps.Load() || q.waiting() != 0 { // the call that waits has it
			runtime.Gosched()
		}
		fails.Store(uint32(syscall.EPERM))
		q.put(&sys.UringEntry{Op: sys.UringNop, FD: -1, UserData: tokenOfWake})
	}()
	for q.ended() == 0 {
		b.Poller.SetTimeout(backend.Never)
		b.Poller.Wait(backend.Block, make([]backend.Event, 8))
	}
	<-done
}

// A leader that was told to block before the ring has ended does not, although it has taken the result
// that should wake it. It may be on a thread without a filter: only submissions fail here.
func TestEndBeforeABlock(t *testing.T) {
	runtime.LockOSThread() // the result is there when this thread leaves a call
	defer runtime.UnlockOSThread()
	fails := failing(t, "submit")
	b, k := opened(t, entries, results)
	p := b.Poller.(*Poller)
	p.queue.timed.Store(true) // the timer does nothing here
	fd, _ := pair(t, b)
	k.Start(fd, backend.Read, make([]byte, 8), nil)
	b.Poller.Wait(backend.Look, make([]backend.Event, 8))
	fails.Store(uint32(syscall.EPERM))
	limit := b.Kernel.Now() + 60e9
	p.SetTimeout(limit)
	p.queue.judge(syscall.EPERM)
	p.begin(make([]backend.Event, 8))
	if p.block(); b.Kernel.Now() >= limit {
		t.Error("the leader has slept")
	}
	await(t, b, backend.Block, 1-p.n)
	if n, errno := k.Finish(fd, backend.Read); n != 0 || errno != syscall.EPERM {
		t.Errorf("%d, %v", n, errno)
	}
}

// A small ring, whose results wait in the kernel for room, and a backlog: each operation ends once,
// and the results that had room are known.
func TestEndOfSmallRing(t *testing.T) {
	for _, how := range []backend.Waiting{backend.Look, backend.Park, backend.Block} {
		t.Run("", func(t *testing.T) { endSmallRing(t, how) })
	}
}

func endSmallRing(t *testing.T, how backend.Waiting) {
	const count = 100
	fails := failing(t, "submit", "wait")
	b, k := opened(t, 8, 8)
	q := &b.Poller.(*Poller).queue
	q.timed.Store(true) // the timer does nothing here
	buffers := map[int][]byte{}
	read := func() (peer int) {
		fd, peer := pair(t, b)
		buffers[fd] = make([]byte, 8)
		k.Start(fd, backend.Read, buffers[fd], nil)
		return peer
	}
	for range count {
		peer := read()
		q.submit()
		syscall.Sendto(peer, []byte("data"), 0, nil)
	}
	overflows := q.ring.NeedsEnter()
	fails.Store(uint32(syscall.EPERM))
	for range count {
		read()
	}
	if !overflows || q.left.Load() == 0 {
		t.Errorf("results wait: %v; %d requests are in the backlog", overflows, q.left.Load())
	}
	haveEnded(t, k, await(t, b, how, 2*count), buffers)
}

// haveEnded checks that each read has ended once, with data or EPERM, and some with data.
func haveEnded(t *testing.T, k backend.Native, events map[int]int, buffers map[int][]byte) {
	t.Helper()
	told := 0
	for fd, buffer := range buffers {
		n, errno := k.Finish(fd, backend.Read)
		isRead := n == 4 && errno == 0 && string(buffer[:4]) == "data"
		if events[fd] != 1 || !isRead && (n != 0 || errno != syscall.EPERM) {
			t.Errorf("%d events, %d, %v, %q", events[fd], n, errno, buffer)
		}
		if isRead {
			told++
		}
	}
	if told < 8 {
		t.Errorf("%d results are known", told)
	}
}
