// Compare measures echo servers on this library, on package net and on other libraries, and
// two in C, in turn:
//
//	go run . -quick
//	go run . -pin -json figures.json
//	go run . -pin -rows "64x64 kv" -programs "queue net gnet"
//
// bench/NOTES.md says what is compared, and how.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/completionport/completion/bench/compare/peers"
	"github.com/completionport/completion/bench/internal/echo"
)

func main() {
	peers.Register()
	registerNative()
	echo.RunChild()
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// options are the values of the command line.
type options struct {
	programs []echo.Spec
	against  []echo.Spec // the programs that the others are compared with
	tasks    []task
	rounds   int
	part     time.Duration // of a program's part of a round
	calls    int           // messages for which system calls are counted, 0 for none
	idle     int           // connections of the task idle
	pin      bool
	quick    bool
	out, log io.Writer
}

func run(args []string, out, log io.Writer) error {
	o := options{out: out, log: log}
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(log)
	programs := flags.String("programs", "", "the programs, between spaces, with settings as in bench/pair (default all)")
	against := flags.String("against", "net queue", "those of them that the others are compared with")
	rows := flags.String("rows", "", "what to measure (default all but "+onlyByName+" if -quick):\n"+taskNames())
	file := flags.String("json", "", "write the figures to this file, too")
	flags.IntVar(&o.rounds, "rounds", 21, "rounds")
	flags.DurationVar(&o.part, "part", 400*time.Millisecond, "how long a program is measured in a round")
	flags.IntVar(&o.calls, "calls", 5000, "messages for which strace counts the system calls, 0 for none")
	flags.IntVar(&o.idle, "idle", 10_000, "idle connections")
	flags.BoolVar(&o.pin, "pin", false, "servers on one CPU, loads on another")
	flags.BoolVar(&o.quick, "quick", false, "few and short rounds, in two minutes, to see that it works")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("not a flag: %q", flags.Arg(0))
	}
	if o.quick {
		o.setQuick(flags)
	}
	if err := o.choose(*programs, *against, *rows); err != nil {
		return err
	}
	return o.measure(*file)
}

// setQuick lowers the numbers that the command line does not have.
func (o *options) setQuick(flags *flag.FlagSet) {
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, set := range map[string]func(){
		"rounds": func() { o.rounds = 3 },
		"part":   func() { o.part = 100 * time.Millisecond },
		"calls":  func() { o.calls = 500 },
		"idle":   func() { o.idle = 1000 },
	} {
		if !given[name] {
			set()
		}
	}
}

// measure makes the report, and writes it.
func (o options) measure(file string) error {
	native, err := newNative()
	if err != nil {
		return err
	}
	defer native.close()
	r, err := o.report()
	if file == "" {
		return err
	}
	return errors.Join(err, r.write(file))
}
