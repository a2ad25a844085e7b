//go:build linux

package uring

import (
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
	"golang.org/x/sys/unix"
)

// An idle connection holds one socket: its size is a promise.
func TestSize(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the size is that of 64-bit systems")
	}
	if n := unsafe.Sizeof(socket{}); n != 48 {
		t.Errorf("a socket has %d bytes, want 48", n)
	}
}

// No two requests in succession have one token, also where the count begins again, in a token or
// in a side. An event has the whole generation.
func TestTokens(t *testing.T) {
	const generation = 0xfedc_1234
	b, k := opened(t, entries, results)
	p := b.Poller.(*Poller)
	p.queue.timed.Store(true) // the timer does nothing here
	fd, _ := pair(t, b)
	p.Arm(fd, generation)
	for _, kind := range []backend.Kind{backend.Read, backend.Write} {
		for _, count := range []uint32{0, 1<<31 - 2, 1<<32 - 2} {
			d := p.sockets.Get(fd).side(kind)
			d.count.Store(count)
			for past := uint64(0); d.count.Load()-count < 6; {
				k.Start(fd, kind, make([]byte, 4), nil)
				token := takeBack(t, p)
				if s, is := p.sideOf(token); s != p.sockets.Get(fd) || is != d || descriptor(token) != fd {
					t.Fatalf("count %x: token %x is not found", count, token)
				}
				if _, is := p.sideOf(past); is != nil || token&(ofCancel|ofFile) != 0 {
					t.Errorf("count %x: token %x behind %x", count, token, past)
				}
				past = token
				p.begin(make([]backend.Event, 1))
				p.have(sys.UringResult{UserData: token, Value: 3})
				if p.n != 1 || p.events[0].FD != fd || p.events[0].Generation != generation {
					t.Errorf("count %x: %d events, %+v", count, p.n, p.events[0])
				}
				if n, errno := k.Finish(fd, kind); n != 3 || errno != 0 {
					t.Errorf("count %x: %d, %v", count, n, errno)
				}
			}
		}
	}
}

// The result of a request to cancel may come when the descriptor has another owner. It said that
// nothing was found, and so the request is made once more if its operation is still inside: what the
// new owner has there is another.
func TestCancelOfAFormerOwner(t *testing.T) {
	b, k := opened(t, entries, results)
	p := b.Poller.(*Poller)
	p.queue.timed.Store(true) // the timer does nothing here
	fd, _ := pair(t, b)
	past := map[uint64]bool{}
	for generation := range uint32(100) {
		p.Disarm(fd)
		p.Arm(fd, generation)
		for _, kind := range []backend.Kind{backend.Read, backend.Write, backend.Read} {
			k.Start(fd, kind, make([]byte, 4), nil)
			for token := range past {
				p.have(sys.UringResult{UserData: token | ofCancel, Value: -int32(syscall.ENOENT)})
			}
			token := takeBack(t, p)
			past[token] = true
			p.begin(make([]backend.Event, 1))
			p.have(sys.UringResult{UserData: token, Value: 4})
			if n, errno := k.Finish(fd, kind); n != 4 || errno != 0 {
				t.Fatalf("%v: %d, %v", kind, n, errno)
			}
		}
	}
}

// takeBack takes the request that was put last out of the ring, and returns its token.
func takeBack(t *testing.T, p *Poller) uint64 {
	t.Helper()
	q := &p.queue
	if q.waiting() != 1 {
		t.Fatalf("%d requests wait", q.waiting())
	}
	q.tail--
	q.ring.SQTail.Store(q.tail)
	return q.ring.Entries[q.tail&uint32(len(q.ring.Entries)-1)].UserData
}

// Each direction of a stream that is no socket finds that out by itself, also if both do so at a
// time.
func TestStreamWithBothDirectionsInside(t *testing.T) {
	b, k := opened(t, entries, results)
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	b.Poller.Arm(fd, 1)
	buffer := make([]byte, 4)
	k.Start(fd, backend.Read, buffer, nil)
	k.Start(fd, backend.Write, []byte("data"), nil)
	await(t, b, backend.Block, 2)
	for _, kind := range []backend.Kind{backend.Read, backend.Write} {
		if n, errno := k.Finish(fd, kind); n != 0 || k.Classify(kind, errno) != backend.WouldBlock {
			t.Errorf("%v: %d, %v", kind, n, errno)
		}
	}
	if _, errno, isPending := k.Start(fd, backend.Read, buffer, nil); !isPending {
		t.Fatal(errno)
	}
	if n, errno, isPending := k.Start(fd, backend.Write, []byte("data"), nil); n != 4 || errno != 0 || isPending {
		t.Errorf("written %d, %v, pending %v", n, errno, isPending)
	}
	await(t, b, backend.Block, 1)
	if n, errno := k.Finish(fd, backend.Read); n != 4 || errno != 0 || string(buffer) != "data" {
		t.Errorf("read %d, %v, %q", n, errno, buffer)
	}
}

