package main

import (
	"fmt"
	"io"

	"github.com/completionport/completion/bench/internal/echo"
)

// tolerance is how far below its target a median may be to meet it.
const tolerance = 0.03

// targets are the ratios of CPU time per message that the port should reach.
var targets = []struct {
	a, b        string
	conns, size int
	target      float64
}{
	{"queue", "floor", 1, 64, 0.85},
	{"queue", "floor", 64, 64, 0.93},
	{"queue", "floor", 1000, 64, 0.93},
	{"queue", "net", 1, 64, 1.20},
	{"queue", "net", 64, 64, 1.00},
	{"queue", "net", 1000, 64, 1.15},
	{"queue", "net", 64, 4096, 1.15},
	{"await", "net", 1, 64, 1.05},
	{"await", "net", 64, 64, 1.05},
	{"await", "net", 1000, 64, 1.05},
	{"await", "net", 64, 4096, 1.05},
}

// runMatrix runs one contest for each target. The settings of c other than programs and
// sizes apply to all of them.
func runMatrix(w io.Writer, c contest) error {
	fmt.Fprintln(w, c.conditions())
	fmt.Fprintf(w, "%-12s %9s  %-19s  %-6s %5s %5s  %5s %s\n",
		"a/b", "conns", "CPU b/a", "target", "A/A", "p99", "noisy", "result")
	fmt.Fprintln(w, rule)
	for _, t := range targets {
		c.a, c.b = echo.Spec{Program: t.a, Backend: c.a.Backend}, echo.Spec{Program: t.b}
		c.conns, c.size = t.conns, t.size
		rounds, err := c.hold()
		if err != nil {
			return fmt.Errorf("%s and %s, %d connections, %d bytes: %w", t.a, t.b, t.conns, t.size, err)
		}
		o := judge(rounds)
		v := o.verdicts[cpu]
		fmt.Fprintln(w, c.conditions())
		fmt.Fprintf(w, "%-12s %9s  %-19s  >=%.2f %5.2f %5.2f  %5d %s\n",
			t.a+"/"+t.b, fmt.Sprintf("%dx%d", t.conns, t.size),
			fmt.Sprintf("%.2f [%.2f %.2f]", v.ratio.Median, v.ratio.Low, v.ratio.High),
			t.target, v.control.Median, o.verdicts[p99].ratio.Median, o.disturbed, o.result(t.target))
	}
	fmt.Fprintln(w, rule)
	fmt.Fprintln(w, "CPU b/a: server CPU per message, median of the rounds [quartiles]; above 1, a")
	fmt.Fprintln(w, "needs less. p99: the same for latency. noisy: rounds with foreign load; ?: they")
	fmt.Fprintln(w, "count, since too few others remain. void: A/A is outside 0.97..1.03.")
	return nil
}

// result returns met, MISSED or void, with a question mark if the machine was too busy
// for a reliable result.
func (o outcome) result(target float64) string {
	v, doubt := o.verdicts[cpu], ""
	if o.disturbed > 0 && o.used == o.rounds {
		doubt = "?"
	}
	switch {
	case v.void():
		return "void"
	case v.ratio.Median >= target-tolerance:
		return "met" + doubt
	}
	return "MISSED" + doubt
}
