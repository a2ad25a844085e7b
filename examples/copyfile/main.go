// Copyfile copies a file, with many reads and writes in flight at a time, and compares the
// copy with the original.
//
// One goroutine runs the whole copy (copy.go). Reads are pooled, so the number of buffers is
// the queue depth. A write uses the buffer of its read, and its end starts the next read. On
// an interrupt, the program reads nothing more. The port writes the blocks that were read and
// then closes both files. An incomplete copy is removed.
//
// Usage:
//
//	go run ./examples/copyfile [-depth 16] [-block 262144] [-verify=false] [-quiet] FROM TO
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/completionport/completion"
)

// Values above these limits are mistakes.
const (
	mostDepth = 10_000
	mostBlock = 1 << 30
)

// options are the values of the command line.
type options struct {
	from, to      string
	depth, block  int
	verify, quiet bool
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with arguments and outputs as parameters. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "copyfile:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	bytes, err := o.run(ctx, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "copyfile:", err)
		return 1
	}
	how := "copied"
	if o.verify {
		how = "copied and verified"
	}
	fmt.Fprintf(stdout, "%s %d bytes\n", how, bytes)
	return 0
}

// parse returns the options of a command line.
func parse(args []string, help io.Writer) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("copyfile", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&o.depth, "depth", 16, "`number` of blocks that are read or written at a time")
	flags.IntVar(&o.block, "block", 256<<10, "size of a block in `bytes`")
	flags.BoolVar(&o.verify, "verify", true, "compare the copy with the original")
	flags.BoolVar(&o.quiet, "quiet", false, "show no progress")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(help)
		flags.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, err
	case flags.NArg() != 2:
		return nil, errors.New("usage: copyfile [flags] FROM TO")
	case o.depth < 1 || o.depth > mostDepth:
		return nil, fmt.Errorf("-depth %d is not between 1 and %d", o.depth, mostDepth)
	case o.block < 1 || o.block > mostBlock:
		return nil, fmt.Errorf("-block %d is not between 1 and %d", o.block, mostBlock)
	}
	o.from, o.to = flags.Arg(0), flags.Arg(1)
	return o, nil
}

// run copies the file, on a port of its own, and returns the number of bytes.
func (o *options) run(ctx context.Context, progress io.Writer) (int64, error) {
	port, err := completion.Open(nil)
	if err != nil {
		return 0, err
	}
	defer port.Close() // waits for the calls that are under way, and closes the files
	j := &job{options: o, port: port, progress: progress, pool: port.NewPool(o.block, 2*o.depth)}
	if o.quiet {
		j.progress = io.Discard
	}
	if err := j.open(ctx); err != nil {
		return 0, err
	}
	err = j.copy(ctx)
	if err == nil {
		err = j.finish(ctx)
	}
	if err != nil {
		port.Shutdown(context.Background()) // writes what was read, and closes the copy
		os.Remove(o.to)
	}
	return j.size, err
}
