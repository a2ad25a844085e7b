package echo

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Programs are the names of the programs under test.
var Programs = []string{"queue", "await", "net", "floor"}

// Spec names a program under test, and how it is to run.
type Spec struct {
	Program string
	Backend string        // of the port, empty for the best
	Spin    time.Duration // Config.SpinWait of the port
	Exe     string        // the executable to run it from, empty for this one
}

// Parse reads a Spec from words like "queue" or "queue,spin=20us,exe=./old":
// the program, then settings with their values.
func Parse(text string) (Spec, error) {
	words := strings.Split(text, ",")
	s := Spec{Program: words[0]}
	if !slices.Contains(Programs, s.Program) {
		return s, fmt.Errorf("echo: no program %q: there are %s", s.Program, strings.Join(Programs, ", "))
	}
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "backend":
			s.Backend = value
		case "spin":
			s.Spin, err = time.ParseDuration(value)
		case "exe":
			s.Exe = value
		default:
			err = fmt.Errorf("no setting %q: there are backend, spin, exe", key)
		}
		if err != nil {
			return s, fmt.Errorf("echo: %s: %w", text, err)
		}
	}
	return s, nil
}

// String is what Parse reads.
func (s Spec) String() string {
	text := s.Program
	if s.Backend != "" {
		text += ",backend=" + s.Backend
	}
	if s.Spin != 0 {
		text += ",spin=" + s.Spin.String()
	}
	if s.Exe != "" {
		text += ",exe=" + s.Exe
	}
	return text
}

// HasPort tells whether the program uses a port, and so has a backend.
func (s Spec) HasPort() bool { return s.Program == "queue" || s.Program == "await" }

// BufferFor is the size of the buffers for messages of that size. It is above
// the message, so that one read shows that there is no more; 4 KiB at least.
func BufferFor(size int) int {
	if size < 4096 {
		return 4096
	}
	return 2 * size
}

// Serving is a program under test that runs in this process.
type Serving interface {
	Addr() string
	Close() // returns when its goroutines have ended; the peers must be gone
}

// Serve starts the program in this process, on a port of the loopback address.
func Serve(s Spec, buffer int) (Serving, error) {
	switch s.Program {
	case "queue":
		return serveQueue(s, buffer)
	case "await":
		return serveAwait(s, buffer)
	case "net":
		return serveNet(buffer)
	case "floor":
		return serveFloor(buffer)
	}
	return nil, fmt.Errorf("echo: no program %q", s.Program)
}

const anyPort = "127.0.0.1:0"
