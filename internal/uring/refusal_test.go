//go:build linux

package uring

import (
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
	"golang.org/x/sys/unix"
)

// imitate takes the request that Start has put into the ring back, and has a result for it that
// other versions of Linux have.
func imitate(t *testing.T, b backend.Backend, errno syscall.Errno) {
	t.Helper()
	p := b.Poller.(*Poller)
	token := takeBack(t, p)
	p.begin(make([]backend.Event, 1))
	if p.have(sys.UringResult{UserData: token, Value: -int32(errno)}); p.n != 1 {
		t.Fatal("no event")
	}
}

// Linux 5.15 does not let an accept of a non-blocking listener wait. Then a request for readiness
// waits, since the engine would otherwise start the accept again and again.
func TestAcceptThatDoesNotWait(t *testing.T) {
	b, k := opened(t, entries, results)
	b.Poller.(*Poller).queue.timed.Store(true) // the timer does nothing here
	listener, at := listening(t, syscall.SOCK_NONBLOCK)
	b.Poller.Arm(listener, 1)
	k.Start(listener, backend.Accept, nil, nil)
	imitate(t, b, syscall.EAGAIN)
	if n, errno := k.Finish(listener, backend.Accept); k.Classify(backend.Accept, errno) != backend.WouldBlock {
		t.Errorf("%d, %v", n, errno)
	}
	if _, errno, pending := k.Start(listener, backend.Accept, nil, nil); !pending {
		t.Fatal(errno)
	}
	// No version of Linux that lets an accept wait shows otherwise what the request was.
	if s := b.Poller.(*Poller).sockets.Get(listener); !s.in.has(waits) {
		t.Error("the accept was a request again")
	}
	if n, _ := b.Poller.Wait(backend.Look, make([]backend.Event, 8)); n != 0 {
		t.Errorf("%d events", n)
	}
	connectTo(t, at)
	await(t, b, backend.Block, 1)
	n, errno := k.Finish(listener, backend.Accept)
	if errno != 0 {
		t.Fatal(errno)
	}
	syscall.Close(n)
}

// A request to cancel that has missed an operation is made once more, as long as that is inside.
func TestMissedCancel(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOENT, syscall.EALREADY} {
		b, k := opened(t, entries, results)
		fd, _ := pair(t, b)
		k.Start(fd, backend.Read, make([]byte, 1), nil)
		b.Poller.Wait(backend.Look, make([]backend.Event, 8))
		p := b.Poller.(*Poller)
		s := p.sockets.Get(fd)
		s.in.flags |= abandoned // and the request has this result:
		p.have(sys.UringResult{UserData: s.token(&s.in, s.in.count.Load(), fd) | ofCancel, Value: -int32(errno)})
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
	endsAbandoned(t, b, fd, backend.Write, backend.WouldBlock)
}

// endsAbandoned abandons an operation, which ends with an errno of this class, and has moved nothing.
func endsAbandoned(t *testing.T, b backend.Backend, fd int, kind backend.Kind, want backend.Class) {
	t.Helper()
	k := b.Kernel.(backend.Native)
	if !k.Abandon(fd, kind) {
		t.Fatal("not heard")
	}
	await(t, b, backend.Block, 1)
	if n, errno := k.Finish(fd, kind); n != 0 || k.Classify(kind, errno) != want {
		t.Errorf("abandoned: %d, %v", n, errno)
	}
}

// A read is cancelled although the error queue of its socket has something.
func TestAbandonBesideTheErrorQueue(t *testing.T) {
	b, k := opened(t, entries, results)
	fd, _ := withErrorQueue(t, b)
	k.Start(fd, backend.Read, make([]byte, 4), nil)
	endsAbandoned(t, b, fd, backend.Read, backend.Again)
}

// withErrorQueue returns a connected socket whose error queue has the time of a send, and its peer.
func withErrorQueue(t *testing.T, b backend.Backend) (one, other int) {
	t.Helper()
	one, other = connected(t)
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
	return one, other
}

