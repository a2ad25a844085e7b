package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/race"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(victimEnv); address != "" {
		victim(address)
		return
	}
	if os.Getenv(serverEnv) != "" {
		serverMain()
		return
	}
	goleak.VerifyTestMain(m)
}

// needBackend skips a test on systems where no port can be opened yet.
func needBackend(t *testing.T) {
	t.Helper()
	port, err := completion.Open(nil)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	port.Close()
}

// badUse are command lines that end with status 2 and one line that contains the given
// text.
var badUse = []struct {
	name, says string
	args       []string
	anywhere   bool // refused before a port is opened
}{
	{"UnknownFlag", "-frobnicate", []string{"-frobnicate"}, true},
	{"Argument", `"more"`, []string{"-style", "queue", "more"}, true},
	{"Style", `"thread"`, []string{"-style", "thread"}, true},
	{"ZeroTimeout", "0s", []string{"-timeout", "0s"}, true},
	{"NoDuration", "soon", []string{"-timeout", "soon"}, true},
	{"NoWorkers", "-workers 0", []string{"-workers", "0"}, true},
	{"ManyWorkers", "-workers 1001", []string{"-workers", "1001"}, true},
	{"HalfAWorker", "0.5", []string{"-workers", "0.5"}, true},
	{"WorkersAwaited", "-workers 2", []string{"-workers", "2", "-style", "await"}, true},
	{"NoPorts", "-ports 0", []string{"-ports", "0"}, true},
	{"ManyPorts", "-ports 1001", []string{"-ports", "1001"}, true},
	{"PortsNotHere", "192.0.2.1:1", []string{"-ports", "2", "-listen", "192.0.2.1:1"}, false},
	{"NoBuffer", "-buffer -1", []string{"-buffer", "-1"}, true},
	{"HugeBuffer", "-buffer 1073741825", []string{"-buffer", "1073741825"}, true},
	{"BufferInUnits", "64K", []string{"-buffer", "64K"}, true},
	{"Backend", `"abacus"`, []string{"-backend", "abacus"}, true},
	{"TraceNotHere", "-trace", []string{"-trace", "no/such/folder/trace.html"}, true},
	{"NoPort", "missing port", []string{"-listen", "nowhere"}, false},
	{"BadPort", "99999", []string{"-listen", "127.0.0.1:99999"}, false},
	{"NotHere", "192.0.2.1:1", []string{"-listen", "192.0.2.1:1"}, false},
}

func TestBadUse(t *testing.T) {
	for _, c := range badUse {
		t.Run(c.name, func(t *testing.T) {
			if !c.anywhere {
				needBackend(t)
			}
			var stdout, stderr bytes.Buffer
			status := run(c.args, &stdout, &stderr)
			checkRefusal(t, status, stdout.String(), stderr.String(), c.says)
		})
	}
}

// checkRefusal checks for status 2, no output on stdout and one line on stderr.
func checkRefusal(t *testing.T, status int, stdout, stderr, says string) {
	t.Helper()
	if status != 2 {
		t.Errorf("exit status %d, want 2", status)
	}
	if stdout != "" {
		t.Errorf("stdout is %q", stdout)
	}
	line, rest, whole := strings.Cut(stderr, "\n")
	if !whole || rest != "" || !strings.HasPrefix(line, "echo: ") || !strings.Contains(line, says) {
		t.Errorf("stderr is %q, want one line that says %q", stderr, says)
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-h"}, &stdout, &stderr); status != 0 || stderr.Len() > 0 {
		t.Errorf("status %d, stderr %q", status, &stderr)
	}
	for _, name := range []string{"-listen", "-backend", "-style", "-workers", "-ports", "-buffer", "-timeout", "-trace"} {
		if !strings.Contains(stdout.String(), name) {
			t.Errorf("help has no %s", name)
		}
	}
}

// TestRoundTripAllocatesNothing counts the allocations of server and client
// together.
func TestRoundTripAllocatesNothing(t *testing.T) {
	for _, args := range [][]string{{"-style", "queue"}, {"-style", "await"}, {"-workers", "2"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			s := serveHere(t, args...)
			c := s.dial()
			message := make([]byte, 100)
			roundTrip := func() {
				if _, err := c.Write(message); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(c, message); err != nil {
					t.Fatal(err)
				}
			}
			for range 200 {
				roundTrip()
			}
			// With the race detector a pool makes a header for each use of a buffer.
			if n := testing.AllocsPerRun(2000, roundTrip); n != 0 && !race.Enabled {
				t.Errorf("%v allocations per round trip", n)
			}
			c.Close()
			s.stop()
		})
	}
}
