package sys

import (
	"bytes"
	"io"
	"os"
	"syscall"
	"testing"
)

// Linux 5.9 and 5.10 return 0 bytes for what is not in the page cache. That is no end of the
// file, at its start, in the middle, and behind the first part of a read.
func TestTryReadAtBeforeTheEnd(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1024)
	f := tempFile(t, content)
	cached := int64(0) // the kernel returns 0 from there on
	defer func() { readNoWait = preadNoWait }()
	readNoWait = func(_ int, p []byte, offset int64) (int, syscall.Errno) {
		return copy(p, content[min(offset, cached):cached]), 0
	}
	end := int64(len(content))
	for _, c := range []struct {
		offset, size, cached int64
		n                    int
		err                  error
		ok                   bool
	}{
		{0, 100, 0, 0, nil, false},
		{4096, 100, 4096, 0, nil, false},
		{4000, 200, 4096, 0, nil, false},
		{end - 10, 100, end - 1, 0, nil, false},
		{4000, 200, end, 200, nil, true},
		{end - 10, 100, end, 10, io.EOF, true},
		{end, 100, end, 0, io.EOF, true},
		{end + 5, 100, end, 0, io.EOF, true},
	} {
		cached = c.cached
		p := make([]byte, c.size)
		n, err, ok := f.TryReadAt(p, c.offset)
		if n != c.n || err != c.err || ok != c.ok {
			t.Errorf("%d bytes at %d, cached up to %d: %d, %v, %v", c.size, c.offset, c.cached, n, err, ok)
		}
		if ok && n > 0 && !bytes.Equal(p[:n], content[c.offset:c.offset+int64(n)]) {
			t.Errorf("%d bytes at %d are wrong", n, c.offset)
		}
	}
}

// tempFile returns a file with this content, of which reads can be tried.
func tempFile(t *testing.T, content []byte) *File {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	f := NewFile(file)
	if !f.CanTry() {
		t.Fatal("a regular file can't be tried")
	}
	return f
}
