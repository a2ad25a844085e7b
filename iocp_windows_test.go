package completion_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/iocp"
	"github.com/completionport/completion/internal/sys"
	"github.com/completionport/completion/ops"
)

// iocpPair returns a connected socket of the port and its peer.
func iocpPair(t *testing.T, p *completion.Port) (*completion.Socket, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	s, err := p.Socket("tcp4")
	must(t, err)
	must(t, p.Await(context.Background(), &ops.Connect{On: s, To: l.Addr()}))
	c, err := l.Accept()
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return s, c
}

// An echo costs a receive, a send and a wait. Without the skip mode the send,
// which ends at once, has a packet, too, and mostly a wait of its own.
func TestCallsPerEcho(t *testing.T) {
	const echoes = 200
	for _, c := range []struct {
		name string
		skip bool
		late bool
		want map[string]int // per echo
	}{
		{"Skip", true, false, map[string]int{"WSARecv": 1, "WSASend": 1, "GetQueuedCompletionStatusEx": 1}},
		{"NoSkip", false, false, map[string]int{"WSARecv": 1, "WSASend": 1, "GetQueuedCompletionStatusEx": 2}},
		{"SkipLate", true, true, map[string]int{"WSARecv": 2, "WSASend": 1, "GetQueuedCompletionStatusEx": 1}},
		{"NoSkipLate", false, true, map[string]int{"WSARecv": 2, "WSASend": 1, "GetQueuedCompletionStatusEx": 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer iocp.SetSkipOnSuccess(c.skip)()
			p, err := completion.Open(nil)
			must(t, err)
			defer p.Close()
			s, peer := iocpPair(t, p)
			calls := countCalls(t)
			pool := p.NewPool(64, 1)
			for range echoes {
				iocpEcho(t, p, s, peer, pool, c.late)
			}
			got := calls()
			t.Logf("%d echoes: %v", echoes, got)
			for name, n := range c.want {
				if got[name] != n*echoes {
					t.Errorf("%d calls of %s, want %d", got[name], name, n*echoes)
				}
				delete(got, name)
			}
			if len(got) != 0 {
				t.Errorf("and %v", got)
			}
		})
	}
}

// iocpEcho submits a read, has the peer send something, and sends it back.
func iocpEcho(t *testing.T, p *completion.Port, s *completion.Socket, peer net.Conn, pool *completion.Pool, late bool) {
	t.Helper()
	read := &ops.Read{From: s}
	if late {
		read.Pool = pool
	} else {
		read.Buf = completion.Own(make([]byte, 64))
	}
	must(t, p.Submit(read))
	_, err := peer.Write([]byte("hello"))
	must(t, err)
	dequeue(t, p, read)
	write := &ops.Write{To: s, Buf: read.Buf}
	must(t, p.Submit(write))
	dequeue(t, p, write)
	if late {
		write.Buf.Release()
	}
	if _, err := peer.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
}

func dequeue(t *testing.T, p *completion.Port, want completion.Operation) {
	t.Helper()
	op, err := p.Next(context.Background())
	if err != nil || op != want {
		t.Fatalf("dequeued %v, %v", op, err)
	}
	must(t, op.Err())
}

// countCalls counts the calls of this package until the function it returns is
// called.
func countCalls(t *testing.T) func() map[string]int {
	var mu sync.Mutex
	calls := make(map[string]int)
	sys.OnCall = func(name string) syscall.Errno {
		mu.Lock()
		defer mu.Unlock()
		calls[name]++
		return 0
	}
	t.Cleanup(func() { sys.OnCall = nil })
	return func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(calls)
	}
}

// What the kernel writes to stays where it is, also if the program has dropped
// the port and all that belongs to it.
func TestDroppedPortIsNotCollected(t *testing.T) {
	const ports, size = 20, 8192
	var peers []net.Conn
	for range ports {
		func() {
			p, err := completion.Open(nil)
			must(t, err)
			for range 3 {
				s, peer := iocpPair(t, p)
				must(t, p.Submit(&ops.Read{From: s, Buf: completion.Own(make([]byte, size))}))
				peers = append(peers, peer)
			}
		}()
	}
	if n := iocp.OpenPorts(); n < ports {
		t.Fatalf("%d of %d ports are kept", n, ports)
	}
	mine := collectAndAllocate(size)
	for _, peer := range peers {
		_, err := peer.Write(bytes.Repeat([]byte{0xff}, size))
		must(t, err)
	}
	for range 3 {
		runtime.GC()
	}
	for _, peer := range peers { // its bytes have been taken: they were written somewhere
		must(t, peer.(*net.TCPConn).CloseWrite())
	}
	for _, b := range mine {
		if bytes.ContainsFunc(b, func(r rune) bool { return r != 0 }) {
			t.Fatal("the kernel has written to memory that is not the port's")
		}
	}
}

// What can't be joined to the port is an error that says so, of Open, of those
// that open sockets, and of an accept; and nothing is left of it.
func TestFailedAssociation(t *testing.T) {
	const refused = syscall.Errno(1450) // ERROR_NO_SYSTEM_RESOURCES
	calls := countCalls(t)
	count, fails := sys.OnCall, true
	sys.OnCall = func(name string) syscall.Errno {
		if fails && name == "CreateIoCompletionPort" {
			return refused
		}
		return count(name)
	}
	isRefused := func(err error, says string) {
		t.Helper()
		if !errors.Is(err, refused) || !strings.HasPrefix(err.Error(), says+": ") {
			t.Errorf("error %v, want %s: %v", err, says, refused)
		}
	}
	_, err := completion.Open(nil)
	isRefused(err, "completion: iocp: open: CreateIoCompletionPort")
	fails = false
	p, err := completion.Open(nil)
	must(t, err)
	l, err := p.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	accept := &ops.Accept{On: l}
	must(t, p.Submit(accept))
	fails = true
	_, err = p.Socket("tcp4")
	isRefused(err, "socket")
	_, err = p.Listen("tcp4", "127.0.0.1:0")
	isRefused(err, "listen")
	peer, err := net.Dial("tcp4", l.Addr().String())
	must(t, err)
	defer peer.Close()
	op, err := p.Next(context.Background())
	must(t, err)
	isRefused(op.(*ops.Accept).Err(), "accept tcp "+l.Addr().String()+": CreateIoCompletionPort")
	if _, err := peer.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
	must(t, p.Close())
	if got := calls(); got["WSASocket"] != got["closesocket"] {
		t.Errorf("not all was closed: %v", got)
	}
}

// A cancel reaches a write, whatever the kernel is doing with it just then: the
// peer has read something, and there is room for a part of the rest, or not.
func TestCancelOfAWriteIsHeard(t *testing.T) {
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	for i := range 100 {
		s, peer := iocpPair(t, p)
		must(t, s.SetWriteBuffer(64<<10))
		must(t, peer.(*net.TCPConn).SetReadBuffer(64<<10))
		write := &ops.Write{To: s, Buf: completion.Own(make([]byte, 8<<20))}
		must(t, p.Submit(write))
		_, err := io.CopyN(io.Discard, peer, int64(i%64)<<12) // of the first piece
		must(t, err)
		p.Cancel(write)
		op, err := p.Next(context.Background())
		if err != nil || op != completion.Operation(write) || !errors.Is(write.Err(), completion.ErrCanceled) {
			t.Fatalf("dequeued %v, %v, ended with %v", op, err, write.Err())
		}
		must(t, s.Close())
		peer.Close()
	}
}