// connected returns two ends of a TCP connection, which block.
func connected(t *testing.T) (one, other int) {
	t.Helper()
	listener, at := listening(t, 0)
	one = connectTo(t, at)
	other, _, err := syscall.Accept4(listener, syscall.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(other) })
	return one, other
}

// listening returns a listener and its address.
func listening(t *testing.T, flags int) (listener int, at syscall.Sockaddr) {
	t.Helper()
	listener, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(listener) })
	if err := syscall.Listen(listener, 1); err != nil {
		t.Fatal(err)
	}
	if at, err = syscall.Getsockname(listener); err != nil {
		t.Fatal(err)
	}
	return listener, at
}

func connectTo(t *testing.T, at syscall.Sockaddr) (fd int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Connect(fd, at); err != nil {
		t.Fatal(err)
	}
	return fd
}

// While the error queue of a socket has something, a receive does not end again and again.
func TestReceiveBesideTheErrorQueue(t *testing.T) {
	b, k := opened(t, entries, results)
	fd, at := refused(t)
	b.Poller.Arm(fd, 1)
	m := &backend.Message{Data: make([]byte, 4)}
	ends := 0
	for ; ends < 10; ends++ {
		if _, errno, pending := k.StartMessage(fd, backend.Receive, m); !pending {
			t.Fatal(errno)
		}
		if n, _ := b.Poller.Wait(backend.Look, make([]backend.Event, 8)); n == 0 {
			break
		}
		if n, errno := k.Finish(fd, backend.Receive); k.Classify(backend.Receive, errno) != backend.WouldBlock {
			t.Fatalf("%d, %v", n, errno)
		}
	}
	if ends != 1 {
		t.Errorf("ends %d times, want once", ends)
	}
	endsAbandoned(t, b, fd, backend.Receive, backend.Again)
	if err := syscall.Sendto(fd, []byte("data"), 0, at); err != nil {
		t.Fatal(err)
	}
	if n, errno, pending := k.StartMessage(fd, backend.Receive, m); n != 1 || errno != 0 || pending {
		t.Errorf("received %d, %v", n, errno)
	}
}

// So it is with a read that waits for data alone, and with one that selects its buffer, of which
// there is none.
func TestReadBesideTheErrorQueue(t *testing.T) {
	for _, isSelecting := range []bool{false, true} {
		b, k := opened(t, entries, results)
		fd, other := withErrorQueue(t, b)
		start := func() { k.Start(fd, backend.Read, nil, nil) }
		if g, ok := k.(backend.Selector).OpenGroup(4); ok && isSelecting {
			start = func() { k.(backend.Selector).StartSelected(fd, g) }
		}
		if ends := endsWithoutData(t, b, fd, start); ends != 1 {
			t.Errorf("selecting %v: ends %d times, want once", isSelecting, ends)
		}
		endsAbandoned(t, b, fd, backend.Read, backend.Again)
		endsWithoutData(t, b, fd, start)
		if err := syscall.Sendto(other, []byte("data"), 0, nil); err != nil {
			t.Fatal(err)
		}
		await(t, b, backend.Block, 1)
		if n, errno := k.Finish(fd, backend.Read); n != 0 || errno != 0 {
			t.Errorf("with data: %d, %v", n, errno)
		}
		if n, errno := k.Read(fd, make([]byte, 8)); n != 4 || errno != 0 {
			t.Errorf("read %d, %v", n, errno)
		}
	}
}

// endsWithoutData starts a read until it waits, but ten times at most, and returns how often it has
// ended.
func endsWithoutData(t *testing.T, b backend.Backend, fd int, start func()) (ends int) {
	t.Helper()
	k := b.Kernel.(backend.Native)
	for start(); ends < 10; start() {
		if n, _ := b.Poller.Wait(backend.Look, make([]backend.Event, 8)); n == 0 {
			break
		}
		ends++
		n, errno := k.Finish(fd, backend.Read)
		if n == 0 && errno == 0 {
			n, errno = b.Kernel.Read(fd, make([]byte, 1))
		}
		if n > 0 || k.Classify(backend.Read, errno) != backend.WouldBlock {
			t.Fatalf("%d, %v", n, errno)
		}
	}
	return ends
}

