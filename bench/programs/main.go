// Programs compares the example programs with others that do the same, in turn, with a
// client of its own kind for each:
//
//	go run ./bench/programs kv      # redis-benchmark; also redis-server, if it is there
//	go run ./bench/programs http    # wrk
//	go run ./bench/programs proxy   # clients and the server behind it in this program
//	go run ./bench/programs tls     # clients in this program
//	go run ./bench/programs chat    # members in this program
//	go run ./bench/programs udp     # clients in this program
//	go run ./bench/programs dns     # dnsperf
//	go run ./bench/programs static  # wrk
//
// The servers are processes of their own, and so is the load, or it is this program. All
// servers of a table run all the time, and each round asks each of them in turn. The CPU
// time is the kernel's for the server's process. Ratios are medians of the ratios of each
// round.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
)

// options are the values of the command line.
type options struct {
	rounds int
	pin    bool
	quick  bool
	out    io.Writer
	log    io.Writer
}

// contests are the comparisons, by name.
var contests = map[string]func(*builder, options) error{
	"kv":     compareKeyValue,
	"http":   compareHTTP,
	"proxy":  compareProxy,
	"tls":    compareTLS,
	"chat":   compareChat,
	"udp":    compareUDP,
	"dns":    compareDNS,
	"static": compareStatic,
}

func main() {
	runChild()
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "programs:", err)
		os.Exit(1)
	}
}

func run(args []string, out, log io.Writer) error {
	o := options{out: out, log: log}
	flags := flag.NewFlagSet("programs", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.IntVar(&o.rounds, "rounds", 7, "rounds")
	flags.BoolVar(&o.pin, "pin", false, "servers on one CPU, the load on another")
	flags.BoolVar(&o.quick, "quick", false, "a fiftieth of the requests, to see that it works")
	flags.Usage = func() {
		fmt.Fprintln(log, "usage: programs [flags] kv|http|proxy|tls|chat|udp|dns|static")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	compare := contests[flags.Arg(0)]
	switch {
	case compare == nil || flags.NArg() != 1:
		return errors.New("name one of kv, http, proxy, tls, chat, udp, dns, static")
	case o.rounds < 1:
		return errors.New("-rounds is below 1")
	}
	if o.pin && serverCPU() < 0 {
		return runPinned(o, args)
	}
	b, err := newBuilder(o)
	if err != nil {
		return err
	}
	defer b.close()
	fmt.Fprintf(out, "%s, %s/%s, %d CPUs, %d rounds%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), o.rounds, map[bool]string{true: ", pinned"}[o.pin])
	return compare(b, o)
}

// share returns n, or a fiftieth of it for a quick run.
func (o options) share(n int) int {
	if o.quick {
		return max(n/50, 1)
	}
	return n
}
