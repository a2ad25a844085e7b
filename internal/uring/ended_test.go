//go:build linux

package uring

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
	"golang.org/x/sys/unix"
)

// failing makes the calls of rings that are opened meanwhile fail with errno, as soon as it is set.
func failing(t *testing.T, calls ...string) (errno *atomic.Uint32) {
	errno = new(atomic.Uint32)
	t.Cleanup(sys.InjectUringFaults(&sys.UringFaults{
		Choose: func(call string, _ int) syscall.Errno {
			if slices.Contains(calls, call) {
				return syscall.Errno(errno.Load())
			}
			return 0
		},
		Wrap: func(k sys.UringCalls) sys.UringCalls { return k },
	}))
	return errno
}

// insiders are operations that are inside, each on a descriptor of its own.
type insiders struct {
	t       *testing.T
	b       backend.Backend
	k       backend.Native
	kinds   map[int]backend.Kind
	buffers map[int][]byte
	peers   map[int]int // of those that read
}

// inside begins an operation of each kind.
func inside(t *testing.T, b backend.Backend) *insiders {
	i := &insiders{t, b, b.Kernel.(backend.Native), map[int]backend.Kind{}, map[int][]byte{}, map[int]int{}}
	listener, _ := listening(t, 0)
	b.Poller.Arm(listener, 1)
	i.k.Start(listener, backend.Accept, nil, nil)
	i.kinds[listener] = backend.Accept
	i.read(false)
	i.read(true)
	polled, _ := pair(t, b)
	i.k.Start(polled, backend.Read, nil, nil)
	i.kinds[polled] = backend.Read
	full, _ := pair(t, b)
	for syscall.Sendto(full, make([]byte, 1<<16), syscall.MSG_DONTWAIT, nil) == nil {
	}
	i.k.Start(full, backend.Write, make([]byte, 10), nil)
	i.kinds[full] = backend.Write
	i.receive()
	return i
}

// read begins a read, into a buffer of its own or a selected one.
func (i *insiders) read(selects bool) {
	i.t.Helper()
	group := backend.BufferGroup(0)
	if selects {
		var ok bool
		if group, ok = i.k.(backend.Selector).OpenGroup(1); !ok {
			return // nor has the engine such a read where the kernel has no groups
		}
	}
	fd, peer := pair(i.t, i.b)
	i.kinds[fd], i.peers[fd], i.buffers[fd] = backend.Read, peer, make([]byte, 8)
	if !selects {
		i.k.Start(fd, backend.Read, i.buffers[fd], nil)
		return
	}
	i.k.(backend.Selector).Provide(group, 0, i.buffers[fd])
	i.k.(backend.Selector).StartSelected(fd, group)
}

func (i *insiders) receive() {
	i.t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { syscall.Close(fd) })
	i.b.Poller.Arm(fd, 1)
	i.kinds[fd] = backend.Receive
	if _, errno, pending := i.k.StartMessage(fd, backend.Receive, &backend.Message{Data: make([]byte, 8)}); !pending {
		i.t.Fatal(errno)
	}
}

// end checks that each operation ends once and with errno, and that none has moved anything, now or
// when its peer sends.
func (i *insiders) end(how backend.Waiting, errno syscall.Errno) {
	i.t.Helper()
	of := await(i.t, i.b, how, len(i.kinds))
	for fd, kind := range i.kinds {
		n, got := i.k.Finish(fd, kind)
		if of[fd] != 1 || n != 0 || got != errno || i.k.Classify(kind, got) != backend.Failed {
			i.t.Errorf("kind %v: %d events, %d, %v", kind, of[fd], n, got)
		}
	}
	for fd, peer := range i.peers {
		if err := syscall.Sendto(peer, []byte("data"), 0, nil); err != nil {
			i.t.Fatal(err)
		}
		into := make([]byte, 8)
		if n, err := syscall.Read(fd, into); string(into[:max(n, 0)]) != "data" || string(i.buffers[fd]) != string(make([]byte, 8)) {
			i.t.Errorf("read %q, %v, and the operation has %q", into[:max(n, 0)], err, i.buffers[fd])
		}
	}
	i.nothingElse(how)
}

