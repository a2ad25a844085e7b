// Relay forwards datagrams of UDP between clients and a target, in both directions, as the
// relay of a game or a VPN does.
//
// It shows operations on batches: one operation receives the datagrams that have arrived, and
// one sends those of a client (lane.go). Each client has a socket of its own towards the target,
// so the target sees one peer for each client, and answers find their way back (relay.go). A
// client without datagrams has no buffer, and a timer closes its socket after -idle.
//
// The relay behaves as a part of the network: it keeps the order in which the datagrams of a
// client arrive, and sends none twice. It drops a datagram only if the system can't send it, if
// it is larger than -size, or if it is from a new client and there are -clients already. A
// datagram that finds the receive buffer of the system full is lost, as on any other hop.
//
// A sender with many addresses can take the places of all clients. A relay on the Internet must
// verify the address of a client before it gives it a place.
//
// Usage:
//
//	go run ./examples/relay -to HOST:PORT [-listen 127.0.0.1:9000] [-backend epoll]
//		[-clients 1000] [-idle 1m] [-batch 32] [-size 2048]
package main

import (
	"context"
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

	"github.com/completionport/completion"
)

// Values above these limits are mistakes.
const (
	mostClients = 1_000_000
	mostBatch   = 1000
	mostSize    = 65535
	mostIdle    = 24 * time.Hour
)

// options are the values of the command line.
type options struct {
	address, backend, to string
	clients, batch, size int
	idle                 time.Duration
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with arguments and outputs as parameters. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	r, err := open(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "relay:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Fprintf(stdout, "listening on %v (%s)\n", r.front.LocalAddr(), r.port.Backend())

	drained := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process
		drained <- r.drain()
	}()
	r.serve()
	r.report(stdout, <-drained)
	return 0
}

// open returns the relay for a command line.
func open(args []string, help io.Writer) (*relay, error) {
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
	target, err := net.ResolveUDPAddr("udp", o.to)
	if err != nil {
		return nil, err
	}
	o.to = target.String() // no name is looked up for each client
	port, err := completion.Open(&completion.Config{Backend: o.backend})
	if err != nil {
		return nil, err
	}
	r, err := newRelay(*o, port)
	if err != nil {
		port.Close()
		return nil, err
	}
	return r, nil
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("relay", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.address, "listen", "127.0.0.1:9000", "`address` for the clients")
	flags.StringVar(&o.to, "to", "", "`address` of the target")
	flags.StringVar(&o.backend, "backend", "", "`name` of the backend (default the best one here)")
	flags.IntVar(&o.clients, "clients", 1000, "most clients at a time, each with a socket: a `number`")
	flags.DurationVar(&o.idle, "idle", time.Minute, "how long a client may be silent before its socket is closed")
	flags.IntVar(&o.batch, "batch", 32, "most datagrams of one operation: a `number`")
	flags.IntVar(&o.size, "size", 2048, "most `bytes` of a datagram")
	return flags
}

// check returns an error if the options make no sense.
func (o *options) check() error {
	for _, n := range []struct {
		name        string
		value, most int
	}{{"clients", o.clients, mostClients}, {"batch", o.batch, mostBatch}, {"size", o.size, mostSize}} {
		if n.value < 1 || n.value > n.most {
			return fmt.Errorf("-%s %d is not between 1 and %d", n.name, n.value, n.most)
		}
	}
	switch {
	case o.to == "":
		return errors.New("-to is missing")
	case o.idle <= 0 || o.idle > mostIdle:
		return fmt.Errorf("-idle %v is not between 0s and %v", o.idle, mostIdle)
	}
	return nil
}
