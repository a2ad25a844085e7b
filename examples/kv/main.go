// Kv is a key-value server for clients of Redis.
//
// It teaches how to write a server with a protocol in queue style:
//
//   - A connection has at most one operation in flight. The goroutine that gets it owns the
//     connection until it submits the next one, so connections need no locks
//     (connection.go).
//   - Requests come in pieces, and many of them come at once. A read takes a buffer of a
//     pool, all requests in it are answered with one write, and only a request that is not
//     complete moves to memory of its own, where a Read with Append finds the rest of it.
//     So an idle connection has no buffer.
//   - A client that sends and never reads holds nobody up. While its answers are unsent, no
//     input is read, and every write has a time limit. So does a request that has begun.
//   - Before the server closes a connection itself, it ends its own direction and reads what
//     the client still sends. Otherwise the system would send a reset, and the last answer
//     could be lost.
//   - Keys expire when they are used, and by a Timer that submits itself again.
//
// The protocol (requests.go, replies.go) and the data (commands.go, store.go) know nothing
// about ports. With -style net the same server runs on package net (net.go), to compare.
//
// Usage:
//
//	go run ./examples/kv -listen 127.0.0.1:6379 [-backend epoll] [-workers 4]
//		[-timeout 10s] [-style queue|net] [-trace trace.html]
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

// Values above these limits are mistakes.
const (
	mostWorkers = 1000
	mostTimeout = 24 * time.Hour
)

// options are the values of the command line.
type options struct {
	address, backend, style string
	workers                 int
	timeout                 time.Duration
	trace                   *optrace.Trace // nil without -trace
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with arguments and outputs as parameters. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	s, err := open(args, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "kv:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Fprintf(stdout, "listening on %v (%s)\n", s.addr(), s.name())

	drained := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process
		drained <- s.drain()
	}()
	s.serve()
	s.report(stdout, <-drained)
	if err := s.closeTrace(); err != nil {
		fmt.Fprintln(stderr, "kv:", err)
		return 1
	}
	return 0
}

// open returns the server for a command line.
func open(args []string, help, stderr io.Writer) (server, error) {
	o := new(options)
	flags := o.flags()
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
	if err := o.check(); err != nil {
		return nil, err
	}
	return o.open(stderr)
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("kv", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.address, "listen", "127.0.0.1:6379", "`address` to listen on")
	flags.StringVar(&o.backend, "backend", "", "`name` of the backend (default the best one here)")
	flags.StringVar(&o.style, "style", "queue", "queue (on a port) or net (on package net, to compare)")
	flags.IntVar(&o.workers, "workers", 1, "`number` of goroutines that take completions from the port")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long a client may leave its answers unread, or a request unfinished")
	optrace.Flag(flags, &o.trace)
	return flags
}

// check returns an error if the options make no sense.
func (o *options) check() error {
	switch {
	case o.style != "queue" && o.style != "net":
		return fmt.Errorf("unknown style %q: queue or net", o.style)
	case o.workers < 1 || o.workers > mostWorkers:
		return fmt.Errorf("-workers %d is not between 1 and %d", o.workers, mostWorkers)
	case o.style == "net" && o.workers > 1:
		return fmt.Errorf("-workers %d is for queue style: on package net each connection has a goroutine", o.workers)
	case o.style == "net" && o.backend != "":
		return fmt.Errorf("-backend %s is for queue style", o.backend)
	case o.style == "net" && o.trace != nil:
		return errors.New("-trace is for queue style")
	case o.timeout <= 0 || o.timeout > mostTimeout:
		return fmt.Errorf("-timeout %v is not between 0s and %v", o.timeout, mostTimeout)
	}
	return nil
}

func (o *options) closeTrace() error { return o.trace.Close() }

// open opens the server that the options describe.
func (o *options) open(stderr io.Writer) (server, error) {
	if o.style == "net" {
		s, err := openNet(*o, stderr)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := openQueue(*o, stderr)
	if err != nil {
		return nil, err
	}
	return s, nil
}
