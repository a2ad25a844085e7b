// Http is a small web site, served in three ways: by net/http on a port, by net/http on
// package net, and by hand.
//
// It shows two things:
//
//   - Package ionet makes a port a net.Listener. So net/http, crypto/tls and HTTP/2 run on a
//     port as they are, and only the line that listens is different (standard.go).
//   - A protocol like HTTP/1.1 in queue style (-style hand): one loop serves all
//     connections (hand.go). A connection has one operation in flight at any time, and the
//     next step depends on which one it was (connection.go). Its reads are pooled, so an
//     idle connection has neither a goroutine nor a buffer. Requests that come together are
//     answered with one write. Every request and every answer has a time limit, and what
//     a client announces gets no memory before it comes.
//
// The responder made by hand is strict and knows HTTP/1.1 only. It is to be read, not to be
// put on the Internet. Ctrl-C closes the connections that wait for a request: the read is
// cancelled, and if a request came first, it is answered.
//
// The site: GET / is a short text, POST /echo sends back the body, and GET /bytes?n=N is
// N bytes.
//
// Usage:
//
//	go run ./examples/http [-listen 127.0.0.1:8080] [-backend epoll] [-style ionet|net|hand]
//		[-tls [-cert FILE -key FILE]] [-timeout 10s] [-idle 1m]
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
)

// mostTime is the limit of -timeout and -idle. Above it is a mistake.
const mostTime = 24 * time.Hour

// options are the values of the command line.
type options struct {
	address, backend, style string
	tls                     bool
	cert, key               string
	timeout, idle           time.Duration
}

// server is a server of any style.
type server interface {
	addr() net.Addr
	name() string
	serve()       // returns when drain has been called
	drain() error // takes about as long as the timeout at most
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
		fmt.Fprintln(stderr, "http:", strings.ReplaceAll(err.Error(), "\n", "; "))
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
	if o.style == "hand" {
		s, err := openHand(*o, stderr)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := openStandard(*o, stderr)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("http", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.address, "listen", "127.0.0.1:8080", "`address` to listen on")
	flags.StringVar(&o.backend, "backend", "", "`name` of the backend (default the best one here)")
	flags.StringVar(&o.style, "style", "ionet", "ionet (net/http on a port), net (net/http on package net, to compare) or hand (made by hand on a port)")
	flags.BoolVar(&o.tls, "tls", false, "serve HTTPS, with HTTP/2")
	flags.StringVar(&o.cert, "cert", "", "`file` of the certificate for -tls (default a self-made one)")
	flags.StringVar(&o.key, "key", "", "`file` of the key of the certificate")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long a request may take to come, and its answer to be taken")
	flags.DurationVar(&o.idle, "idle", time.Minute, "how long a connection may be without a request")
	return flags
}

// check returns an error if the options make no sense.
func (o *options) check() error {
	switch {
	case o.style != "ionet" && o.style != "net" && o.style != "hand":
		return fmt.Errorf("unknown style %q: ionet, net or hand", o.style)
	case o.style == "net" && o.backend != "":
		return fmt.Errorf("-backend %s is for the styles on a port: ionet and hand", o.backend)
	case o.style == "hand" && o.tls:
		return errors.New("-tls is for the styles with net/http: ionet and net")
	case !o.tls && (o.cert != "" || o.key != ""):
		return errors.New("-cert and -key are for -tls, which is missing")
	case (o.cert == "") != (o.key == ""):
		return errors.New("-cert and -key are given together or not at all")
	case o.timeout <= 0 || o.timeout > mostTime:
		return fmt.Errorf("-timeout %v is not between 0s and %v", o.timeout, mostTime)
	case o.idle <= 0 || o.idle > mostTime:
		return fmt.Errorf("-idle %v is not between 0s and %v", o.idle, mostTime)
	}
	return nil
}