// nothingElse checks that nothing else ends, and that a leader can sleep: it is woken by Wake alone.
func (i *insiders) nothingElse(how backend.Waiting) {
	i.t.Helper()
	for range 3 { // what has woken a leader earlier ends the next wait
		i.b.Poller.SetTimeout(i.b.Kernel.Now() + 1e6)
		if n, _ := i.b.Poller.Wait(how, make([]backend.Event, 8)); n != 0 {
			i.t.Errorf("%d events more", n)
		}
	}
	if how == backend.Look {
		return
	}
	var woken, isOver atomic.Bool
	done := make(chan bool)
	go func() {
		defer close(done)
		for q := &i.b.Poller.(*Poller).queue; !q.sleeps.Load() && !isOver.Load(); {
			runtime.Gosched()
		}
		woken.Store(true)
		i.b.Poller.Wake(how)
	}()
	i.b.Poller.SetTimeout(backend.Never)
	if n, _ := i.b.Poller.Wait(how, make([]backend.Event, 8)); n != 0 || !woken.Load() {
		i.t.Errorf("%d events, was woken: %v", n, woken.Load())
	}
	isOver.Store(true)
	<-done
}

// An errno of a submission or a wait that stays ends what is inside, what has not been submitted, and
// what begins later, each once. Nothing is left open.
func TestEnd(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EPERM, syscall.ENOSYS, syscall.EINVAL, syscall.ENXIO, syscall.EFAULT,
		syscall.EBADFD, syscall.EBADR} {
		for _, how := range []backend.Waiting{backend.Look, backend.Park, backend.Block} {
			t.Run("", func(t *testing.T) { endRing(t, errno, how, "submit", "wait") })
		}
		t.Run("", func(t *testing.T) { endRing(t, errno, backend.Block, "wait") })
	}
}

// A result that the kernel has dropped ends the ring, since its operation would never end. Linux
// below 5.19 tells nobody, and later ones not a leader that parks.
func TestEndBehindADroppedResult(t *testing.T) {
	for _, how := range []backend.Waiting{backend.Look, backend.Park, backend.Block} {
		b, _ := opened(t, entries, results)
		i := inside(t, b)
		b.Poller.Wait(backend.Look, make([]backend.Event, 8))
		b.Poller.(*Poller).queue.ring.CQDropped.Store(1) // as the kernel does
		i.end(how, syscall.EBADR)
	}
}

