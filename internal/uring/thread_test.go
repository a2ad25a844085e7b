//go:build linux

package uring

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// pair returns two ends of a unix stream, both armed with the generation 1.
func pair(t *testing.T, b backend.Backend) (one, other int) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fds[0]); syscall.Close(fds[1]) })
	for _, fd := range fds {
		b.Poller.Arm(fd, 1)
	}
	return fds[0], fds[1]
}

// opened opens a backend that is closed when the test ends.
func opened(t *testing.T, entries, results uint32) (backend.Backend, backend.Native) {
	t.Helper()
	b, err := open(entries, results)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { b.Poller.Close() })
	return b, b.Kernel.(backend.Native)
}

// await waits until count events have come, and returns how many came of each descriptor.
func await(t *testing.T, b backend.Backend, how backend.Waiting, count int) map[int]int {
	t.Helper()
	of, events := map[int]int{}, make([]backend.Event, 8)
	for limit := b.Kernel.Now() + 60e9; count > 0; {
		b.Poller.SetTimeout(limit)
		n, _ := b.Poller.Wait(how, events)
		for _, e := range events[:n] {
			of[e.FD]++
			count--
		}
		if b.Kernel.Now() >= limit {
			t.Fatalf("%d events are missing", count)
		}
	}
	return of
}

// onThread runs f on a thread of its own, which exits afterwards, and returns when it has exited.
func onThread(t *testing.T, f func()) {
	t.Helper()
	thread := make(chan int)
	var run func()
	run = func() {
		runtime.LockOSThread()
		if id := syscall.Gettid(); id != syscall.Getpid() {
			f()
			thread <- id // and no unlock
			return
		}
		defer runtime.UnlockOSThread() // the first thread never exits
		ended := make(chan struct{})
		go func() { defer close(ended); run() }()
		<-ended
	}
	go run()
	id := <-thread
	for syscall.Tgkill(syscall.Getpid(), id, 0) == nil {
		runtime.Gosched()
	}
}

