// Chat is a chat server of lines of text, for many members that are silent most of the
// time.
//
// It shows how one loop serves them all in queue style:
//
//   - A member costs no goroutine, and while it is idle no buffer: its read is a pooled one,
//     which takes a buffer when there is data (member.go). The rest of a line that is not
//     complete is kept in a copy of its own, of at most 512 bytes (lines.go).
//   - What is said goes to all members from one shared buffer (feed.go, Buffer.Share). Lines
//     that arrive together leave together: the loop posts an operation to itself, which the
//     port delivers behind everything that is complete by then (room.go). Who comes and goes
//     is announced at most once a second.
//   - A member has at most one write in flight, and a place in the conversation. The server
//     drops a member that is too far behind, see -unsent, or whose write takes too long,
//     see -timeout. So slow members cost a bounded amount of memory, and delay nobody.
//   - The pool limits how much the server reads before it writes. A member that says too
//     much is read again after a pause, see -rate: otherwise one that floods the room would
//     make the server drop all that read more slowly.
//   - With -tls, each connection begins with a handshake, which is one more operation
//     (secure.go). Nothing else is different.
//
// A member that ends its side of the connection leaves, as with /quit, but still gets what
// was said before. Ctrl-C does the same to all.
//
// Usage:
//
//	go run ./examples/chat [-listen 127.0.0.1:7002] [-backend epoll] [-unsent 100]
//		[-timeout 10s] [-rate 20] [-tls [-cert FILE -key FILE]] [-trace trace.html]
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

	"github.com/completionport/completion"
	"github.com/completionport/completion/optrace"
)

// Values outside these limits are mistakes. What is read in one turn of the loop is at most
// some ten messages, and a member that reads all the time may be that far behind.
const (
	leastUnsent = 16
	mostUnsent  = 10_000
	mostRate    = 1_000_000
)

// options are the values of the command line.
type options struct {
	address, backend string
	unsent, rate     int
	timeout          time.Duration
	trace            *optrace.Trace // nil without -trace

	secure    bool
	cert, key string
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with arguments and outputs as parameters. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	r, err := open(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "chat:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 2
	}
	r.stderr = stderr
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Fprintf(stdout, "listening on %v (%s)\n%s", r.listener.Addr(), r.port.Backend(), r.notice)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process
		r.port.Submit(new(stopping))
	}()
	r.serve()
	r.report(stdout)
	if err := r.trace.Close(); err != nil {
		fmt.Fprintln(stderr, "chat:", err)
		return 1
	}
	return 0
}

// open returns the room for a command line
func open(args []string, help io.Writer) (*room, error) {
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
	case o.unsent < leastUnsent || o.unsent > mostUnsent:
		return nil, fmt.Errorf("-unsent %d is not between %d and %d", o.unsent, leastUnsent, mostUnsent)
	case o.rate < 1 || o.rate > mostRate:
		return nil, fmt.Errorf("-rate %d is not between 1 and %d", o.rate, mostRate)
	case o.timeout <= 0:
		return nil, fmt.Errorf("-timeout %v is not above 0", o.timeout)
	}
	if err := o.checkTLS(); err != nil {
		return nil, err
	}
	return o.open()
}

// open returns the room for the options.
func (o *options) open() (*room, error) {
	config, notice, err := o.configure()
	if err != nil {
		return nil, err
	}
	port, err := completion.Open(&completion.Config{Backend: o.backend, Observer: o.trace.Observer()})
	if err != nil {
		return nil, err
	}
	r, err := listen(port, *o)
	if err != nil {
		port.Close()
		return nil, err
	}
	r.config, r.notice = config, notice
	return r, nil
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("chat", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.address, "listen", "127.0.0.1:7002", "`address` to listen on")
	flags.StringVar(&o.backend, "backend", "", "`name` of the backend (default the best one here)")
	flags.IntVar(&o.unsent, "unsent", 100, "`number` of messages that a member may be behind")
	flags.IntVar(&o.rate, "rate", 20, "`number` of lines that a member may say in a second")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long a member may take for a message, and to leave")
	optrace.Flag(flags, &o.trace)
	flags.BoolVar(&o.secure, "tls", false, "use TLS")
	flags.StringVar(&o.cert, "cert", "", "`file` of the certificate (default one that is made)")
	flags.StringVar(&o.key, "key", "", "`file` of its key")
	return flags
}
