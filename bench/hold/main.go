// Hold keeps very many connections idle while a few others are busy, and shows whether
// the server's memory stays the same:
//
//	go run ./bench/hold -idle 18000 -busy 64 -duration 60s
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/completionport/completion/bench/internal/echo"
)

func main() {
	echo.RunChild()
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "hold:", err)
		os.Exit(1)
	}
}

// holding is one run. Idle and busy connections each have a load process.
type holding struct {
	idle, busy int
	size       int
	duration   time.Duration
	out        io.Writer

	server *echo.Server
	silent *echo.Load
	talker *echo.Load
	began  time.Time
	done   int // messages
}

func run(args []string, out io.Writer) error {
	h := &holding{out: out}
	flags := flag.NewFlagSet("hold", flag.ContinueOnError)
	name := flags.String("api", "queue", "the program: queue, await, net, floor")
	flags.IntVar(&h.idle, "idle", 18_000, "idle connections")
	flags.IntVar(&h.busy, "busy", 64, "connections that echo")
	flags.IntVar(&h.size, "size", 64, "bytes in a message")
	flags.DurationVar(&h.duration, "duration", time.Minute, "how long")
	if err := flags.Parse(args); err != nil {
		return err
	}
	spec, err := echo.Parse(*name)
	if err != nil {
		return err
	}
	if h.idle < 1 || h.busy < 1 || h.size < 1 || h.duration <= 0 || flags.NArg() > 0 {
		return fmt.Errorf("nothing to hold: %q", args)
	}
	fmt.Fprintf(out, "%v: %d idle connections, %d busy ones, %v\n", spec, h.idle, h.busy, h.duration)
	err = h.open(spec)
	if err == nil {
		err = h.watch()
	}
	return errors.Join(err, h.close())
}

func (h *holding) open(spec echo.Spec) (err error) {
	if h.server, err = echo.StartServer(echo.ServerOptions{Spec: spec, Buffer: echo.BufferFor(h.size)}); err != nil {
		return err
	}
	if h.silent, err = echo.StartLoad(h.server.Addr, -1); err != nil {
		return err
	}
	if err := h.silent.Connect(h.idle); err != nil {
		return err
	}
	if h.talker, err = echo.StartLoad(h.server.Addr, -1); err != nil {
		return err
	}
	return h.talker.Connect(h.busy)
}

func (h *holding) close() error {
	var errs []error
	for _, l := range []*echo.Load{h.silent, h.talker} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	if h.server != nil {
		errs = append(errs, h.server.Close())
	}
	return errors.Join(errs...)
}

// watch keeps the busy connections busy, prints the memory ten times, and checks at the
// end whether the idle connections still work.
func (h *holding) watch() error {
	fmt.Fprintf(h.out, "%8s %12s %10s %10s %10s\n", "s", "messages", "heap KiB", "stack KiB", "RSS KiB")
	if err := h.echo(1000); err != nil { // a warm-up
		return err
	}
	h.began, h.done = time.Now(), 0
	first, err := h.show()
	if err != nil {
		return err
	}
	last := first
	for step := 1; step <= 10; step++ {
		for time.Since(h.began) < h.duration*time.Duration(step)/10 {
			if err := h.echo(5000); err != nil {
				return err
			}
		}
		if last, err = h.show(); err != nil {
			return err
		}
	}
	if _, err := h.silent.Run(echo.Work{Messages: h.idle, Size: h.size, Verify: true}); err != nil {
		return fmt.Errorf("the idle connections in the end: %w", err)
	}
	fmt.Fprintf(h.out, "no error; the idle connections echo; heap %+d KiB, stack %+d KiB, RSS %+d KiB\n",
		(last.Heap-first.Heap)>>10, (last.Stack-first.Stack)>>10, (last.Resident-first.Resident)>>10)
	return nil
}

func (h *holding) echo(messages int) error {
	_, err := h.talker.Run(echo.Work{Messages: messages, Size: h.size, Verify: true})
	if err != nil {
		return fmt.Errorf("after %d messages: %w", h.done, err)
	}
	h.done += messages
	return nil
}

func (h *holding) show() (echo.Memory, error) {
	m, err := h.server.Memory()
	fmt.Fprintf(h.out, "%8.1f %12d %10d %10d %10d\n",
		time.Since(h.began).Seconds(), h.done, m.Heap>>10, m.Stack>>10, m.Resident>>10)
	return m, err
}
