// Echo is a TCP server that sends back whatever it receives.
//
// It shows both ways to use a port: one goroutine that serves all connections
// from the queue (queue.go), and one goroutine per connection that awaits its
// operations (await.go). Both read with late buffers, so a silent client holds
// no memory but its few operations.
//
// A client that does not read is not read from either: its connection has one
// buffer, and reads again only when that is written. Every write has a
// deadline, and a client that misses it is cut off, or clients that never read
// would come to hold all the buffers. A client may stay silent for ever.
//
// Usage:
//
//	go run ./examples/echo -listen 127.0.0.1:7000 [-backend epoll] [-style queue|await] [-timeout 10s]
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
	"sync/atomic"
	"syscall"
	"time"

	"github.com/completionport/completion"
)

// The pool bounds the memory for data on its way: 16 MiB, however many clients
// there are.
const (
	bufferSize  = 16 << 10
	bufferCount = 1024
)

// After an Accept that failed there is a pause, not a spin: the next one would
// fail as well until something gives a descriptor back.
const (
	acceptPause  = 100 * time.Millisecond
	warningEvery = time.Minute
)

// server is what both styles share.
type server struct {
	port     *completion.Port
	listener *completion.Listener
	pool     *completion.Pool
	timeout  time.Duration // for a client to take what was echoed
	serve    func(*server) // in one of the styles, until the port is closed
	stderr   io.Writer
	warned   time.Time

	accepted, failed, echoed atomic.Int64
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its surroundings as parameters. It returns the exit status.
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
	fmt.Fprintf(stdout, "listening on %v (%s)\n", s.listener.Addr(), s.port.Backend())

	drained := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stop() // a second signal kills
		drained <- s.drain()
	}()
	s.serve(s)
	s.report(stdout, <-drained)
	return 0
}

// drain writes what is still to be written and closes the port. It takes no
// longer than the deadline of a write.
func (s *server) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	return s.port.Shutdown(ctx)
}

// open makes a server of the command line.
func open(args []string, help io.Writer) (*server, error) {
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	address := flags.String("listen", "127.0.0.1:7000", "`address` to listen on")
	backend := flags.String("backend", "", "`name` of the backend (default the best one here)")
	style := flags.String("style", "queue", "queue (one goroutine) or await (one per connection)")
	timeout := flags.Duration("timeout", 10*time.Second, "how long a client may leave its echo unread")
	err := flags.Parse(args)
	serve := map[string]func(*server){"queue": serveQueue, "await": serveAwait}[*style]
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(help)
		flags.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, err
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case serve == nil:
		return nil, fmt.Errorf("unknown style %q: queue or await", *style)
	case *timeout <= 0:
		return nil, fmt.Errorf("timeout %v is not above 0", *timeout)
	}
	s := &server{timeout: *timeout, serve: serve}
	return s, s.listen(*backend, *address)
}

// listen opens the port and the listener.
func (s *server) listen(backend, address string) (err error) {
	if s.port, err = completion.Open(&completion.Config{Backend: backend}); err != nil {
		return err
	}
	if s.listener, err = s.port.Listen("tcp", address); err != nil {
		s.port.Close()
		return err
	}
	s.pool = s.port.NewPool(bufferSize, bufferCount)
	return nil
}

// hangUp closes a connection and counts it if it did not end well. What was
// echoed still reaches the client, unless it was cut off.
func (s *server) hangUp(socket *completion.Socket, why error) {
	if !errors.Is(why, io.EOF) && !errors.Is(why, net.ErrClosed) {
		s.failed.Add(1)
		// Or the system would keep what the client never takes.
		socket.SetResetOnClose(true)
	}
	socket.Close()
}

// warn tells, once in a while, that clients can't be accepted.
func (s *server) warn(err error) {
	if now := time.Now(); now.Sub(s.warned) > warningEvery {
		s.warned = now
		fmt.Fprintf(s.stderr, "echo: %v; trying again every %v\n", err, acceptPause)
	}
}

// report prints what the server has done.
func (s *server) report(w io.Writer, drained error) {
	end := "all written"
	if drained != nil {
		end = "cut short: " + drained.Error()
	}
	st := s.port.Stats()
	fmt.Fprintf(w, `stopped, %s
  connections  %d accepted, %d failed
  echoed       %d bytes
  operations   %d submitted, %d completed, %d in flight, %d queued
  resources    %d handles, %d buffers lent
  poller       %d polls, %d wakes, %d stale events
`, end, s.accepted.Load(), s.failed.Load(), s.echoed.Load(),
		st.Submitted, st.Completed, st.InFlight, st.Queued,
		st.Handles, s.pool.Lent(), st.Polls, st.Wakes, st.Stale)
}