// A read selects from the group that it was told. The second of the three groups has no buffer.
func TestSelectsFromItsGroup(t *testing.T) {
	b, _ := opened(t, entries, results)
	k := b.Kernel.(*Kernel)
	fd, other := pair(t, b)
	for i, want := range []int{2, -1, 3} {
		g, ok := k.OpenGroup(4)
		if !ok {
			t.Skip("the kernel has no groups")
		}
		buffer, n := make([]byte, 8), 0
		if want >= 0 {
			k.Provide(g, want, buffer)
			n = 1
		}
		k.StartSelected(fd, g)
		syscall.Sendto(other, []byte{byte('a' + i)}, 0, nil)
		await(t, b, backend.Block, 1)
		got, errno := k.Finish(fd, backend.Read)
		if number, lacked := k.Selected(fd); got != n || errno != 0 || number != want || lacked != (want < 0) {
			t.Errorf("group %d: read %d, %v; buffer %d, lacked %v", g, got, errno, number, lacked)
		}
		if want < 0 {
			syscall.Read(fd, buffer)
		}
		if buffer[0] != byte('a'+i) {
			t.Errorf("group %d: %q", g, buffer)
		}
	}
	k.Start(fd, backend.Read, make([]byte, 1), nil)
	syscall.Sendto(other, []byte("x"), 0, nil)
	await(t, b, backend.Block, 1)
	if number, lacked := k.Selected(fd); number != -1 || lacked {
		t.Errorf("a read that selects nothing: buffer %d, lacked %v", number, lacked)
	}
}

// The next request of a side peeks, or is for a pause, only if the error queue of a socket alone has
// ended this one, and an operation that is to go on waiting would begin again.
func TestWoken(t *testing.T) {
	const err, in, room = unix.POLLERR, unix.POLLIN, unix.POLLOUT
	for _, c := range []struct {
		request, operation backend.Kind
		flags              flags
		result             int32
		peeks              bool
	}{
		{backend.Read, backend.Read, waits, err, true},
		{backend.Read, backend.Read, waits, err | in, false},
		{backend.Read, backend.Read, 0, err, false}, // so many bytes
		{backend.Read, backend.Read, waits | peeks, 1, false},
		{backend.Read, backend.Read, waits | isStream, err, false},
		{backend.Receive, backend.Receive, waits, err, true},
		{backend.PollIn, backend.Read, waits, err, false},
		{backend.Accept, backend.Accept, waits, err, false},
		{backend.Send, backend.Send, waits, err, true},
		{backend.PollOut, backend.Write, waits, err, true},
		{backend.PollOut, backend.Write, waits, err | room, false},
		{backend.PollOut, backend.Write, waits, err | unix.POLLHUP, false},
		{backend.PollOut, backend.Write, waits | isStream, err, false},
		{backend.PollOut, backend.PollOut, waits, err, false},
	} {
		d := side{kind: c.request, flags: c.flags, result: c.result}
		if d.woken(c.operation); d.has(peeks) != c.peeks {
			t.Errorf("%+v: peeks %v", c, d.has(peeks))
		}
	}
}

