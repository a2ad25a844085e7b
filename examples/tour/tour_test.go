package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The tour must run through, tell the whole life in order, and fit a terminal.
func TestTour(t *testing.T) {
	if testing.Short() {
		t.Skip("takes eight seconds")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command here")
	}
	binary := filepath.Join(t.TempDir(), "tour")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(binary)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	rest := string(out)
	for _, want := range []string{"submitted", "would block", "parked", "asleep", "awake", "ready", "brought 12 bytes", "completed", "dequeued", "how are you?", "completion port", "package net", "bench/"} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("%q is missing, or out of order:\n%s", want, out)
		}
		rest = after
	}
	for line := range strings.Lines(string(out)) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
