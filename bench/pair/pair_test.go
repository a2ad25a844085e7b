package main

import (
	"bytes"
	"io"
	"math"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/completionport/completion/bench/internal/echo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	echo.RunChild()
	goleak.VerifyTestMain(m)
}

// rounds makes n rounds in which b needs ratio times the CPU time of a, and a's second
// process control times. The machine gets slower from round to round.
func rounds(n int, ratio, control, foreign float64) []round {
	made := make([]round, n)
	for i := range made {
		slow := 1000 * float64(i+1)
		for k, factor := range []float64{1, ratio, control} {
			d := time.Duration(slow * factor * 1000)
			made[i].samples[k] = echo.Sample{Messages: 1000, ServerCPU: d,
				Result: echo.Result{Elapsed: 2 * d, P50: 3 * d, P99: 4 * d}}
		}
		made[i].foreign[i%contestants] = foreign
	}
	return made
}

func near(x, y float64) bool { return math.Abs(x-y) < 1e-6 }

func TestJudgeComparesRoundByRound(t *testing.T) {
	o := judge(rounds(21, 1.25, 1.01, 0.02))
	for i, v := range o.verdicts {
		for _, q := range []float64{v.ratio.Low, v.ratio.Median, v.ratio.High} {
			if !near(q, 1.25) {
				t.Errorf("%s: ratio %v", metrics[i].name, v.ratio)
			}
		}
		if !near(v.control.Median, 1.01) || v.void() {
			t.Errorf("%s: control %v, void %v", metrics[i].name, v.control, v.void())
		}
	}
	if v := o.verdicts[cpu]; v.a.Median != 11_000 || v.b.Median != 13_750 {
		t.Errorf("medians %v and %v", v.a, v.b)
	}
	if o.used != 21 || o.disturbed != 0 {
		t.Errorf("%d used, %d disturbed", o.used, o.disturbed)
	}
}

func TestDisturbedRoundsAreLeftOut(t *testing.T) {
	for _, c := range []struct {
		calm, disturbed, used int
		ratio                 float64
	}{
		{15, 6, 15, 1.2},
		{14, 7, 21, 1.2}, // too few undisturbed rounds: all count
		{7, 14, 21, 3},
	} {
		all := append(rounds(c.calm, 1.2, 1, 0.10), rounds(c.disturbed, 3, 1, 0.11)...)
		o := judge(all)
		if o.used != c.used || o.disturbed != c.disturbed || !near(o.verdicts[cpu].ratio.Median, c.ratio) {
			t.Errorf("%+v: %d used, %d disturbed, ratio %v", c, o.used, o.disturbed, o.verdicts[cpu].ratio)
		}
	}
}

func TestVoid(t *testing.T) {
	for control, void := range map[float64]bool{0.96: true, 0.975: false, 1: false, 1.025: false, 1.04: true} {
		v := judge(rounds(21, 1.2, control, 0)).verdicts[cpu]
		if v.void() != void {
			t.Errorf("A/A of %v: void %v", control, v.void())
		}
	}
	if v := judge(nil).verdicts[cpu]; !v.void() {
		t.Error("no rounds, and not void")
	}
}

func TestResult(t *testing.T) {
	for _, c := range []struct {
		ratio, control, foreign float64
		want                    string
	}{
		{1.13, 1, 0, "met"},
		{1.11, 1, 0, "MISSED"},
		{1.13, 1, 0.2, "met?"},
		{1.11, 1, 0.2, "MISSED?"},
		{2, 1.1, 0, "void"},
	} {
		if got := judge(rounds(21, c.ratio, c.control, c.foreign)).result(1.15); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// In three rounds each contestant has each place once. In six rounds it follows each of
// the others equally often.
func TestOrdersAreBalanced(t *testing.T) {
	place, follows := map[[2]int]int{}, map[[2]int]int{}
	for i, order := range orders {
		for k, who := range order {
			if place[[2]int{who, k}]++; place[[2]int{who, k}] != i/3+1 {
				t.Errorf("order %d: %d is at place %d again", i, who, k)
			}
			if k > 0 {
				follows[[2]int{order[k-1], who}]++
			}
		}
	}
	for pair, n := range follows {
		if n != 2 {
			t.Errorf("%d follows %d %d times", pair[1], pair[0], n)
		}
	}
}

// The whole program, with a few messages.
func TestRun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the load runs on Linux only")
	}
	for _, c := range []struct{ args, want string }{
		{"-a queue -b net -conns 4 -rounds 3 -messages 200", `(?m)^CPU/message +\d+\.\d+ +\d+\.\d+  \d+\.\d+ \[`},
		{"-a await -b floor -conns 2 -size 5000 -rounds 1 -messages 50", `(?m)^p99 `},
		{"-a queue,spin=5us -b queue -conns 1 -rounds 1 -messages 5 -hog", `(?m)^messages/s +\d+ +\d+$`},
	} {
		var out bytes.Buffer
		if err := run(strings.Fields(c.args), &out, io.Discard); err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		if !regexp.MustCompile(c.want).Match(out.Bytes()) {
			t.Errorf("%s: no %s in\n%s", c.args, c.want, &out)
		}
		for line := range strings.Lines(out.String()) {
			if len(line) > 81 {
				t.Errorf("%s: %d columns: %s", c.args, len(line)-1, line)
			}
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range []string{"-a gnet", "-rounds 0", "-conns 0", "-size 0", "-messages -1", "what"} {
		if err := run(strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("%s is accepted", args)
		}
	}
}
