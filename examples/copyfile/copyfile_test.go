package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// folder is an empty folder. It is removed with its files, one by one: Wine has no
// os.RemoveAll.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "copyfile")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, f := range append(files, dir) {
			if err := os.Remove(f); err != nil {
				t.Error(err)
			}
		}
	})
	return dir
}

// original writes a file of n bytes.
func original(t *testing.T, n int) (path string, content []byte) {
	t.Helper()
	content = make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(content)
	path = filepath.Join(folder(t), "original")
	if err := os.WriteFile(path, content, 0o640); err != nil {
		t.Fatal(err)
	}
	return path, content
}

// A copy has the bytes and the mode of the original, whatever the block size and the depth.
func TestCopy(t *testing.T) {
	for _, size := range []int{0, 1, 4095, 4096, 4097, 300_001} {
		from, content := original(t, size)
		for _, block := range []int{512, 4096, 1 << 20} {
			for _, depth := range []int{1, 2, 64} {
				to := filepath.Join(folder(t), "copy")
				var stdout, stderr bytes.Buffer
				status := run([]string{"-block", fmt.Sprint(block), "-depth", fmt.Sprint(depth), from, to}, &stdout, &stderr)
				if want := fmt.Sprintf("copied and verified %d bytes\n", size); status != 0 || !strings.HasSuffix(stdout.String(), want) {
					t.Fatalf("status %d, %q, %q", status, stdout.String(), stderr.String())
				}
				if size > 0 && !strings.Contains(stdout.String(), "verifying [########################################] 100 %") {
					t.Errorf("no progress: %q", stdout.String())
				}
				got, err := os.ReadFile(to)
				if err != nil || !bytes.Equal(got, content) {
					t.Fatalf("%d bytes, %v: the copy differs", len(got), err)
				}
			}
		}
	}
}

// Mistakes of the command line, and files that are not there.
func TestFailures(t *testing.T) {
	from, _ := original(t, 10)
	none := filepath.Join(folder(t), "none")
	for _, c := range []struct {
		args   []string
		status int
		text   string
	}{
		{[]string{from}, 2, "usage"},
		{[]string{"-depth", "0", from, none}, 2, "-depth 0"},
		{[]string{"-block", "0", from, none}, 2, "-block 0"},
		{[]string{"-bad", from, none}, 2, "bad"},
		{[]string{none, none + "2"}, 1, "none"},
		{[]string{from, from}, 1, "original"},
		{[]string{folder(t), none}, 1, "no regular file"},
		{[]string{"-h"}, 0, ""},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(c.args, &stdout, &stderr); status != c.status || !strings.Contains(stderr.String(), c.text) {
			t.Errorf("%q: status %d, %q", c.args, status, stderr.String())
		}
	}
	if _, err := os.Stat(none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failed copy is there: %v", err)
	}
}

// canceler ends the copy at the first progress that it is told.
type canceler func()

func (c canceler) Write(p []byte) (int, error) { c(); return len(p), nil }

// An interrupted copy ends with an error, and is removed.
func TestInterrupted(t *testing.T) {
	from, _ := original(t, 1<<20)
	o := &options{from: from, to: filepath.Join(folder(t), "copy"), depth: 4, block: 1024, verify: true}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := o.run(ctx, canceler(cancel)); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(o.to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy is there: %v", err)
	}
}
