package completion_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

// An inotify descriptor and an eventfd are streams for AdoptStream, whether they block or not.
func TestAdoptInotifyAndEventfd(t *testing.T) {
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	for _, flags := range []int{unix.O_CLOEXEC, unix.O_CLOEXEC | unix.O_NONBLOCK} {
		folder := t.TempDir()
		fd, err := unix.InotifyInit1(flags)
		must(t, err)
		_, err = unix.InotifyAddWatch(fd, folder, unix.IN_CLOSE_WRITE)
		must(t, err)
		readsEvents(t, p, fd, unix.SizeofInotifyEvent+16, func(*completion.Socket) error {
			return os.WriteFile(filepath.Join(folder, "changed"), nil, 0o600) // a name in 16 bytes
		})
		fd, err = unix.Eventfd(0, flags)
		must(t, err)
		readsEvents(t, p, fd, 8, func(s *completion.Socket) error {
			return p.Await(t.Context(), &ops.Write{To: s, Buf: completion.Own([]byte{1, 1, 1, 1, 1, 1, 1, 1})})
		})
	}
}

// readsEvents expects that a pooled read waits for an event of the descriptor, and takes it.
func readsEvents(t *testing.T, p *completion.Port, fd, size int, cause func(*completion.Socket) error) {
	t.Helper()
	s, err := p.AdoptStream(os.NewFile(uintptr(fd), "events"))
	must(t, err)
	read := &ops.Read{From: s, Pool: p.NewPool(4096, 1)}
	must(t, p.Submit(read))
	if p.Stats().InFlight != 1 {
		t.Fatal("a read of no event has ended")
	}
	must(t, cause(s))
	op, err := p.Next(t.Context())
	must(t, err)
	if op != completion.Operation(read) || read.Err() != nil || read.N() != size {
		t.Fatalf("%d bytes, %v, want %d", read.N(), read.Err(), size)
	}
	read.Release()
	read.Timeout = time.Millisecond
	if err := p.Await(t.Context(), read); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the event was taken, and again: %v", err)
	}
	must(t, s.Close())
}
