// Dns is a small authoritative name server: it answers for one zone, over UDP and TCP on the same
// port number.
//
// It shows batches and streams on one port. Over UDP, one operation receives the queries that
// have arrived, and one sends their answers (udp.go): on Linux, each makes one system call for
// up to 32 datagrams. Over TCP, a read may return several queries, and one write sends their
// answers (tcp.go). Both use the same function, which allocates nothing (answer.go). With
// -workers, several goroutines take completions. They need no lock, since the zone does not
// change.
//
// The server knows A, AAAA, TXT, NS, SOA, CNAME and MX (zone.go). An answer that is larger than
// the client takes is marked as truncated, so the client asks again over TCP. A query with a
// compressed name is refused: nothing that comes from the network is followed. A message that
// is an answer is ignored, so two servers never answer each other. There are no delegations,
// no wildcards, no transfers and no DNSSEC.
//
// On a machine with several addresses, -listen must name one of them: with -listen :53, an
// answer may leave from another address than the one that the client asked.
//
// With -style net, the same functions answer on package net, to compare (net.go).
//
// Usage:
//
//	go run ./examples/dns [-listen 127.0.0.1:5353] [-zone FILE] [-style port|net]
//		[-backend epoll] [-workers 1] [-batch 32] [-idle 10s]
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// exampleZone is served without -zone.
//
//go:embed example.zone
var exampleZone string

// Values above these limits are mistakes.
const (
	mostWorkers = 1000
	mostBatch   = 1000
	mostIdle    = time.Hour
)

// options are the values of the command line.
type options struct {
	address, backend, style, file string
	workers, batch                int
	idle                          time.Duration
}

// program is a server of either style.
type program interface {
	addr() net.Addr
	name() string
	serve() // returns when drain has been called
	drain() error
	report(w io.Writer, drained error)
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with arguments and outputs as parameters. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	s, err := open(args, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "dns:", strings.ReplaceAll(err.Error(), "\n", "; "))
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
	return 0
}

// open returns the server for a command line.
func open(args []string, help, stderr io.Writer) (program, error) {
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
	text, name := exampleZone, "example.zone"
	if o.file != "" {
		bytes, err := os.ReadFile(o.file)
		if err != nil {
			return nil, err
		}
		text, name = string(bytes), o.file
	}
	z, err := parseZone(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if o.style == "net" {
		return opened(openNet(*o, z, stderr))
	}
	return opened(openPort(*o, z, stderr))
}

// opened keeps a nil server from becoming a program that is not nil.
func opened[P program](s P, err error) (program, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("dns", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.address, "listen", "127.0.0.1:5353", "`address` to listen on, with UDP and TCP")
	flags.StringVar(&o.file, "zone", "", "`file` of the zone (default an example)")
	flags.StringVar(&o.backend, "backend", "", "`name` of the backend (default the best one here)")
	flags.StringVar(&o.style, "style", "port", "port (queue style on a port) or net (package net, to compare)")
	flags.IntVar(&o.workers, "workers", 1, "`number` of goroutines that answer")
	flags.IntVar(&o.batch, "batch", 32, "most datagrams of one operation: a `number`")
	flags.DurationVar(&o.idle, "idle", 10*time.Second, "how long a connection of TCP may be without a query")
	return flags
}

// check returns an error if the options make no sense.
func (o *options) check() error {
	switch {
	case o.style != "port" && o.style != "net":
		return fmt.Errorf("unknown style %q: port or net", o.style)
	case o.style == "net" && o.backend != "":
		return fmt.Errorf("-backend %s is for -style port", o.backend)
	case o.workers < 1 || o.workers > mostWorkers:
		return fmt.Errorf("-workers %d is not between 1 and %d", o.workers, mostWorkers)
	case o.batch < 1 || o.batch > mostBatch:
		return fmt.Errorf("-batch %d is not between 1 and %d", o.batch, mostBatch)
	case o.idle <= 0 || o.idle > mostIdle:
		return fmt.Errorf("-idle %v is not between 0s and %v", o.idle, mostIdle)
	}
	return nil
}
