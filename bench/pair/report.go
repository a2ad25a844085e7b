package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/completionport/completion/bench/internal/echo"
	"github.com/completionport/completion/bench/internal/stat"
)

// enough is the number of undisturbed rounds from which on disturbed ones are left out.
const enough = 15

// metrics are the figures that are compared. In all of them less is better.
var metrics = []struct {
	name  string
	value func(echo.Sample) float64
}{
	{"CPU/message", func(s echo.Sample) float64 { return s.PerMessage(s.ServerCPU) }},
	{"time/message", func(s echo.Sample) float64 { return s.PerMessage(s.Elapsed) }},
	{"p50", func(s echo.Sample) float64 { return float64(s.P50) }},
	{"p99", func(s echo.Sample) float64 { return float64(s.P99) }},
}

const (
	cpu = iota
	elapsed
	p50
	p99
)

// verdict is the result of the rounds for one metric.
type verdict struct {
	a, b    stat.Quartiles // in nanoseconds
	ratio   stat.Quartiles // b to a: above 1, a needs less
	control stat.Quartiles // of a's second process to a
}

// void reports whether two processes of the same program differ so much that the ratio
// means nothing.
func (v verdict) void() bool { return !(v.control.Median >= 0.97 && v.control.Median <= 1.03) }

// outcome is the result of a contest.
type outcome struct {
	verdicts  []verdict // for each of metrics
	rounds    int
	used      int     // rounds
	disturbed int     // rounds, which are left out if enough others remain
	foreign   float64 // the median share
}

// judge compares within each round, so that the speed of a whole round cancels out.
// Disturbed rounds are left out if enough others remain.
func judge(rounds []round) outcome {
	o := outcome{rounds: len(rounds)}
	var calm []round
	var foreign []float64
	for _, r := range rounds {
		if foreign = append(foreign, r.foreign[:]...); !r.disturbed() {
			calm = append(calm, r)
		}
	}
	o.disturbed = len(rounds) - len(calm)
	o.foreign = stat.QuartilesOf(foreign).Median
	if len(calm) >= enough {
		rounds = calm
	}
	o.used = len(rounds)
	for _, m := range metrics {
		var va, vb, ratio, control []float64
		for _, r := range rounds {
			of := func(i int) float64 { return m.value(r.samples[i]) }
			va, vb = append(va, of(a)), append(vb, of(b))
			ratio, control = append(ratio, of(b)/of(a)), append(control, of(again)/of(a))
		}
		o.verdicts = append(o.verdicts, verdict{
			stat.QuartilesOf(va), stat.QuartilesOf(vb), stat.QuartilesOf(ratio), stat.QuartilesOf(control)})
	}
	return o
}

// report prints an outcome in at most 80 columns.
func (o outcome) report(w io.Writer, c contest) {
	fmt.Fprintf(w, "a: %v   b: %v   %d connections, %d bytes\n", c.a, c.b, c.conns, c.size)
	fmt.Fprintln(w, c.conditions())
	fmt.Fprintf(w, "%-12s%9s%9s  %-21s  %s\n", "us, medians", "a", "b", "b/a [quartiles]", "A/A [quartiles]")
	for i, v := range o.verdicts {
		if c.hog && i == cpu { // the hog uses it
			continue
		}
		mark := ""
		if v.void() {
			mark = " !"
		}
		fmt.Fprintf(w, "%-12s%9.2f%9.2f  %-21v  %v%s\n",
			metrics[i].name, v.a.Median/1e3, v.b.Median/1e3, v.ratio, v.control, mark)
	}
	fmt.Fprintf(w, "messages/s  %9.0f%9.0f\n", 1e9/o.verdicts[elapsed].a.Median, 1e9/o.verdicts[elapsed].b.Median)
	fmt.Fprintln(w, "b/a above 1: a needs less. A/A: a second process of a, to the first.\n! that is outside 0.97..1.03.")
	fmt.Fprintln(w, o.quality())
	decisive := cpu
	if c.hog {
		decisive = elapsed
	}
	if o.verdicts[decisive].void() {
		fmt.Fprintln(w, "void: A/A is outside 0.97..1.03")
	}
}

// conditions returns the conditions of a figure.
func (c contest) conditions() string {
	text := fmt.Sprintf("%s, %s/%s, %d CPUs, %d rounds", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), c.rounds)
	if c.pin {
		text += ", pinned"
	}
	if c.hog {
		text += ", beside a CPU hog"
	}
	return text
}

// quality returns how much foreign load there was.
func (o outcome) quality() string {
	text := fmt.Sprintf("foreign load: %.1f%% of a CPU (median); above 10%% in %d of %d rounds",
		100*o.foreign, o.disturbed, o.rounds)
	switch {
	case o.disturbed == 0:
	case o.used < o.rounds:
		text += ", left out"
	default:
		text += ", kept"
	}
	return text
}

// rule is a line under a table's head.
var rule = strings.Repeat("-", 78)
