package completion_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/strict"
	"github.com/completionport/completion/internal/sys"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/windows"
)

// hasEnded returns when a read or an accept inside the kernel has ended. Its packet is
// in the port then, and nobody has taken it.
func hasEnded(h *core.Handle) {
	for !completion.HasEnded(h, false) {
		runtime.Gosched()
	}
}

// An operation has ended, and its packet is in the port: Windows finds nothing to
// cancel, and its status does not change before the packet is taken. Whatever ends
// it now must not wait for the one or the other. The result came first, and counts.
func TestCancelOfWhatHasEnded(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, p *completion.Port, s *completion.Socket, read *ops.Read)
	}{
		{"Cancel", func(t *testing.T, p *completion.Port, _ *completion.Socket, read *ops.Read) {
			if !p.Cancel(read) {
				t.Error("not recorded")
			}
		}},
		{"SocketClose", func(t *testing.T, _ *completion.Port, s *completion.Socket, _ *ops.Read) { must(t, s.Close()) }},
		{"PortClose", func(t *testing.T, p *completion.Port, _ *completion.Socket, _ *ops.Read) { must(t, p.Close()) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer strict.Set(true)()
			p, err := completion.Open(nil)
			must(t, err)
			defer p.Close()
			s, peer := iocpPair(t, p)
			read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 8))}
			must(t, p.Submit(read))
			_, err = peer.Write([]byte("x"))
			must(t, err)
			hasEnded(completion.HandleOf(s))
			c.do(t, p, s, read)
			dequeue(t, p, read)
			if got := string(read.Buf.Bytes()); got != "x" {
				t.Errorf("read %q", got)
			}
		})
	}
}

// The same when the deadline has passed and the leader acts on it: the data comes
// after its last look.
func TestDeadlineOfWhatHasEnded(t *testing.T) {
	defer strict.Set(true)()
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	s, peer := iocpPair(t, p)
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 8))}
	read.Deadline = completion.After(time.Millisecond)
	asked := 0
	t.Cleanup(func() { sys.OnCall = nil })
	sys.OnCall = func(name string) syscall.Errno {
		if name == "CancelIoEx" {
			if asked++; asked == 1 {
				peer.Write([]byte("x"))
				hasEnded(completion.HandleOf(s))
			}
		}
		return 0
	}
	must(t, p.Submit(read))
	dequeue(t, p, read)
	if got := string(read.Buf.Bytes()); got != "x" || asked != 1 {
		t.Errorf("read %q, asked %d times", got, asked)
	}
}

// The same with two accepts inside, of which one has ended.
func TestListenerCloseWhenAnAcceptHasEnded(t *testing.T) {
	defer strict.Set(true)()
	w := newAcceptWorld(t)
	all := w.accepts(2, false)
	peer := w.dial()
	hasEnded(completion.HandleOf(w.l))
	must(t, w.l.Close())
	w.ended(all[1], net.ErrClosed)
	w.accepted(all[0], peer)
	w.atRest()
}

// A send that was cancelled says that it has sent nothing, whatever went out. So the
// write counts as cut short, and what was queued behind it is not sent.
func TestCancelledSendSaysZero(t *testing.T) {
	defer strict.Set(true)()
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	s, peer := iocpPair(t, p)
	must(t, s.SetWriteBuffer(32<<10))
	must(t, peer.(*net.TCPConn).SetReadBuffer(32<<10))
	const size = 256 << 10 // one piece
	write := &ops.Write{To: s, Buf: completion.Own(bytes.Repeat([]byte("w"), size))}
	ahead := -size
	for ; write.Ticket() == (completion.Ticket{}); ahead += size {
		if ahead >= 0 {
			dequeue(t, p, write)
		}
		must(t, p.Submit(write))
		must(t, p.Await(context.Background(), &ops.Timer{After: time.Millisecond}))
	}
	behind := &ops.Write{To: s, Buf: completion.Own([]byte("behind"))}
	must(t, p.Submit(behind))
	p.Cancel(write)
	for range 2 {
		_, err := p.Next(context.Background())
		must(t, err)
	}
	if !errors.Is(write.Err(), completion.ErrCanceled) || !errors.Is(behind.Err(), completion.ErrWriteAborted) {
		t.Errorf("ended with %v, and behind it %v", write.Err(), behind.Err())
	}
	if write.N() != 0 || behind.N() != 0 {
		t.Errorf("%d and %d bytes sent", write.N(), behind.N())
	}
	must(t, s.Close())
	got, err := io.ReadAll(peer)
	must(t, err)
	if len(got) < ahead || len(got) > ahead+size || bytes.ContainsFunc(got, func(r rune) bool { return r != 'w' }) {
		t.Errorf("the peer gets %d bytes, %d were counted", len(got), ahead)
	}
}