func endRing(t *testing.T, errno syscall.Errno, how backend.Waiting, calls ...string) {
	fails := failing(t, calls...)
	before := ofRings(t)
	b, err := open(entries, results)
	if err != nil {
		t.Skip(err)
	}
	i := inside(t, b)
	b.Poller.Wait(backend.Look, make([]backend.Event, 8))
	fails.Store(uint32(errno))
	i.read(false) // not submitted
	i.end(how, errno)

	i.kinds, i.peers = map[int]backend.Kind{}, map[int]int{}
	for range 10 {
		fd, peer := pair(t, b)
		i.kinds[fd], i.peers[fd], i.buffers[fd] = backend.Read, peer, make([]byte, 8)
		i.k.Start(fd, backend.Read, i.buffers[fd], nil)
	}
	i.end(how, errno)
	fd, _ := pair(t, b)
	if _, got, pending := i.k.StartMessage(fd, backend.Send, &backend.Message{Data: []byte("x")}); got != errno || pending {
		t.Errorf("send: %v, pending %v", got, pending)
	}
	if _, got := i.k.WriteV(fd, [][]byte{[]byte("x")}); got != errno {
		t.Errorf("write: %v", got)
	}
	if err := b.Poller.Close(); err != nil {
		t.Error(err)
	}
	if after := ofRings(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// A leader that sleeps learns of a submission that has failed elsewhere, and ends what is inside.
func TestEndWakesTheLeader(t *testing.T) {
	for _, how := range []backend.Waiting{backend.Park, backend.Block} {
		t.Run("", func(t *testing.T) {
			fails := failing(t, "submit")
			b, _ := opened(t, entries, results)
			i, q := inside(t, b), &b.Poller.(*Poller).queue
			fd, _ := pair(t, b)
			i.kinds[fd] = backend.Read
			begun := make(chan bool)
			go func() {
				for !q.sleeps.Load() {
					runtime.Gosched()
				}
				fails.Store(uint32(syscall.EPERM))
				i.k.Start(fd, backend.Read, make([]byte, 8), nil)
				close(begun)
			}()
			i.end(how, syscall.EPERM)
			<-begun
		})
	}
}

// Here the ring has really ended: its descriptor was closed by somebody else, who has the number now.
// It stays open. The kernel can't be asked to cancel anything, and lets go of all the same.
func TestEndOfAnotherOwner(t *testing.T) {
	for _, how := range []backend.Waiting{backend.Look, backend.Park, backend.Block} {
		b, err := open(entries, results)
		if err != nil {
			t.Skip(err)
		}
		i, fd := inside(t, b), b.Poller.(*Poller).queue.ring.FD
		b.Poller.Wait(backend.Look, make([]backend.Event, 8))
		unix.Close(takeRing(t, b))
		i.read(false)
		i.end(how, syscall.EOPNOTSUPP)
		b.Poller.Close()
		if name, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); name != os.DevNull {
			t.Errorf("the descriptor is %q", name)
		}
	}
}

// No operation that the kernel has had ends as long as it may write to its memory: here something else
// keeps the ring open, and a read takes data although its result is lost. One that it has never had ends.
func TestEndWaitsForTheKernel(t *testing.T) {
	b, k := opened(t, entries, results)
	fd, peer := pair(t, b)
	later, _ := pair(t, b)
	buffer, none := make([]byte, 8), make([]backend.Event, 8)
	k.Start(fd, backend.Read, buffer, nil)
	b.Poller.Wait(backend.Look, none)
	keeper := takeRing(t, b)
	k.Start(later, backend.Read, make([]byte, 8), nil)
	for range 3 {
		if n, _ := b.Poller.Wait(backend.Look, none); n != 0 {
			t.Errorf("%d events", n)
		}
	}
	endsAtOnce(t, b, k, syscall.EOPNOTSUPP)
	if err := syscall.Sendto(peer, []byte("data"), 0, nil); err != nil {
		t.Fatal(err)
	}
	for left := 1; left > 0; {
		left, _ = unix.IoctlGetInt(fd, unix.SIOCINQ)
	}
	if n, _ := b.Poller.Wait(backend.Look, none); n != 0 {
		t.Errorf("%d events", n)
	}
	unix.Close(keeper)
	await(t, b, backend.Block, 2)
	if n, errno := k.Finish(fd, backend.Read); n != 0 || errno != syscall.EOPNOTSUPP || string(buffer[:4]) != "data" {
		t.Errorf("%d, %v, %q", n, errno, buffer)
	}
}

// endsAtOnce checks that a read that begins now ends with errno in a look: the kernel never has it.
func endsAtOnce(t *testing.T, b backend.Backend, k backend.Native, errno syscall.Errno) {
	t.Helper()
	fd, _ := pair(t, b)
	k.Start(fd, backend.Read, make([]byte, 8), nil)
	if of := await(t, b, backend.Look, 1); of[fd] != 1 {
		t.Errorf("events: %v", of)
	}
	if n, got := k.Finish(fd, backend.Read); n != 0 || got != errno {
		t.Errorf("%d, %v", n, got)
	}
}

// takeRing gives the number of the ring's descriptor to another file, until the test ends, and returns
// one that keeps the ring.
func takeRing(t *testing.T, b backend.Backend) (keeper int) {
	t.Helper()
	ring := b.Poller.(*Poller).queue.ring.FD
	keeper, err := unix.FcntlInt(uintptr(ring), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := unix.Dup3(int(null.Fd()), ring, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(ring) })
	return keeper
}

// A port is closed at once if nothing is inside.
func TestCloseBeforeTheEnd(t *testing.T) {
	b, err := open(entries, results)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(takeRing(t, b))
	b.Poller.Wake(backend.Block)
	b.Poller.Wait(backend.Block, make([]backend.Event, 8))
	b.Poller.Wait(backend.Look, make([]backend.Event, 8))
	b.Poller.Close()
}

// ReadAts that have not been submitted end with the errno, and later ones are refused:
// calls perform them.
func TestEndOfReadAts(t *testing.T) {
	fails := failing(t, "submit", "wait")
	b, k := opened(t, entries, results)
	b.Poller.(*Poller).queue.timed.Store(true) // the timer does nothing here
	reader := k.(backend.FileReader)
	fd, _ := content(t, 100)
	const count = 10
	for range count {
		if !reader.StartReadAt(fd, make([]byte, 100), 0, nil) {
			t.Fatal("refused")
		}
	}
	fails.Store(uint32(syscall.EPERM))
	for number, times := range await(t, b, backend.Block, count) {
		if _, n, errno := reader.FinishReadAt(number); times != 1 || n != 0 || errno != syscall.EPERM {
			t.Errorf("%d events, %d, %v", times, n, errno)
		}
	}
	if reader.StartReadAt(fd, make([]byte, 100), 0, nil) {
		t.Error("it takes one more")
	}
}

// Without a leader, nothing runs: a timer does not try again and again.
func TestEndWithoutALeader(t *testing.T) {
	fails := failing(t, "submit")
	b, k := opened(t, entries, results)
	fd, _ := pair(t, b)
	fails.Store(uint32(syscall.EPERM))
	k.Start(fd, backend.Read, make([]byte, 8), nil)
	q := &b.Poller.(*Poller).queue
	for q.ended() == 0 || q.timed.Load() {
		runtime.Gosched()
	}
	await(t, b, backend.Park, 1)
	k.Finish(fd, backend.Read)
	k.Start(fd, backend.Read, make([]byte, 8), nil)
	for q.timed.Load() {
		runtime.Gosched()
	}
	await(t, b, backend.Block, 1)
}

// A ring that can't be used from the start is refused when it is opened.
func TestEndBeforeTheStart(t *testing.T) {
	before := ofRings(t)
	failing(t, "submit").Store(uint32(syscall.EPERM))
	_, err := open(entries, results)
	if !errors.Is(err, syscall.EPERM) || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "io_uring_enter") {
		t.Error(err)
	}
	if after := ofRings(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// The request of the ring's own is made once more when its thread has exited.
func TestAlarmOutlivesItsThread(t *testing.T) {
	var b backend.Backend
	fails := failing(t, "submit")
	onThread(t, func() { b, _ = open(entries, results) })
	if b.Poller == nil {
		t.Skip("no ring")
	}
	defer b.Poller.Close()
	i, q := inside(t, b), &b.Poller.(*Poller).queue
	b.Poller.Wait(backend.Look, make([]backend.Event, 8))
	go func() {
		for !q.sleeps.Load() {
			runtime.Gosched()
		}
		fails.Store(uint32(syscall.EPERM))
		q.put(&sys.UringEntry{Op: sys.UringNop, FD: -1, UserData: tokenOfWake})
	}()
	i.end(backend.Block, syscall.EPERM)
}

// ofRings counts the descriptors of the process that rings have, and the one of Go's poller.
func ofRings(t *testing.T) (n int) {
	t.Helper()
	r, w, err := os.Pipe() // Go's poller is there from now on
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, fd := range all {
		name, _ := os.Readlink("/proc/self/fd/" + fd.Name())
		if strings.HasPrefix(name, "pipe:") || name == "anon_inode:[eventfd]" || name == "anon_inode:[io_uring]" {
			n++
		}
	}
	return n
}
