// Pair compares two programs of the bench in turn, round by round, on the same
// machine at the same time, with a second process of the first as a control:
//
//	go run ./bench/pair -a queue -b net -conns 64 -size 64 -pin
//	go run ./bench/pair -a queue -b queue,exe=./pair.old -pin
//	go run ./bench/pair -matrix -pin
//
// bench/NOTES.md says what it measures.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/completionport/completion/bench/internal/echo"
)

func main() {
	echo.RunChild()
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "pair:", err)
		os.Exit(1)
	}
}

func run(args []string, out, log io.Writer) error {
	c := contest{log: log}
	flags := flag.NewFlagSet("pair", flag.ContinueOnError)
	nameA := flags.String("a", "queue", "the first program: queue, await, net, floor; with settings:\nqueue,backend=epoll,spin=20us,work=32768,workers=2,ports=2,exe=FILE")
	nameB := flags.String("b", "net", "the second program")
	matrix := flags.Bool("matrix", false, "compare all that has a target")
	quiet := flags.Bool("q", false, "don't show the rounds")
	flags.IntVar(&c.conns, "conns", 64, "connections")
	flags.IntVar(&c.size, "size", 64, "bytes in a message")
	flags.IntVar(&c.rounds, "rounds", 21, "rounds")
	flags.IntVar(&c.messages, "messages", 0, "messages in a round, 0 for about 0.4 s of them")
	flags.BoolVar(&c.pin, "pin", false, "server on one CPU, load on another")
	flags.BoolVar(&c.hog, "hog", false, "servers with GOMAXPROCS=1 beside a goroutine that burns CPU")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if c.a, err = echo.Parse(*nameA); err != nil {
		return err
	}
	if c.b, err = echo.Parse(*nameB); err != nil {
		return err
	}
	if err := c.check(flags.Args()); err != nil {
		return err
	}
	if *quiet || *matrix {
		c.log = io.Discard
	}
	if *matrix {
		return runMatrix(out, c)
	}
	rounds, err := c.hold()
	if err != nil {
		return err
	}
	judge(rounds).report(out, c)
	return nil
}

// check returns what is wrong with a contest.
func (c contest) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("not a flag: %q", rest[0])
	case c.rounds < 1 || c.conns < 1 || c.size < 1 || c.messages < 0:
		return errors.New("a number is too low")
	case (c.a.Keys > 0 || c.b.Keys > 0) && c.size != echo.RequestSize:
		return fmt.Errorf("requests of key-value servers have %d bytes", echo.RequestSize)
	}
	return nil
}
