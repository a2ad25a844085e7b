package echo

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Programs are the names of the programs under test that this package has. Register adds
// others.
var Programs = []string{"queue", "await", "net", "floor"}

// Spec names a program under test and configures it.
type Spec struct {
	Program string
	Backend string        // of the port, empty for the default
	Spin    time.Duration // Config.SpinWait of the port
	Work    int           // bytes that a handler hashes for each message, 0 for none
	Workers int           // of queue: goroutines in Completions, on each port; 0 is 1
	Keys    int           // the program is a key-value server with this many keys, 0 for an echo
	Ports   int           // of queue and await: ports with a listener each; 0 is 1
	Exe     string        // the executable to run it from, empty for this one
}

// Parse reads a Spec from words like "queue" or "queue,spin=20us,exe=./old":
// the program, then settings with their values.
func Parse(text string) (Spec, error) {
	words := strings.Split(text, ",")
	s := Spec{Program: words[0]}
	if !exists(s.Program) {
		return s, fmt.Errorf("echo: no program %q: there are %s", s.Program, strings.Join(names(), ", "))
	}
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "backend":
			s.Backend = value
		case "spin":
			s.Spin, err = time.ParseDuration(value)
		case "work":
			s.Work, err = strconv.Atoi(value)
		case "workers":
			s.Workers, err = strconv.Atoi(value)
		case "keys":
			s.Keys, err = strconv.Atoi(value)
		case "ports":
			s.Ports, err = strconv.Atoi(value)
		case "exe":
			s.Exe = value
		default:
			err = fmt.Errorf("no setting %q: there are backend, spin, work, keys, workers, ports, exe", key)
		}
		if err != nil {
			return s, fmt.Errorf("echo: %s: %w", text, err)
		}
	}
	return s, nil
}

// String returns the Spec in the form that Parse reads.
func (s Spec) String() string {
	text := s.Program
	if s.Backend != "" {
		text += ",backend=" + s.Backend
	}
	if s.Spin != 0 {
		text += ",spin=" + s.Spin.String()
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"work", s.Work}, {"keys", s.Keys}, {"workers", s.Workers}, {"ports", s.Ports}} {
		if n.value != 0 {
			text += fmt.Sprintf(",%s=%d", n.name, n.value)
		}
	}
	if s.Exe != "" {
		text += ",exe=" + s.Exe
	}
	return text
}

// HasPort reports whether the program uses a port, and so has a backend.
func (s Spec) HasPort() bool { return s.Program == "queue" || s.Program == "await" }

// BufferFor returns the size of the buffers for messages of that size. It is larger than
// the message, so that one read shows that no data is left. It is at least 4 KiB.
func BufferFor(size int) int {
	if size < 4096 {
		return 4096
	}
	return 2 * size
}

// Serving is a program under test that runs in this process.
type Serving interface {
	Addr() string
	Close() // returns when its goroutines have ended; the peers must have closed before
}

// Serve starts the program in this process, on a port of the loopback address.
func Serve(s Spec, buffer int) (Serving, error) {
	switch s.Program {
	case "queue":
		return serveQueue(s, buffer)
	case "await":
		return serveAwait(s, buffer)
	case "net":
		return serveNet(s, buffer)
	case "floor":
		if s.Keys == 0 {
			return serveFloor(buffer)
		}
		return nil, errors.New("echo: floor is no key-value server")
	}
	if p := registered[s.Program]; p.Serve != nil {
		return p.Serve(s, buffer)
	}
	return nil, fmt.Errorf("echo: no program %q in this process", s.Program)
}

// work is the work of a handler on a message before it answers: it hashes bytes.
type work struct{ bytes []byte }

func (s Spec) newWork() work { return work{make([]byte, s.Work)} }

func (w work) do() {
	if len(w.bytes) > 0 {
		sum := sha256.Sum256(w.bytes)
		w.bytes[0] = sum[0]
	}
}

const anyPort = "127.0.0.1:0"
