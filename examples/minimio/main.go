// Minimio has the two programs that a short book about event queues ends with: "Epoll,
// Kqueue and IOCP Explained" by Carl Fredrik Samson, whose library is called minimio.
//
// It shows what becomes of them on a completion port:
//
//   - Five slow responses are read on one port, by one goroutine, in the order in which they
//     come (five.go). In the book, the queue reports that a socket is ready, by a token, and
//     the program looks up what to read there. Here it reports the read, with its data and
//     with whatever the program has attached to it.
//   - A loop that waits is ended by another goroutine (closed.go). In the book, a registrator
//     is the half of the queue that other threads use. Here a port is both: any goroutine
//     submits to it, and may close it. The operations in flight end, and each is delivered.
//
// The slow server is part of the program (delay.go). It has a port of its own, in await
// style, and listens on -listen. With -backend memory all is in a network inside the
// process.
//
// Usage:
//
//	go run ./examples/minimio [-listen 127.0.0.1:0] [-backend epoll]
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

	"github.com/completionport/completion"
)

// options are the values of the command line.
type options struct{ address, backend string }

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with arguments and outputs as parameters. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	var o options
	err := o.parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	var w *world
	if err == nil {
		w, err = o.open()
	}
	if err != nil {
		return fail(stderr, err, 2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := w.both(ctx, stdout); err != nil {
		return fail(stderr, err, 1)
	}
	return 0
}

func fail(stderr io.Writer, err error, status int) int {
	fmt.Fprintln(stderr, "minimio:", strings.ReplaceAll(err.Error(), "\n", "; "))
	return status
}

func (o *options) parse(args []string, help io.Writer) error {
	flags := flag.NewFlagSet("minimio", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.address, "listen", "127.0.0.1:0", "`address` of the slow server")
	flags.StringVar(&o.backend, "backend", "", "`name` of the backend, or memory (default the best one here)")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(help)
		flags.PrintDefaults()
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return err
}

// world is what the programs run in.
type world struct {
	config completion.Config
	server *delayServer
}

func (o *options) open() (*world, error) {
	w := &world{config: completion.Config{Backend: o.backend}}
	if o.backend == "memory" {
		w.config.Memory = new(completion.Memory)
	}
	port, err := completion.Open(&w.config)
	if err != nil {
		return nil, err
	}
	if w.server, err = listen(port, o.address); err != nil {
		port.Close()
	}
	return w, err
}

// both runs the two programs, one after the other, and closes the world.
func (w *world) both(ctx context.Context, out io.Writer) error {
	served := make(chan struct{})
	go func() { w.server.serve(); close(served) }()
	err := w.with(func(port *completion.Port) error { return five(ctx, out, port, w.server.addr()) })
	if err == nil {
		fmt.Fprintln(out)
		err = w.with(func(port *completion.Port) error { return closed(ctx, out, port, w.server.addr()) })
	}
	w.server.port.Close()
	<-served
	return err
}

// with runs a program on a new port, and checks that it has left nothing.
func (w *world) with(program func(*completion.Port) error) error {
	port, err := completion.Open(&w.config)
	if err != nil {
		return err
	}
	err = program(port)
	port.Close()
	for range port.Completions(context.Background()) { // what an error has left
	}
	if st := port.Stats(); err == nil && (st.InFlight != 0 || st.Handles != 0 || st.Submitted != st.Completed) {
		err = fmt.Errorf("something was left: %+v", st)
	}
	return err
}
