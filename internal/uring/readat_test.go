//go:build linux

package uring

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// content returns a file, and the bytes in it.
func content(t *testing.T, n int) (fd int, all []byte) {
	t.Helper()
	all = make([]byte, n)
	for i := range all {
		all[i] = byte(i * i / 7)
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return int(file.Fd()), all
}

// As many as there are numbers are inside, with a small ring, too. Each ends once, and its number
// is used again.
func TestReadAts(t *testing.T) {
	for _, size := range []uint32{entries, 2} {
		b, k := opened(t, size, size)
		reader := k.(backend.FileReader)
		fd, all := content(t, 10*mostReadAts)
		buffers := make([][10]byte, mostReadAts)
		for range 3 {
			clear(buffers)
			for i := range buffers {
				if !reader.StartReadAt(fd, buffers[i][:], int64(10*i), &buffers[i]) {
					t.Fatalf("read %d is refused", i)
				}
			}
			if reader.StartReadAt(fd, make([]byte, 1), 0, nil) {
				t.Error("it takes one more")
			}
			for number, count := range await(t, b, backend.Block, mostReadAts) {
				_, n, errno := reader.FinishReadAt(number)
				if count != 1 || n != 10 || errno != 0 {
					t.Fatalf("%d events, %d, %v", count, n, errno)
				}
			}
			for i := range buffers {
				if !bytes.Equal(buffers[i][:], all[10*i:10*i+10]) {
					t.Fatalf("read %d has %v", i, buffers[i])
				}
			}
		}
	}
}

// A read may be short, and finds nothing at the end of the file. The errno is that of the call.
func TestReadAtEnds(t *testing.T) {
	b, k := opened(t, entries, results)
	reader := k.(backend.FileReader)
	fd, _ := content(t, 100)
	for _, c := range []struct {
		fd    int
		at    int64
		n     int
		errno syscall.Errno
	}{{fd, 95, 5, 0}, {fd, 100, 0, 0}, {fd, 1 << 40, 0, 0}, {1 << 20, 0, 0, syscall.EBADF}} {
		if !reader.StartReadAt(c.fd, make([]byte, 10), c.at, "owner") {
			t.Fatal("refused")
		}
		for number := range await(t, b, backend.Block, 1) {
			if owner, n, errno := reader.FinishReadAt(number); owner != "owner" || n != c.n || errno != c.errno {
				t.Errorf("at %d: %v, %d, %v", c.at, owner, n, errno)
			}
		}
	}
}

// A read that has ended since its thread has exited, or that was interrupted, is made once more.
// That it is inside twice here does not matter: the second result is dropped.
func TestReadAtIsMadeOnceMore(t *testing.T) {
	b, k := opened(t, entries, results)
	p, reader := b.Poller.(*Poller), k.(backend.FileReader)
	fd, all := content(t, 100)
	for _, errno := range []syscall.Errno{syscall.ECANCELED, syscall.EINTR, syscall.EFAULT} {
		buffer := make([]byte, 100)
		reader.StartReadAt(fd, buffer, 0, nil)
		before := p.queue.waiting()
		p.begin(make([]backend.Event, 4))
		if p.haveReadAt(sys.UringResult{UserData: ofFile, Value: -int32(errno)}); p.n != 0 || p.queue.waiting() != before+1 {
			t.Errorf("%v: %d events, and it is not in the queue", errno, p.n)
		}
		for number, count := range await(t, b, backend.Block, 1) {
			if _, n, errno := reader.FinishReadAt(number); number != 0 || count != 1 || n != 100 || errno != 0 {
				t.Errorf("%d: %d events, %d, %v", number, count, n, errno)
			}
		}
		if !bytes.Equal(buffer, all) {
			t.Errorf("%v: other bytes", errno)
		}
	}
	if n, _ := b.Poller.Wait(backend.Look, make([]backend.Event, 4)); n != 0 {
		t.Error("there is one more event")
	}
}
