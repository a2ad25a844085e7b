package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// String returns a line, such as a note below a table has.
func (c conditions) String() string {
	text := fmt.Sprintf("%s, %s, %d CPUs, %d rounds of %v", c.Go, c.System, c.CPUs, c.Rounds, c.Part)
	if c.Pinned {
		text += ", pinned"
	}
	for _, name := range slices.Sorted(maps.Keys(c.Libraries)) {
		text += fmt.Sprintf(", %s %s", name, c.Libraries[name])
	}
	return text
}

// print prints a table in Markdown.
func (r row) print(out io.Writer) {
	head := []string{"program", "CPU us", "messages/s", "p50 us", "p99 us", "p99.9 us", "calls", "load"}
	for _, a := range r.Against {
		head = append(head, "CPU of "+a)
	}
	fmt.Fprintf(out, "\n### %s: %s\n\n", r.Name, r.Title)
	printLine(out, head)
	printRule(out, len(head))
	for _, p := range r.Results {
		cells := []string{"`" + p.Program + "`", fmt.Sprintf("%.2f", p.CPU.Median/1e3), fmt.Sprintf("%.0f", p.Rate),
			micro(p.P50), micro(p.P99), micro(p.P999), p.callsText(), fmt.Sprintf("%.0f %%", 100*p.LoadBusy)}
		for _, q := range p.Ratios {
			cells = append(cells, fmt.Sprintf("%.2f [%.2f %.2f]", q.CPU.Median, q.CPU.Low, q.CPU.High))
		}
		printLine(out, cells)
	}
	r.printCheapest(out)
	fmt.Fprintf(out, "\n%d rounds; foreign load %.1f %% of a CPU (median), above 10 %% in %d rounds; A/A %v",
		r.Rounds, 100*r.Foreign, r.Disturbed, r.Control)
	if r.Void {
		fmt.Fprint(out, ": void")
	}
	fmt.Fprintln(out)
}

// printCheapest compares the programs of this library with the cheapest of the others.
func (r row) printCheapest(out io.Writer) {
	var all []string
	for _, p := range r.Results {
		if q := p.AgainstCheapest; q != nil {
			all = append(all, fmt.Sprintf("`%s` %.2f [%.2f %.2f]", p.Program, q.Median, q.Low, q.High))
		}
	}
	if len(all) > 0 {
		fmt.Fprintf(out, "\nCPU of `%s`, the cheapest other library: %s\n", r.Cheapest, strings.Join(all, ", "))
	}
}

func micro(ns float64) string { return fmt.Sprintf("%.1f", ns/1e3) }

// callsText is the sum of the system calls.
func (p result) callsText() string {
	if p.Calls == nil {
		return ""
	}
	sum := 0.0
	for _, n := range p.Calls {
		sum += n
	}
	return fmt.Sprintf("%.2f", sum)
}

func printLine(out io.Writer, cells []string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

// printRule prints the line below the head. All columns but the first have numbers.
func printRule(out io.Writer, columns int) {
	fmt.Fprintf(out, "|---%s|\n", strings.Repeat("|--:", columns-1))
}

func printSkipped(out io.Writer, skipped []skip) {
	if len(skipped) > 0 {
		fmt.Fprintln(out, "\nWithout figures:")
		fmt.Fprintln(out)
	}
	for _, s := range skipped {
		fmt.Fprintf(out, "- `%s`, %s: %s\n", s.Program, s.Task, strings.ReplaceAll(s.Reason, "\n", " "))
	}
}
