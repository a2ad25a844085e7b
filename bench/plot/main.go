// Plot draws the figures of bench/compare: the CPU time of a message in each program, with
// one panel for each row.
//
//	cd bench/compare && go run . -pin -json figures.json
//	cd ../plot && go run . -o cpu.svg ../compare/figures.json
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

// report is the part of the JSON that is drawn.
type report struct {
	Conditions struct {
		Time, Go, System string
		CPUs             int
		Pinned           bool
		Rounds           int
	}
	Rows []row
}

type row struct {
	Name, Title string
	Void        bool
	Results     []result
}

type result struct {
	Program string
	CPU     struct{ Low, Median, High float64 } // nanoseconds
}

func run(args []string) error {
	flags := flag.NewFlagSet("plot", flag.ContinueOnError)
	out := flags.String("o", "cpu.svg", "the file to write")
	rows := flags.String("rows", "", "the rows, between spaces (default all)")
	without := flags.String("without", "", "programs that are left out, between spaces")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("name one file of figures, which bench/compare -json writes")
	}
	text, err := os.ReadFile(flags.Arg(0))
	if err != nil {
		return err
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("%s: %w", flags.Arg(0), err)
	}
	if err := r.choose(strings.Fields(*rows), strings.Fields(*without)); err != nil {
		return err
	}
	return os.WriteFile(*out, draw(r), 0o644)
}

// choose leaves out what is not to be drawn, and orders the programs of each row: the one
// that needs least CPU time is the first.
func (r *report) choose(rows, without []string) error {
	for _, name := range rows {
		if !slices.ContainsFunc(r.Rows, func(w row) bool { return w.Name == name }) {
			return fmt.Errorf("there is no row %s", name)
		}
	}
	r.Rows = slices.DeleteFunc(r.Rows, func(w row) bool { return len(rows) > 0 && !slices.Contains(rows, w.Name) })
	for i := range r.Rows {
		w := &r.Rows[i]
		w.Results = slices.DeleteFunc(w.Results, func(p result) bool { return slices.Contains(without, p.Program) })
		slices.SortStableFunc(w.Results, func(a, b result) int {
			switch {
			case a.CPU.Median < b.CPU.Median:
				return -1
			case a.CPU.Median > b.CPU.Median:
				return 1
			}
			return 0
		})
	}
	r.Rows = slices.DeleteFunc(r.Rows, func(w row) bool { return len(w.Results) == 0 })
	if len(r.Rows) == 0 {
		return errors.New("there are no figures to draw")
	}
	return nil
}
