// Echo is a TCP server that sends back what it receives.
//
// It shows both ways to use a port: goroutines that serve all connections from the queue
// (queue.go), and one goroutine per connection that awaits its operations (await.go). Both
// read into buffers of a pool, so a silent client uses no memory except its few
// operations.
//
// The server does not read from a client that does not read: a connection has one buffer,
// and the next read begins when the buffer has been written. Every write has a deadline,
// and the server closes the connection of a client that misses it. Otherwise clients that
// never read would hold all the buffers. A client may stay silent forever.
//
// One goroutine uses one core. With -workers 4 four goroutines take completions from each
// port. With -ports 4 there are four ports, each with a listener of its own on the same
// address, and the system distributes the connections over them. README.md says when to
// use which.
//
// Usage:
//
//	go run ./examples/echo -listen 127.0.0.1:7000 [-backend epoll] [-style queue|await]
//		[-workers 4] [-ports 4] [-buffer 65536] [-timeout 10s] [-trace trace.html]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/completionport/completion/optrace"
)

// styles are the functions that serve a shard until its port is closed.
var styles = map[string]func(*shard){"queue": serveQueue, "await": serveAwait}

// Values above these limits are mistakes.
const (
	mostWorkers = 1000
	mostPorts   = 1000
	mostBuffer  = 1 << 30 // the most that one call moves
)

// options are the values of the command line.
type options struct {
	address, backend, style string
	workers, ports, buffer  int
	timeout                 time.Duration
	trace                   *optrace.Trace // nil without -trace
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with arguments and outputs as parameters. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	s, err := open(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "echo:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 2
	}
	s.stderr = stderr
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	first := s.shards[0]
	fmt.Fprintf(stdout, "listening on %v (%s)\n", first.listener.Addr(), first.port.Backend())

	drained := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process
		drained <- s.drain()
	}()
	s.serve()
	s.report(stdout, <-drained)
	if err := s.trace.Close(); err != nil {
		fmt.Fprintln(stderr, "echo:", err)
		return 1
	}
	return 0
}

// open returns the server for a command line.
func open(args []string, help io.Writer) (*server, error) {
	s := new(server)
	flags := s.flags()
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(help)
		flags.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, err
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, s.listen()
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.address, "listen", "127.0.0.1:7000", "`address` to listen on")
	flags.StringVar(&o.backend, "backend", "", "`name` of the backend (default the best one here)")
	flags.StringVar(&o.style, "style", "queue", "queue (-workers goroutines) or await (one per connection)")
	flags.IntVar(&o.workers, "workers", 1, "`number` of goroutines that take completions from each port")
	flags.IntVar(&o.ports, "ports", 1, "`number` of ports, each with a listener on the address")
	flags.IntVar(&o.buffer, "buffer", 64<<10, "size of the buffers in `bytes`: the most that one read returns")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long a client may leave its echo unread")
	optrace.Flag(flags, &o.trace)
	return flags
}

// check returns an error if the options make no sense.
func (o *options) check() error {
	for _, n := range []struct {
		name        string
		value, most int
	}{{"workers", o.workers, mostWorkers}, {"ports", o.ports, mostPorts}, {"buffer", o.buffer, mostBuffer}} {
		if n.value < 1 || n.value > n.most {
			return fmt.Errorf("-%s %d is not between 1 and %d", n.name, n.value, n.most)
		}
	}
	switch {
	case styles[o.style] == nil:
		return fmt.Errorf("unknown style %q: queue or await", o.style)
	case o.style == "await" && o.workers > 1:
		return fmt.Errorf("-workers %d is for queue style: in await style each connection has a goroutine", o.workers)
	case o.timeout <= 0:
		return fmt.Errorf("timeout %v is not above 0", o.timeout)
	}
	return nil
}
