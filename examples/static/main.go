// Static serves the files of a folder over HTTP/1.1.
//
// It shows operations of several kinds on one connection (connection.go): a pooled read, a
// function on the work pool that finds and opens the file (find.go), a write of the head, and
// SendFile for the content, which does not pass through the program. The head and the first
// piece of the file are submitted together. A file is sent in pieces of 256 KiB, each with a
// time limit, so a client that reads nothing is cut off, and a slow one is not. Pipelined
// requests are answered one after the other.
//
// The server supports GET and HEAD, single ranges, If-Range, If-Modified-Since and
// If-Unmodified-Since. The path of a folder returns its index.html. Symbolic links are followed within the folder and cannot lead
// out of it: os.Root ensures that. A request with a body is refused.
//
// With -style=net, http.FileServer of net/http serves the same folder, to compare. It also
// lists folders and serves several ranges at once.
//
// Usage:
//
//	go run ./examples/static [-listen 127.0.0.1:8080] [-root .] [-style port|net]
//		[-backend epoll] [-timeout 10s] [-idle 1m]
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
	address, folder, backend, style string
	timeout, idle                   time.Duration
}

// program is a server of either style.
type program interface {
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
		fmt.Fprintln(stderr, "static:", strings.ReplaceAll(err.Error(), "\n", "; "))
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
	root, err := os.OpenRoot(o.folder)
	if err != nil {
		return nil, err
	}
	var s program
	if o.style == "net" {
		s, err = openNet(*o, root, stderr)
	} else {
		s, err = openPort(*o, root, stderr)
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return s, nil
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("static", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.address, "listen", "127.0.0.1:8080", "`address` to listen on")
	flags.StringVar(&o.folder, "root", ".", "`folder` to serve")
	flags.StringVar(&o.backend, "backend", "", "`name` of the backend (default the best one here)")
	flags.StringVar(&o.style, "style", "port", "port (queue style on a port) or net (net/http on package net, to compare)")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long a request may take to come, and 256 KiB of its answer to be taken")
	flags.DurationVar(&o.idle, "idle", time.Minute, "how long a connection may be without a request")
	return flags
}

// check returns an error if the options make no sense.
func (o *options) check() error {
	switch {
	case o.style != "port" && o.style != "net":
		return fmt.Errorf("unknown style %q: port or net", o.style)
	case o.style == "net" && o.backend != "":
		return fmt.Errorf("-backend %s is for -style port", o.backend)
	case o.timeout <= 0 || o.timeout > mostTime:
		return fmt.Errorf("-timeout %v is not between 0s and %v", o.timeout, mostTime)
	case o.idle <= 0 || o.idle > mostTime:
		return fmt.Errorf("-idle %v is not between 0s and %v", o.idle, mostTime)
	}
	return nil
}