// What waits for room beside a non-empty error queue pauses every other time.
func TestRoomBesideTheErrorQueue(t *testing.T) {
	b, k := opened(t, entries, results)
	fd := withoutRoom(t, b)
	for range 3 {
		for _, op := range []uint8{sys.UringPollAdd, sys.UringTimeout} {
			awaitRoom(t, b, fd, op)
			await(t, b, backend.Block, 1)
			if n, errno := k.Finish(fd, backend.Write); n != 0 || errno != 0 {
				t.Errorf("%d, %v", n, errno)
			}
		}
	}
	for range 3 {
		awaitRoom(t, b, fd, sys.UringPollAdd)
		await(t, b, backend.Block, 1)
		if n, errno := k.Finish(fd, backend.PollOut); n != 0 || errno != 0 {
			t.Errorf("a poll: %d, %v", n, errno)
		}
	}
}

// Such a pause can be cancelled.
func TestAbandonOfAPause(t *testing.T) {
	b, k := opened(t, entries, results)
	fd := withoutRoom(t, b)
	awaitRoom(t, b, fd, sys.UringPollAdd)
	await(t, b, backend.Block, 1)
	k.Finish(fd, backend.Write)
	defer func(p [2]int64) { pause = p }(pause)
	pause[0] = 3600
	awaitRoom(t, b, fd, sys.UringTimeout)
	b.Poller.Wait(backend.Look, make([]backend.Event, 8))
	endsAbandoned(t, b, fd, backend.Write, backend.WouldBlock)
}

// A poll of the program that pauses, since a write before it has found something in the error queue,
// does not end when its time is over: there need be no room.
func TestPollBehindAPause(t *testing.T) {
	b, k := opened(t, entries, results)
	fd := withoutRoom(t, b)
	awaitRoom(t, b, fd, sys.UringPollAdd)
	await(t, b, backend.Block, 1)
	k.Finish(fd, backend.Write)
	for err := error(nil); err == nil; {
		_, _, _, _, err = unix.Recvmsg(fd, nil, make([]byte, 256), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	}
	awaitRoom(t, b, fd, sys.UringTimeout)
	await(t, b, backend.Block, 1)
	if _, errno := k.Finish(fd, backend.PollOut); errno != syscall.EAGAIN {
		t.Errorf("a poll without room: %v", errno)
	}
	awaitRoom(t, b, fd, sys.UringPollAdd)
	if n, _ := b.Poller.Wait(backend.Look, make([]backend.Event, 8)); n != 0 {
		t.Error("the next one ends without room")
	}
}

// withoutRoom returns a socket that has no room, and something in its error queue.
func withoutRoom(t *testing.T, b backend.Backend) (fd int) {
	t.Helper()
	fd, _ = withErrorQueue(t, b)
	for syscall.Sendto(fd, make([]byte, 1<<16), syscall.MSG_DONTWAIT, nil) == nil {
	}
	return fd
}

// awaitRoom begins a wait for room, which is a request of this kind.
func awaitRoom(t *testing.T, b backend.Backend, fd int, op uint8) {
	t.Helper()
	b.Kernel.(backend.Native).Start(fd, backend.PollOut, nil, nil)
	q := &b.Poller.(*Poller).queue
	if e := q.ring.Entries[(q.tail-1)&uint32(len(q.ring.Entries)-1)]; e.Op != op {
		t.Errorf("request %d, want %d", e.Op, op)
	}
}

// A poll does not peek: that would take the error that the program is to find.
func TestPollDoesNotPeek(t *testing.T) {
	b, k := opened(t, entries, results)
	fd, _ := withErrorQueue(t, b)
	d := &b.Poller.(*Poller).sockets.Get(fd).in
	k.Start(fd, backend.Read, nil, nil)
	await(t, b, backend.Block, 1)
	if k.Finish(fd, backend.Read); !d.has(peeks) {
		t.Error("the next read does not peek")
	}
	k.Start(fd, backend.PollIn, nil, nil)
	await(t, b, backend.Block, 1)
	if n, errno := k.Finish(fd, backend.Read); n != 0 || errno != 0 || d.has(peeks) {
		t.Errorf("%d, %v, peeks %v", n, errno, d.has(peeks))
	}
}

// refused returns a datagram socket and its address. Its error queue has an error, which was told.
func refused(t *testing.T) (fd int, at syscall.Sockaddr) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	loopback := [4]byte{127, 0, 0, 1}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: loopback}); err != nil {
		t.Fatal(err)
	}
	if at, err = syscall.Getsockname(fd); err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_IP, syscall.IP_RECVERR, 1); err != nil {
		t.Skip(err)
	}
	if err := syscall.Sendto(fd, []byte("x"), 0, &syscall.SockaddrInet4{Addr: loopback, Port: 9}); err != nil {
		t.Fatal(err)
	}
	ask := []unix.PollFd{{Fd: int32(fd)}}
	if n, err := unix.Poll(ask, 10_000); n != 1 || ask[0].Revents != unix.POLLERR {
		t.Skipf("no error: %v, %x", err, ask[0].Revents)
	}
	syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	return fd, at
}