// A write goes out in pieces, and ends once.
func TestWriteInPieces(t *testing.T) {
	for size, sends := range map[int]int{1: 1, 256 << 10: 1, 256<<10 + 1: 2, 3 << 20: 12, 3<<20 + 5: 13} {
		p, err := completion.Open(nil)
		must(t, err)
		s, peer := iocpPair(t, p)
		calls := countCalls(t)
		received := make(chan []byte)
		go func() {
			got, _ := io.ReadAll(peer)
			received <- got
		}()
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i % 251)
		}
		write := &ops.Write{To: s, Buf: completion.Own(data)}
		must(t, p.Submit(write))
		dequeue(t, p, write)
		if n := calls()["WSASend"]; n != sends || write.N() != size {
			t.Errorf("%d bytes of %d in %d sends, want %d", write.N(), size, n, sends)
		}
		must(t, s.Close())
		if !bytes.Equal(<-received, data) {
			t.Errorf("the peer gets something else")
		}
		must(t, p.Close())
	}
}

// The program makes an overlapped call of its own with the descriptor lent to it.
// The packet of that is no end of anything of the port's.
func TestPacketOfTheProgramsOwnCall(t *testing.T) {
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	s, peer := iocpPair(t, p)
	must(t, s.SetWriteBuffer(64<<10))
	must(t, peer.(*net.TCPConn).SetReadBuffer(64<<10))
	const size = 8 << 20
	write := &ops.Write{To: s, Buf: completion.Own(make([]byte, size))}
	must(t, p.Submit(write))
	var mine struct {
		overlapped windows.Overlapped
		buffer     windows.WSABuf
		flags      uint32
		data       [4]byte
	}
	mine.buffer = windows.WSABuf{Len: 4, Buf: &mine.data[0]}
	raw, err := s.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		err = windows.WSARecv(windows.Handle(fd), &mine.buffer, 1, nil, &mine.flags, &mine.overlapped, nil)
	}))
	if err != windows.ERROR_IO_PENDING {
		t.Fatal(err)
	}
	_, err = peer.Write([]byte("mine"))
	must(t, err)
	for mine.overlapped.InternalHigh != uintptr(len(mine.data)) {
		dequeueTimer(t, p)
	}
	dequeueTimer(t, p) // the packet has been taken
	if p.Stats().InFlight != 1 {
		t.Fatal("the write has ended")
	}
	received := make(chan int64)
	go func() {
		n, _ := io.CopyN(io.Discard, peer, size)
		received <- n
	}()
	dequeue(t, p, write)
	if n := <-received; n != size || write.N() != size || string(mine.data[:]) != "mine" {
		t.Errorf("%d bytes received of %d; the program's read is %q", n, write.N(), mine.data)
	}
	runtime.KeepAlive(&mine)
}

// The system has no memory for the packet that is to wake the leader: it wakes when
// there is some.
func TestWakeThatFails(t *testing.T) {
	const noMemory = syscall.Errno(1450) // ERROR_NO_SYSTEM_RESOURCES
	for _, failures := range []int{1, 5} {
		calls := countCalls(t)
		count, left := sys.OnCall, failures
		p, err := completion.Open(nil)
		must(t, err)
		sys.OnCall = func(name string) syscall.Errno {
			count(name)
			if name == "PostQueuedCompletionStatus" {
				if left--; left >= 0 {
					return noMemory
				}
			}
			return 0
		}
		next := make(chan completion.Operation)
		go func() {
			op, _ := p.Next(context.Background())
			next <- op
		}()
		for !p.Stats().Parked {
			runtime.Gosched()
		}
		post := &ops.Post{}
		must(t, p.Submit(post))
		if op := <-next; op != completion.Operation(post) {
			t.Errorf("dequeued %v", op)
		}
		must(t, p.Close())
		if n := calls()["PostQueuedCompletionStatus"]; n <= failures {
			t.Errorf("%d attempts", n)
		}
	}
}

// A wake that fails for ever is given up when the port closes.
func TestWakeThatFailsWhileThePortCloses(t *testing.T) {
	p, err := completion.Open(nil)
	must(t, err)
	fails := func(name string) syscall.Errno {
		if name == "PostQueuedCompletionStatus" {
			return 1450
		}
		return 0
	}
	t.Cleanup(func() { sys.OnCall = nil })
	sys.OnCall = fails
	s, peer := iocpPair(t, p)
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 1))}
	next := make(chan error)
	must(t, p.Start(read))
	go func() { next <- p.Wait(context.Background(), read) }()
	for !p.Stats().Parked {
		runtime.Gosched()
	}
	closed := make(chan error)
	go func() { closed <- p.Close() }() // the leader is not woken, but by a packet
	_, err = peer.Write([]byte("x"))
	must(t, err)
	<-next
	must(t, <-closed)
}
