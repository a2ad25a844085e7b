//go:build unix

package completion

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// Whether a listener of package net removes its file stands in a field that has
// no other reader. This test fails when package net renames it: then adopted
// listeners keep their files until unlinksOnClose has learnt the new name.
func TestUnlinksOnClose(t *testing.T) {
	dir, err := os.MkdirTemp("", "adopt")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	made := l.(*net.UnixListener)
	if !unlinksOnClose(made) {
		t.Error("package net has made the file, and is taken not to remove it")
	}
	file, err := made.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	found, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	if unlinksOnClose(found.(*net.UnixListener)) {
		t.Error("the file was there before, and is taken to be removed")
	}
	made.SetUnlinkOnClose(false)
	if unlinksOnClose(made) {
		t.Error("a file that is to stay is taken to be removed")
	}
}
