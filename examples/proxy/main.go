// Proxy is a TCP proxy: it connects each client to one of several addresses, and copies
// the bytes of both directions.
//
// It shows the two styles side by side, each where it is clearest. To reach an address is
// a sequence: look up a name, try an address, try the next one. So it is in await style: a
// client has a goroutine while the proxy dials for it (dial.go). To copy bytes is the same
// few steps again and again, for as long as the client likes, and most connections are
// silent most of the time. So it is in queue style: one loop copies for all (relay.go), and
// a silent connection has neither a goroutine nor memory. The goroutine hands its result
// to the loop with a Post, so only the loop uses the state of the proxy: it needs no lock.
//
// What relay.go shows:
//
//   - Back-pressure: a direction has one operation in flight, a Copy, which takes the next
//     bytes when the last ones were sent. On Linux they do not pass through the proxy.
//   - Half closes: the end of one direction is a CloseWrite on the other side. The other
//     direction goes on.
//   - Resets: a connection that ends in any other way is reset on both sides, so that no
//     peer takes a part of a stream for the whole. That is the default of its sockets from
//     the beginning, so it is true even if the process is killed.
//   - Idle time-outs: a connection has one deadline for both directions, and bytes in
//     either of them move it. It does not move for a Copy that is under way: a peer that takes
//     nothing holds memory, and must not keep it by sending.
//
// Ctrl-C closes the listener. Open connections may go on for a while, see -drain.
//
// Usage:
//
//	go run ./examples/proxy -to example.com:80[,ADDRESS] [-listen 127.0.0.1:7001]
//		[-backend epoll] [-connect 5s] [-idle 1m] [-drain 10s] [-trace trace.html]
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
	"github.com/completionport/completion/optrace"
)

// options are the values of the command line.
type options struct {
	address, backend     string
	to                   []string
	connect, idle, drain time.Duration
	trace                *optrace.Trace // nil without -trace
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with arguments and outputs as parameters. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	p, err := open(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "proxy:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 2
	}
	p.stderr = stderr
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Fprintf(stdout, "listening on %v (%s)\n", p.listener.Addr(), p.port.Backend())
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process
		p.port.Submit(new(stopping))
	}()
	p.serve()
	p.report(stdout)
	if err := p.trace.Close(); err != nil {
		fmt.Fprintln(stderr, "proxy:", err)
		return 1
	}
	return 0
}

// open returns the proxy for a command line.
func open(args []string, help io.Writer) (*proxy, error) {
	var o options
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
	port, err := completion.Open(&completion.Config{Backend: o.backend, Observer: o.trace.Observer()})
	if err != nil {
		return nil, err
	}
	p, err := listen(port, o)
	if err != nil {
		port.Close()
	}
	return p, err
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.address, "listen", "127.0.0.1:7001", "`address` to listen on")
	flags.Func("to", "`addresses` to connect to in turn, separated by commas", func(list string) error {
		o.to = strings.Split(list, ",")
		return nil
	})
	flags.StringVar(&o.backend, "backend", "", "`name` of the backend (default the best one here)")
	flags.DurationVar(&o.connect, "connect", 5*time.Second, "how long a connect to one of the addresses may take")
	flags.DurationVar(&o.idle, "idle", time.Minute, "how long a connection may be silent, and a write may take")
	flags.DurationVar(&o.drain, "drain", 10*time.Second, "how long open connections may go on after Ctrl-C")
	optrace.Flag(flags, &o.trace)
	return flags
}

// check returns an error if the options make no sense.
func (o *options) check() error {
	if len(o.to) == 0 {
		return errors.New("-to is missing: the addresses to connect to")
	}
	for _, address := range o.to {
		host, port, err := net.SplitHostPort(address)
		if err == nil && (host == "" || port == "") {
			err = errors.New("host or port is missing")
		}
		if err != nil {
			return fmt.Errorf("-to %q: %w", address, err)
		}
	}
	switch {
	case o.connect <= 0:
		return fmt.Errorf("-connect %v is not above 0", o.connect)
	case o.idle <= 0:
		return fmt.Errorf("-idle %v is not above 0", o.idle)
	case o.drain < 0:
		return fmt.Errorf("-drain %v is below 0", o.drain)
	}
	return nil
}
