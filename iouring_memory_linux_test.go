package completion_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

// ringPort opens a port on io_uring, where the kernel writes to memory while no call is made.
func ringPort(t *testing.T) *completion.Port {
	t.Helper()
	p, err := completion.Open(&completion.Config{Backend: "io_uring"})
	if err != nil {
		t.Skip(err)
	}
	return p
}

// unixEnds returns a socket of the port, and the descriptor of its peer, which blocks.
func unixEnds(t *testing.T, p *completion.Port) (s *completion.Socket, peer int) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { syscall.Close(fds[1]) })
	file := os.NewFile(uintptr(fds[0]), "pair")
	c, err := net.FileConn(file)
	must(t, err)
	must(t, file.Close())
	s, err = p.AdoptConn(c)
	must(t, err)
	return s, fds[1]
}

// collecting collects garbage all the time until the test ends.
func collecting(t *testing.T) {
	before := debug.SetGCPercent(1)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			default:
				runtime.GC()
			}
		}
	}()
	t.Cleanup(func() {
		close(end)
		<-ended
		debug.SetGCPercent(before)
	})
}

// dropping is the environment variable of a process that drops ports.
const dropping = "COMPLETION_TEST_DROP"

// What the kernel writes to stays where it is, also if the program has dropped the port and all
// that belongs to it. Such a port is never closed, so the test runs in a child process.
func TestIOUringDroppedPort(t *testing.T) {
	if os.Getenv(dropping) != "" {
		dropPorts(t)
		return
	}
	child := exec.Command(os.Args[0], "-test.run", "^TestIOUringDroppedPort$", "-test.v")
	child.Env = append(os.Environ(), dropping+"=1")
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "SKIP") {
		t.Skipf("%s", out)
	}
}

func dropPorts(t *testing.T) {
	const ports, size = 10, 4096
	var peers []int
	for range ports {
		peers = append(peers, dropPort(t, size)...)
	}
	mine := collectAndAllocate(size)
	for _, peer := range peers {
		n, err := syscall.Write(peer, bytes.Repeat([]byte{0xff}, size))
		if n != size || err != nil {
			t.Fatal(n, err)
		}
	}
	for _, peer := range peers {
		for left := 1; left > 0; {
			var err error
			left, err = unix.IoctlGetInt(peer, unix.TIOCOUTQ)
			must(t, err)
			runtime.GC() // until the kernel has written the bytes somewhere
		}
	}
	for _, b := range mine {
		if bytes.ContainsFunc(b, func(r rune) bool { return r != 0 }) {
			t.Fatal("the kernel has written to memory that is not the port's")
		}
	}
}

// dropPort leaves reads inside a port that nobody has any more, and returns the peers: of two with
// a buffer of their own, and one that selects its buffer.
func dropPort(t *testing.T, size int) (peers []int) {
	p := ringPort(t)
	pool := p.NewPool(size, 32)
	for i := range 3 {
		s, peer := unixEnds(t, p)
		read := &ops.Read{From: s, Pool: pool}
		if i > 0 {
			read = &ops.Read{From: s, Buf: completion.Own(make([]byte, size))}
		}
		must(t, p.Submit(read))
		peers = append(peers, peer)
	}
	timer := &ops.Timer{After: 1}
	must(t, p.Submit(timer)) // the leader submits what is in the queue
	_, err := p.Next(context.Background())
	must(t, err)
	return peers
}

// pooledSize is the size of the buffers of a pool.
const pooledSize = 512

// sendsBack lets the kernel's memory change all the time: each message has memory of its own, and
// other bytes.
func sendsBack(t *testing.T, p *completion.Port, s *completion.Socket, peer int, pool *completion.Pool) {
	ctx := context.Background()
	for i := range 500 {
		message := big(1+i*97%5000, i)
		read := &ops.Read{From: s, Buf: completion.Own(make([]byte, len(message))), Full: true}
		if i%2 > 0 {
			message = message[:min(len(message), pooledSize)]
			read = &ops.Read{From: s, Pool: pool}
		}
		write := &ops.Write{To: s, Buf: completion.Own(bytes.Clone(message))}
		at := make([]byte, len(message)+1)
		err := errors.Join(p.Start(read), p.Await(ctx, write))
		n, wrong := syscall.Read(peer, at)
		if err != nil || !bytes.Equal(at[:n], message) {
			t.Errorf("message %d: %d bytes of %d are sent, %v, %v", i, n, len(message), err, wrong)
			return
		}
		_, err = syscall.Write(peer, message)
		if err = errors.Join(err, p.Wait(ctx, read)); err != nil {
			t.Error(err)
			return
		}
		if !bytes.Equal(read.Buf.Bytes(), message) {
			t.Errorf("message %d: other bytes are received", i)
			return
		}
		read.Release()
	}
}

// Nothing is corrupted if garbage is collected all the time.
func TestIOUringCollected(t *testing.T) {
	p := ringPort(t)
	defer p.Close()
	pool := p.NewPool(pooledSize, 32)
	collecting(t)
	var all sync.WaitGroup
	for range 8 {
		s, peer := unixEnds(t, p)
		all.Go(func() { sendsBack(t, p, s, peer, pool) })
	}
	all.Wait()
}

// Nor if the threads exit that have submitted what is inside the kernel. Garbage is collected, too.
func TestIOUringThreadsExit(t *testing.T) {
	p := ringPort(t)
	defer p.Close()
	collecting(t)
	pool := p.NewPool(pooledSize, 32)
	for round := range 20 {
		threadsExit(t, p, pool, big(400, round))
	}
}

// threadsExit receives a message into a buffer of its own, and one into one that is selected. A third
// read is canceled.
func threadsExit(t *testing.T, p *completion.Port, pool *completion.Pool, message []byte) {
	reads := []*ops.Read{{Buf: completion.Own(make([]byte, len(message))), Full: true}, {Pool: pool}, {Pool: pool}}
	var peers []int
	var started sync.WaitGroup
	ctx := context.Background()
	for _, read := range reads {
		s, peer := unixEnds(t, p)
		defer s.Close()
		read.From, peers = s, append(peers, peer)
		started.Go(func() {
			runtime.LockOSThread() // and no unlock: the thread exits
			// The leader submits what is in the queue.
			if err := errors.Join(p.Start(read), p.Await(ctx, &ops.Timer{After: 1})); err != nil {
				t.Error(err)
			}
		})
	}
	started.Wait()
	for i, read := range reads[:2] {
		if n, err := syscall.Write(peers[i], message); n != len(message) || err != nil {
			t.Fatal(n, err)
		}
		must(t, p.Wait(ctx, read))
		if !bytes.Equal(read.Buf.Bytes(), message) {
			t.Fatalf("read %d: other bytes are received", i)
		}
	}
	reads[1].Release()
	p.Cancel(reads[2])
	if err := p.Wait(ctx, reads[2]); !errors.Is(err, completion.ErrCanceled) || reads[2].Buf != nil {
		t.Errorf("canceled: %v", err)
	}
}