// Who begins an operation has looked at its state for the last time when the leader may have the
// result. Nothing but the count orders the two: the race detector shows if it does not.
func TestResultIsHadByAnother(t *testing.T) {
	b, k := opened(t, entries, results)
	p := b.Poller.(*Poller)
	p.queue.timed.Store(true) // the timer does nothing here
	fd, other := pair(t, b)
	syscall.Sendto(other, []byte("data"), 0, nil)
	listener, at := listening(t, 0)
	connectTo(t, at)
	p.Arm(listener, 1)
	for kind, c := range map[backend.Kind]struct {
		fd   int
		data []byte
	}{
		backend.Read: {fd, make([]byte, 2)}, backend.PollIn: {fd, nil}, backend.Write: {fd, []byte("data")},
		backend.PollOut: {fd, nil}, backend.Accept: {listener, nil}, backend.Receive: {fd, nil},
	} {
		hadByAnother(t, p, func() {
			if kind == backend.Receive {
				k.StartMessage(c.fd, kind, new(backend.Message))
			} else {
				k.Start(c.fd, kind, c.data, nil)
			}
		}, nil)
		n, errno := k.Finish(c.fd, kind)
		if kind == backend.Accept {
			syscall.Close(n)
			n = 0
		}
		if n != len(c.data) || errno != 0 {
			t.Errorf("%v: %d, %v", kind, n, errno)
		}
	}
}

// groupWith returns a group that has one buffer, with this number.
func groupWith(t *testing.T, k backend.Selector, number int) backend.BufferGroup {
	t.Helper()
	g, ok := k.OpenGroup(4)
	if !ok {
		t.Skip("the kernel has no groups")
	}
	k.Provide(g, number, make([]byte, 8))
	return g
}

func TestSelectedIsHadByAnother(t *testing.T) {
	b, k := opened(t, entries, results)
	p, selector := b.Poller.(*Poller), k.(backend.Selector)
	p.queue.timed.Store(true) // the timer does nothing here
	fd, other := pair(t, b)
	g := groupWith(t, selector, 2)
	syscall.Sendto(other, []byte("data"), 0, nil)
	hadByAnother(t, p, func() { selector.StartSelected(fd, g) }, nil)
	if n, errno := k.Finish(fd, backend.Read); n != 4 || errno != 0 {
		t.Errorf("read %d, %v", n, errno)
	}
}

// Who asks for the end of an operation may do so while another has its result.
func TestResultBesideAnAbandon(t *testing.T) {
	for range 20 {
		b, k := opened(t, entries, results)
		p := b.Poller.(*Poller)
		p.queue.timed.Store(true) // the timer does nothing here, and nobody submits what Abandon asks for
		fd, other := pair(t, b)
		k.Start(fd, backend.Read, make([]byte, 4), nil)
		p.queue.submit()
		var asked sync.WaitGroup
		asked.Go(func() { k.Abandon(fd, backend.Read) })
		syscall.Sendto(other, []byte("data"), 0, nil)
		haveOne(t, p)
		asked.Wait()
		if n, errno := k.Finish(fd, backend.Read); n != 4 || errno != 0 {
			t.Errorf("read %d, %v", n, errno)
		}
	}
}

// The number of a ReadAt, and its state, may be another's before the call that began it returns.
func TestReadAtIsHadByAnother(t *testing.T) {
	b, k := opened(t, entries, results)
	p, reader := b.Poller.(*Poller), k.(backend.FileReader)
	p.queue.timed.Store(true) // the timer does nothing here
	fd, _ := content(t, 10)
	finish := func(number int) {
		if owner, n, errno := reader.FinishReadAt(number); owner != t || n != 5 || errno != 0 {
			t.Errorf("%v, %d, %v", owner, n, errno)
		}
	}
	start := func() { reader.StartReadAt(fd, make([]byte, 8), 5, t) }
	hadByAnother(t, p, start, func(number int) {
		finish(number)
		start()
	})
	for number := range await(t, b, backend.Block, 1) {
		finish(number)
	}
}

// hadByAnother begins an operation, and has its result in another goroutine as soon as it is there.
// meanwhile gets the number in its event.
func hadByAnother(t *testing.T, p *Poller, begin func(), meanwhile func(number int)) {
	t.Helper()
	var begun sync.WaitGroup
	begun.Go(func() {
		begin()
		p.queue.submit()
	})
	number := haveOne(t, p)
	if meanwhile != nil {
		meanwhile(number)
	}
	begun.Wait()
}

// haveOne takes a result as soon as it is there, and returns the number in its event.
func haveOne(t *testing.T, p *Poller) (number int) {
	t.Helper()
	ring := p.queue.ring
	for ring.CQHead.Load() == ring.CQTail.Load() { // the kernel stores the tail: no lock is between
		runtime.Gosched()
	}
	events := make([]backend.Event, 1)
	p.begin(events)
	if n := p.take(); n != 1 {
		t.Errorf("%d events", n)
	}
	return events[0].FD
}
