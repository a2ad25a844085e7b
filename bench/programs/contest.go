package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/completionport/completion/bench/internal/stat"
	"github.com/completionport/completion/bench/internal/system"
)

// measured is what a load has done to a server, and what it cost the server.
type measured struct {
	units   float64 // requests, or gigabytes
	elapsed time.Duration
	cpu     time.Duration
}

func (m measured) rate() float64 { return m.units / m.elapsed.Seconds() }
func (m measured) cost() float64 { return m.cpu.Seconds() / m.units }

// row is one line of a table: a load, which all servers get in turn.
type row struct {
	name string
	load func(s *server) (units float64, elapsed time.Duration, err error)
}

// table compares servers. The first is the one that the others are compared with.
type table struct {
	servers []*server
	unit    string // of the load
	perUnit string // unit of the cost
	scale   float64
	rows    []row
}

// hold measures all rows.
func (t table) hold(o options) error {
	t.head(o.out)
	for _, r := range t.rows {
		samples := make([][]measured, len(t.servers))
		for round := range o.rounds {
			for k := range t.servers {
				i := (k + round) % len(t.servers)
				m, err := t.servers[i].measure(r)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", t.servers[i].name, r.name, err)
				}
				samples[i] = append(samples[i], m)
				fmt.Fprintf(o.log, "%-28s %-14s %12.0f %s/s %8.2f %s\n",
					r.name, t.servers[i].name, m.rate(), t.unit, m.cost()*t.scale, t.perUnit)
			}
		}
		t.line(o.out, r.name, samples)
	}
	return nil
}

// measure applies the load of a row to a server.
func (s *server) measure(r row) (m measured, err error) {
	before, err := system.CPUOf(s.pid())
	if err != nil {
		return m, err
	}
	if m.units, m.elapsed, err = r.load(s); err != nil {
		return m, err
	}
	after, err := system.CPUOf(s.pid())
	m.cpu = after - before
	return m, err
}

func (t table) head(out io.Writer) {
	var names []string
	for _, s := range t.servers {
		names = append(names, s.name)
	}
	first := t.servers[0].name
	fmt.Fprintf(out, "\nrates are %s/s, costs are %s of the server's CPU time\n", t.unit, t.perUnit)
	fmt.Fprintf(out, "ratios: rate of %s to that of the other, CPU of %s to that of the other\n\n", first, first)
	fmt.Fprintf(out, "| load | %s |\n", strings.Join(names, " | "))
	fmt.Fprintf(out, "|---%s|\n", strings.Repeat("|---", len(names)))
}

// line writes the medians of a row, and the ratios of the first server to each other one.
func (t table) line(out io.Writer, name string, samples [][]measured) {
	var cells []string
	for i := range samples {
		var rates, costs, faster, cheaper []float64
		for k, m := range samples[i] {
			first := samples[0][k]
			rates, costs = append(rates, m.rate()), append(costs, m.cost()*t.scale)
			faster = append(faster, first.rate()/m.rate())
			cheaper = append(cheaper, first.cost()/m.cost())
		}
		cell := fmt.Sprintf("%.4g, %.3g", stat.QuartilesOf(rates).Median, stat.QuartilesOf(costs).Median)
		if i > 0 {
			cell += fmt.Sprintf(" (%.2f, %.2f)", stat.QuartilesOf(faster).Median, stat.QuartilesOf(cheaper).Median)
		}
		cells = append(cells, cell)
	}
	fmt.Fprintf(out, "| %s | %s |\n", name, strings.Join(cells, " | "))
}
