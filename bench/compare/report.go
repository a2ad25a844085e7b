package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/completionport/completion/bench/compare/peers"
	"github.com/completionport/completion/bench/internal/echo"
	"github.com/completionport/completion/bench/internal/stat"
)

// report has all figures. It is the content of the JSON, from which bench/plot draws.
type report struct {
	Conditions conditions
	Rows       []row
	Idle       []idle  `json:",omitempty"`
	Others     []other `json:",omitempty"`
	Skipped    []skip  `json:",omitempty"`
}

// conditions are those of all figures.
type conditions struct {
	Time      string
	Go        string
	System    string
	CPUs      int
	Pinned    bool
	Rounds    int
	Part      time.Duration
	Libraries map[string]string // versions
}

// row is the result of a task: figures of each program.
type row struct {
	Name, Title string
	Conns, Size int
	Against     []string // the programs of the ratios
	Rounds      int      // that count
	Disturbed   int      // rounds, which are left out if enough others remain
	Foreign     float64  // share of a CPU, median
	Control     stat.Quartiles
	Void        bool   // two processes of one program differ too much
	Cheapest    string `json:",omitempty"` // the program on another library that needs least CPU time
	Results     []result
}

// result has the figures of a program, medians of the rounds.
type result struct {
	Program  string
	CPU      stat.Quartiles     // of the server, in nanoseconds for each message
	Rate     float64            // messages per second
	P50      float64            // nanoseconds
	P99      float64            // nanoseconds
	P999     float64            // nanoseconds
	LoadBusy float64            // CPU time of the load as a share of the time
	Calls    map[string]float64 `json:",omitempty"` // system calls for each message
	Ratios   []ratios           // one for each program of Against

	// CPU time of Cheapest divided by that of this program, if that is one of this library.
	AgainstCheapest *stat.Quartiles `json:",omitempty"`
}

// ratios compare a program with another, round by round. Above 1 the program is better: it
// needs less CPU time, handles more messages, has a shorter latency.
type ratios struct{ CPU, Rate, P99 stat.Quartiles }

// skip is a program that has no figures of a task.
type skip struct{ Task, Program, Reason string }

// enough is the number of undisturbed rounds from which on disturbed ones are left out.
const enough = 15

// judge makes the figures of the rounds.
func (c *contest) judge(rounds [][]sample) row {
	r := row{Name: c.task.name, Title: c.task.title(), Conns: c.task.conns, Size: c.task.size}
	var calm [][]sample
	var foreign []float64
	for _, round := range rounds {
		for _, s := range round {
			foreign = append(foreign, s.foreign)
		}
		if !disturbed(round) {
			calm = append(calm, round)
		}
	}
	r.Disturbed, r.Foreign = len(rounds)-len(calm), stat.QuartilesOf(foreign).Median
	if len(calm) >= enough {
		rounds = calm
	}
	r.Rounds = len(rounds)
	control := len(c.specs) - 1
	var against []int
	for _, a := range c.against {
		if k := slices.Index(c.specs[:control], c.task.spec(a)); k >= 0 {
			r.Against, against = append(r.Against, a.String()), append(against, k)
		}
	}
	r.Control = ratio(rounds, control, against[0], cpuOf)
	r.Void = !(r.Control.Median >= 0.97 && r.Control.Median <= 1.03)
	for k := range c.specs[:control] {
		r.Results = append(r.Results, c.result(rounds, k, against))
	}
	c.findCheapest(&r, rounds)
	return r
}

// findCheapest compares each program of this library with the cheapest one on another
// library for Go.
func (c *contest) findCheapest(r *row, rounds [][]sample) {
	cheapest := -1
	for k, p := range r.Results {
		if slices.Contains(peers.Names(false), c.specs[k].Program) && (cheapest < 0 || p.CPU.Median < r.Results[cheapest].CPU.Median) {
			cheapest = k
		}
	}
	if cheapest < 0 {
		return
	}
	r.Cheapest = r.Results[cheapest].Program
	for k := range r.Results {
		if c.specs[k].HasPort() {
			q := ratio(rounds, k, cheapest, cpuOf)
			r.Results[k].AgainstCheapest = &q
		}
	}
}

// The figures of a sample. In all of them less is better.
func cpuOf(s sample) float64  { return s.PerMessage(s.ServerCPU) }
func timeOf(s sample) float64 { return s.PerMessage(s.Elapsed) }
func p99Of(s sample) float64  { return float64(s.P99) }

// result makes the figures of contestant k.
func (c *contest) result(rounds [][]sample, k int, against []int) result {
	name := c.specs[k]
	name.Keys = 0
	median := func(f func(sample) float64) float64 { return figures(rounds, k, f).Median }
	r := result{
		Program:  name.String(),
		CPU:      figures(rounds, k, cpuOf),
		Rate:     1e9 / median(timeOf),
		P50:      median(func(s sample) float64 { return float64(s.P50) }),
		P99:      median(p99Of),
		P999:     median(func(s sample) float64 { return float64(s.P999) }),
		LoadBusy: median(func(s sample) float64 { return float64(s.CPU) / float64(s.Elapsed) }),
	}
	for _, a := range against {
		r.Ratios = append(r.Ratios, ratios{ratio(rounds, k, a, cpuOf), ratio(rounds, k, a, timeOf), ratio(rounds, k, a, p99Of)})
	}
	return r
}

// figures returns the quartiles of a figure of contestant k.
func figures(rounds [][]sample, k int, f func(sample) float64) stat.Quartiles {
	var values []float64
	for _, r := range rounds {
		values = append(values, f(r[k]))
	}
	return stat.QuartilesOf(values)
}

// ratio divides, in each round, the figure of contestant a by that of k.
func ratio(rounds [][]sample, k, a int, f func(sample) float64) stat.Quartiles {
	var values []float64
	for _, r := range rounds {
		values = append(values, f(r[a])/f(r[k]))
	}
	return stat.QuartilesOf(values)
}

// report does all tasks and prints the tables. After an error it returns the figures that it
// has, too.
func (o options) report() (*report, error) {
	r := &report{Conditions: o.conditions()}
	fmt.Fprintln(o.out, r.Conditions)
	for _, t := range o.tasks {
		if t.other != nil {
			if err := t.other(o, r); err != nil {
				return r, fmt.Errorf("%s: %w", t.name, err)
			}
			continue
		}
		made, skipped, err := o.hold(t)
		if err != nil {
			return r, err
		}
		r.Rows, r.Skipped = append(r.Rows, made), append(r.Skipped, skipped...)
		made.print(o.out)
	}
	printSkipped(o.out, r.Skipped)
	return r, nil
}

func (o options) conditions() conditions {
	c := conditions{Time: time.Now().UTC().Format(time.DateTime), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		CPUs: runtime.NumCPU(), Pinned: o.pin, Rounds: o.rounds, Part: o.part, Libraries: map[string]string{}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			for _, s := range o.programs {
				if slices.Contains(strings.Split(d.Path, "/"), s.Program) && !slices.Contains(echo.Programs, s.Program) {
					c.Libraries[s.Program] = d.Version
				}
			}
		}
	}
	return c
}

func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