// A request that ends with EFAULT again and again, since its threads exit, becomes one for
// readiness, which can't. One whose memory can't be used ends with EFAULT.
func TestFault(t *testing.T) {
	b, k := opened(t, entries, results)
	p := b.Poller.(*Poller)
	p.queue.timed.Store(true) // the timer does nothing here
	unusable, err := unix.Mmap(-1, 0, 4096, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(unusable)
	for _, c := range []struct {
		data  []byte
		n     int
		errno syscall.Errno
	}{{make([]byte, 4), 4, 0}, {unusable, 0, syscall.EFAULT}} {
		fd, other := pair(t, b)
		k.Start(fd, backend.Read, c.data, nil)
		for range 3 {
			token := takeBack(t, p) // it is not submitted
			p.begin(make([]backend.Event, 1))
			p.have(sys.UringResult{UserData: token, Value: -int32(syscall.EFAULT)})
			if p.n != 0 || p.queue.waiting() != 1 {
				t.Fatalf("%d events, %d requests", p.n, p.queue.waiting())
			}
		}
		if syscall.Sendto(other, []byte("data"), 0, nil) != nil {
			t.Fatal("no send")
		}
		await(t, b, backend.Block, 1)
		if n, errno := k.Finish(fd, backend.Read); n != c.n || errno != c.errno {
			t.Errorf("%d, %v", n, errno)
		}
	}
}

// Linux 5.19 says which buffer a request has taken also if it fails: that one goes back to its pool.
func TestFailureWithABuffer(t *testing.T) {
	for _, failed := range []syscall.Errno{syscall.EFAULT, syscall.ECANCELED, syscall.EINTR} {
		b, k := opened(t, entries, results)
		p, selector := b.Poller.(*Poller), k.(backend.Selector)
		p.queue.timed.Store(true) // the timer does nothing here
		fd, _ := pair(t, b)
		selector.StartSelected(fd, groupWith(t, selector, 2))
		token := takeBack(t, p)
		p.begin(make([]backend.Event, 1))
		p.have(sys.UringResult{UserData: token, Value: -int32(failed), Flags: 2<<16 | 1})
		if p.n != 1 {
			t.Errorf("%v: %d events", failed, p.n)
			continue
		}
		if n, errno := k.Finish(fd, backend.Read); n != 0 || k.Classify(backend.Read, errno) != backend.Again {
			t.Errorf("%v: %d, %v", failed, n, errno)
		}
		if number, lacked := selector.Selected(fd); number != 2 || lacked {
			t.Errorf("%v: buffer %d, lacked %v", failed, number, lacked)
		}
	}
}

// A request that selects its buffer says how much it reads. From Linux 6.0 on, it need not.
func TestSelectReadsSomething(t *testing.T) {
	d := side{flags: selects, extent: ^3}
	if e := d.entry(0); e.Buffer != 3 || e.Len == 0 || e.Addr != 0 {
		t.Errorf("group %d, %d bytes at %x", e.Buffer, e.Len, e.Addr)
	}
}
