// Soak puts load on real sockets for a long time, and checks every byte:
//
//	go run ./bench/soak -duration 10m -faults 1%
//
// Two ports in one process, a server's and a client's, keep some thousand connections
// busy. Each connection is opened, sends messages and reads their echoes, and ends: by a
// half close, a close or a reset. On each side, half of the connections use loops over a
// queue, and half use goroutines that await. The bytes of a connection depend on its seed
// and on their position, and both sides check them.
//
// Beside them, some goroutines send datagrams to sockets that send them back, one by one and
// in batches: on loopback, and on a Memory that loses a known number of them. Each datagram
// comes back once and whole, or not at all, on the Memory exactly those that are not lost.
// Other goroutines write files, several blocks at a time, and read them again, and submit
// functions to a work pool that is too small. What is cancelled has done nothing, and what
// was done once is there.
//
// With -faults a share of the messages is disturbed. Reads and writes are cancelled or
// time out after some of their bytes, and continue where they stopped. Connections are
// reset or closed with operations in flight. The same share of system calls fails; a tenth
// of these failures loses the connection. A connection that was not disturbed must not see
// any error.
//
// At the end nothing may be left. Memory after two collections, descriptors and goroutines
// are compared while no connection is open, after a warm-up and at the end. A failure is
// reported as one sentence and exit status 1.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// settings are the values of the flags.
type settings struct {
	duration    time.Duration
	faults      share
	connections int
	size        int
	buffer      int // size of socket buffers, 0 for the system's default
	seed        uint64
}

// share is a part of a whole, written as "1%" or "0.01".
type share float64

func (s *share) String() string { return strconv.FormatFloat(float64(*s)*100, 'g', -1, 64) + "%" }

// Set parses a share.
func (s *share) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	f, err := strconv.ParseFloat(number, 64)
	if percent {
		f /= 100
	}
	if err != nil || !(f >= 0 && f <= 1) {
		return errors.New("not a share between 0% and 100%")
	}
	*s = share(f)
	return nil
}

func run(args []string, out io.Writer) error {
	s := settings{faults: 0.01}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.DurationVar(&s.duration, "duration", 10*time.Minute, "how long")
	flags.Var(&s.faults, "faults", "the share of messages, and of system calls, that meet a disturbance")
	flags.IntVar(&s.connections, "connections", 2000, "connections at a time")
	flags.IntVar(&s.size, "size", 16<<10, "the most bytes in a message; a sixteenth of the connections have 16 times as many")
	flags.IntVar(&s.buffer, "buffer", 0, "bytes in the buffers of a socket; 0 leaves them to the system")
	flags.Uint64Var(&s.seed, "seed", 0, "decides what connections do; 0 takes the clock")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(out)
		flags.Usage()
		return nil
	} else if err != nil {
		return err
	}
	if s.duration <= 0 || s.connections < 2 || s.size < 1 || s.buffer < 0 || flags.NArg() > 0 {
		return fmt.Errorf("nothing to soak: %q", args)
	}
	if s.seed == 0 {
		s.seed = uint64(time.Now().UnixNano())
	}
	fmt.Fprintf(out, "%d connections for %v, %v disturbed, seed %d\n", s.connections, s.duration, &s.faults, s.seed)
	if err := soak(s, out); err != nil {
		return fmt.Errorf("%w (seed %d)", err, s.seed)
	}
	return nil
}