// Requests outlive the thread that has submitted them: a read that waits for data, a poll, and a
// write that waits for room.
func TestThreadThatExits(t *testing.T) {
	b, k := opened(t, entries, results)
	one, other := pair(t, b)
	polled, sender := pair(t, b)
	buffer := make([]byte, 4)
	onThread(t, func() {
		k.Start(one, backend.Read, buffer, nil)
		k.Start(polled, backend.Read, nil, nil)
		b.Poller.Wait(backend.Look, make([]backend.Event, 8))
	})
	sent := fillOnThread(t, b, one)
	if syscall.Sendto(other, []byte("data"), 0, nil) != nil || syscall.Sendto(sender, []byte("x"), 0, nil) != nil {
		t.Fatal("no send")
	}
	for left := sent; left > 0; {
		n, err := syscall.Read(other, make([]byte, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		left -= n
	}
	if of := await(t, b, backend.Block, 3); of[one] != 2 || of[polled] != 1 {
		t.Errorf("events of %v", of)
	}
	if n, errno := k.Finish(one, backend.Read); n != 4 || errno != 0 || string(buffer) != "data" {
		t.Errorf("read %d, %v, %q", n, errno, buffer)
	}
	if n, errno := k.Finish(one, backend.Write); n != 10 || errno != 0 {
		t.Errorf("written %d, %v", n, errno)
	}
}

// fillOnThread sends until there is no room, and leaves a write of 10 bytes inside the kernel
// whose thread has exited.
func fillOnThread(t *testing.T, b backend.Backend, fd int) (sent int) {
	t.Helper()
	k := b.Kernel.(backend.Native)
	full := make([]byte, 1<<20)
	k.Start(fd, backend.Write, full, nil)
	await(t, b, backend.Block, 1)
	n, errno := k.Finish(fd, backend.Write)
	if errno != 0 || n == len(full) {
		t.Errorf("%d bytes written, %v", n, errno)
	}
	onThread(t, func() {
		k.Start(fd, backend.Write, full[:10], nil)
		if n, _ := b.Poller.Wait(backend.Look, make([]backend.Event, 8)); n != 0 {
			t.Errorf("%d events", n)
		}
	})
	return n
}

// A call that may move much, or wait, is not a raw one.
func TestMovedAtOnce(t *testing.T) {
	for _, c := range []struct {
		e    sys.UringEntry
		want int64
	}{
		{sys.UringEntry{Op: sys.UringSend, Len: 1 << 20}, 1 << 20},
		{sys.UringEntry{Op: sys.UringRead, Len: 1}, much + 1},
		{sys.UringEntry{Op: sys.UringRecv, Len: 64}, 64},
		{sys.UringEntry{Op: sys.UringRecv, Len: 1 << 20}, likely},
		{sys.UringEntry{Op: sys.UringRecv, Len: 1 << 20, Priority: sys.UringPollFirst}, 0},
		{sys.UringEntry{Op: sys.UringPollAdd}, 0},
	} {
		if n := movedAtOnce(&c.e); n != c.want {
			t.Errorf("operation %d of %d bytes: %d, want %d", c.e.Op, c.e.Len, n, c.want)
		}
	}
	b, _ := opened(t, entries, results)
	q := &b.Poller.(*Poller).queue
	q.put(&sys.UringEntry{Op: sys.UringNop, FD: -1, UserData: ofCancel})
	q.moves.Store(5)
	if q.submit(); q.moves.Load() != 0 || q.inside.Load() != 0 {
		t.Errorf("after a submission: %d bytes, %d threads inside", q.moves.Load(), q.inside.Load())
	}
}

// A leader that is about to park submits what it puts into the queue once more: nobody else would.
func TestThreadThatExitsBeforeAPark(t *testing.T) {
	b, k := opened(t, entries, results)
	fd, other := pair(t, b)
	p := b.Poller.(*Poller)
	onThread(t, func() {
		k.Start(fd, backend.Read, make([]byte, 4), nil)
		b.Poller.Wait(backend.Look, make([]backend.Event, 8))
	})
	if syscall.Sendto(other, []byte("data"), 0, nil) != nil {
		t.Fatal("no send")
	}
	for p.queue.ring.CQHead.Load() == p.queue.ring.CQTail.Load() {
		runtime.Gosched() // until the request ends with its thread
	}
	p.queue.sleeps.Store(true)
	p.begin(make([]backend.Event, 8))
	p.look()
	p.queue.sleeps.Store(false)
	if !p.queue.isEmpty() {
		t.Error("the request waits to be submitted")
	}
	await(t, b, backend.Block, 1-p.n)
}

// A request whose thread has exited can be cancelled.
func TestAbandonBehindAThread(t *testing.T) {
	b, k := opened(t, entries, results)
	fd, _ := pair(t, b)
	onThread(t, func() {
		k.Start(fd, backend.Read, make([]byte, 4), nil)
		b.Poller.Wait(backend.Look, make([]backend.Event, 8))
	})
	endsAbandoned(t, b, fd, backend.Read, backend.Again)
}

// With a ring of 8 entries, more requests than it has room for are submitted, and more results
// come than it has room for: none is lost, in whatever way the leader waits.
func TestSmallRing(t *testing.T) {
	for _, how := range []backend.Waiting{backend.Look, backend.Park, backend.Block} {
		smallRing(t, how)
	}
}

// A look finds what has ended, however many results before it are nobody's: those for which the ring
// has no room cause no edge of the eventfd, and a leader that parks would not learn of them.
func TestLookBehindManyResults(t *testing.T) {
	b, k := opened(t, 8, 8)
	p := b.Poller.(*Poller)
	for range 100 {
		p.queue.put(&sys.UringEntry{Op: sys.UringNop, FD: -1, UserData: ofCancel})
	}
	fd, other := pair(t, b)
	if syscall.Sendto(other, []byte("data"), 0, nil) != nil {
		t.Fatal("no send")
	}
	k.Start(fd, backend.Read, make([]byte, 4), nil)
	if n, _ := b.Poller.Wait(backend.Look, make([]backend.Event, 8)); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

// So it is if the kernel refuses every other time, and takes one request of many.
func TestSmallRingThatRefuses(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EAGAIN, syscall.EBUSY, syscall.EINTR, syscall.ENOMEM} {
		var calls, refused atomic.Int32
		undo := sys.InjectUringFaults(&sys.UringFaults{
			Choose: func(call string, _ int) syscall.Errno {
				if call != "submit" && call != "wait" && call != "second request" || calls.Add(1)%2 == 0 {
					return 0
				}
				refused.Add(1)
				return errno
			},
			Wrap: func(k sys.UringCalls) sys.UringCalls { return k },
		})
		for _, how := range []backend.Waiting{backend.Look, backend.Park, backend.Block} {
			smallRing(t, how)
		}
		undo()
		if refused.Load() == 0 {
			t.Error("it never refuses")
		}
	}
}

func smallRing(t *testing.T, how backend.Waiting) {
	const pairs = 100
	b, k := opened(t, 8, 8)
	buffers := make([][1]byte, pairs)
	readers, writers := make([]int, pairs), make([]int, pairs)
	for i := range pairs {
		readers[i], writers[i] = pair(t, b)
		k.Start(readers[i], backend.Read, buffers[i][:], nil)
	}
	for i := range pairs {
		k.Start(writers[i], backend.Write, []byte{byte(i)}, nil)
	}
	of := await(t, b, how, 2*pairs)
	for i := range pairs {
		if of[readers[i]] != 1 || of[writers[i]] != 1 {
			t.Fatalf("%d and %d events of pair %d", of[readers[i]], of[writers[i]], i)
		}
		if n, errno := k.Finish(readers[i], backend.Read); n != 1 || errno != 0 || buffers[i][0] != byte(i) {
			t.Fatalf("read %d, %v, %v", n, errno, buffers[i])
		}
	}
}

// A request is submitted at once if the leader sleeps, and if there are many. Otherwise it waits
// for the leader.
func TestWhenRequestsAreSubmitted(t *testing.T) {
	b, k := opened(t, entries, results)
	q := &b.Poller.(*Poller).queue
	q.timed.Store(true) // the timer does nothing here
	for i := range uint32(many) {
		if n := q.waiting(); n != i {
			t.Fatalf("%d requests wait, want %d", n, i)
		}
		fd, _ := pair(t, b)
		k.Start(fd, backend.Read, make([]byte, 1), nil)
	}
	q.sleeps.Store(true)
	for range 2 {
		if n := q.waiting(); n != 0 {
			t.Errorf("%d requests wait", n)
		}
		fd, _ := pair(t, b)
		k.Start(fd, backend.Read, make([]byte, 1), nil)
	}
}

// What nobody submits is submitted by the timer: here no goroutine polls.
func TestTimerSubmits(t *testing.T) {
	b, k := opened(t, entries, results)
	one, other := pair(t, b)
	syscall.SetNonblock(other, false)
	k.Start(one, backend.Write, []byte("x"), nil)
	if n, err := syscall.Read(other, make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	await(t, b, backend.Block, 1)
}

// A leader that sleeps has submitted what was there, and no timer runs. For what comes then and is
// not submitted, one does.
func TestSleepStopsTheTimer(t *testing.T) {
	for _, how := range []backend.Waiting{backend.Park, backend.Block} {
		b, k := opened(t, entries, results)
		q := &b.Poller.(*Poller).queue
		one, other := pair(t, b)
		k.Start(one, backend.Read, make([]byte, 1), nil)
		q.timer.Reset(time.Hour)
		b.Poller.SetTimeout(b.Kernel.Now() + 10e6)
		if n, _ := b.Poller.Wait(how, make([]backend.Event, 8)); n != 0 || q.timed.Load() || !q.isEmpty() {
			t.Errorf("%d events, timer %v, empty %v", n, q.timed.Load(), q.isEmpty())
		}
		q.stopTimer()
		q.mu.Lock()
		q.insert(&sys.UringEntry{Op: sys.UringNop, FD: -1, UserData: tokenOfWake})
		q.mu.Unlock()
		if q.timeRest(); !q.timed.Load() {
			t.Error("no timer for a request that nobody submits")
		}
		syscall.Write(other, []byte("x"))
		await(t, b, how, 1)
	}
}

// A queue is not empty while its requests move from the backlog to the ring: who believes so would
// start no timer for them.
func TestNotEmptyDuringARefill(t *testing.T) {
	b, _ := opened(t, entries, results)
	q, alone := &b.Poller.(*Poller).queue, runtime.GOMAXPROCS(0) == 1
	for range 20_000 {
		q.backlog = append(q.backlog[:0], sys.UringEntry{Op: sys.UringNop, FD: -1, UserData: tokenOfWake})
		q.left.Store(1)
		moved := make(chan struct{})
		go func() { q.refill(); close(moved) }()
		for !isClosed(moved) {
			if q.isEmpty() {
				t.Fatal("empty during a refill")
			}
			if alone { // the other goroutine would have to wait
				runtime.Gosched()
			}
		}
		q.tail-- // as if it had never been there
		q.ring.SQTail.Store(q.tail)
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// An operation is not cancelled if it can be performed: its thread was only too busy.
func TestAbandonOfWhatCanBePerformed(t *testing.T) {
	b, k := opened(t, entries, results)
	one, other := pair(t, b)
	buffer := make([]byte, 4)
	for _, data := range [][]byte{buffer, nil} {
		k.Start(one, backend.Read, data, nil)
		if syscall.Sendto(other, []byte("data"), 0, nil) != nil {
			t.Fatal("no send")
		}
		if k.Abandon(one, backend.Read) {
			t.Error("heard, although there is data")
		}
		await(t, b, backend.Block, 1)
		if n, errno := k.Finish(one, backend.Read); n != len(data) || errno != 0 {
			t.Errorf("%d, %v", n, errno)
		}
	}
}
