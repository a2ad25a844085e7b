package main

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		main() // this process is a server that the tour has started
		return
	}
	goleak.VerifyTestMain(m)
}

// The tour must run to its end, print the whole life in order, and fit a terminal.
func TestTour(t *testing.T) {
	var out bytes.Buffer
	if err := tour(&out, load{100, 100 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	rest := out.String()
	for _, want := range []string{"submitted", "would block", "parked", "asleep", "awake", "ready", "returned 12 bytes", "completed", "dequeued", "how are you?", "completion port", "package net", "bench/"} {
		if want == "would block" && (runtime.GOOS == "windows" || strings.Contains(out.String(), "on io_uring,")) {
			continue // the kernel waits by itself
		}
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("%q is missing, or out of order:\n%s", want, &out)
		}
		rest = after
	}
	if strings.Contains(out.String(), "ns)") {
		t.Errorf("times in two units:\n%s", &out)
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
