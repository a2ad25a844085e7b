package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/completionport/completion/bench/compare/peers"
	"github.com/completionport/completion/bench/internal/echo"
)

func TestMain(m *testing.M) {
	peers.Register()
	registerNative()
	echo.RunChild()
	os.Setenv("GORACE", "atexit_sleep_ms=0") // of the children, whose ends are waited for
	n, err := newNative()
	if err != nil {
		panic(err)
	}
	status := m.Run()
	n.close()
	os.Exit(status)
}

// In n rounds, or 2n, each contestant has each place equally often, and follows each of the
// others equally often.
func TestOrdersAreBalanced(t *testing.T) {
	for n := 2; n < 16; n++ {
		rounds := n * (1 + n%2)
		place, follows := map[[2]int]int{}, map[[2]int]int{}
		for i := range rounds {
			before := -1
			for k, who := range order(n, i) {
				place[[2]int{who, k}]++
				if k > 0 {
					follows[[2]int{before, who}]++
				}
				before = who
			}
		}
		for a := range n {
			for b := range n {
				if place[[2]int{a, b}] != rounds/n || a != b && follows[[2]int{a, b}] != rounds/n {
					t.Fatalf("of %d: %d is %d times at place %d, and %d times before %d", n, a, place[[2]int{a, b}], b, follows[[2]int{a, b}], b)
				}
			}
		}
	}
}

// contestOf makes a contest of queue, net and gone, and rounds in which net needs twice the
// CPU time of queue. The machine gets slower from round to round.
func contestOf(n int, control, foreign float64) (*contest, [][]sample) {
	queue, net := echo.Spec{Program: "queue", Keys: 5}, echo.Spec{Program: "net", Keys: 5}
	c := &contest{specs: []echo.Spec{queue, net, net}, task: task{name: "kv", keys: 5}}
	c.against = []echo.Spec{{Program: "net"}, {Program: "queue"}}
	var rounds [][]sample
	for i := range n {
		var r []sample
		for _, factor := range []float64{1, 2, 2 / control} {
			d := time.Duration(1e6 * factor * float64(i+1))
			r = append(r, sample{echo.Sample{Messages: 1000, ServerCPU: d, Result: echo.Result{
				Elapsed: 2 * d, CPU: d / 2, P50: 3 * d, P99: 4 * d, P999: 5 * d}}, foreign})
		}
		rounds = append(rounds, r)
	}
	return c, rounds
}

func near(x, y float64) bool { return math.Abs(x-y) < 1e-3*math.Abs(y) }

func TestJudge(t *testing.T) {
	c, rounds := contestOf(21, 1.01, 0)
	r := c.judge(rounds)
	if len(r.Results) != 2 || r.Void || !near(r.Control.Median, 1.01) || r.Rounds != 21 || r.Disturbed != 0 {
		t.Fatalf("%+v", r)
	}
	queue, net := r.Results[0], r.Results[1]
	for got, want := range map[float64]float64{
		queue.CPU.Median: 11_000, queue.Rate: 1e9 / 22_000, queue.P50: 33e6, queue.P99: 44e6, queue.P999: 55e6, queue.LoadBusy: 0.25,
		queue.Ratios[0].CPU.Low: 2, net.Ratios[1].CPU.High: 0.5,
	} {
		if !near(got, want) {
			t.Errorf("%v instead of %v", got, want)
		}
	}
	for k, want := range []float64{2, 1} {
		if q := queue.Ratios[k]; !near(q.CPU.Median, want) || !near(q.Rate.Median, want) || !near(q.P99.Median, want) {
			t.Errorf("against %s: %+v", r.Against[k], q)
		}
	}
	if queue.Program != "queue" || r.Against[0] != "net" {
		t.Errorf("the names are %q and %q", queue.Program, r.Against[0])
	}
}

// This library is compared with the one that needs least, and not with net.
func TestCheapest(t *testing.T) {
	c, rounds := contestOf(4, 1, 0)
	c.specs = []echo.Spec{{Program: "queue", Keys: 5}, {Program: "gnet", Keys: 5}, {Program: "evio", Keys: 5}, {Program: "net", Keys: 5}, {Program: "net", Keys: 5}}
	for i, r := range rounds {
		evio := r[1]
		evio.ServerCPU -= evio.ServerCPU / 4
		rounds[i] = []sample{r[0], r[1], evio, r[0], r[0]}
	}
	r := c.judge(rounds)
	q := r.Results[0].AgainstCheapest
	if r.Cheapest != "evio" || q == nil || !near(q.Median, 1.5) || r.Results[1].AgainstCheapest != nil || r.Results[3].AgainstCheapest != nil {
		t.Errorf("%s: %+v", r.Cheapest, r.Results)
	}
	var out bytes.Buffer
	if r.print(&out); !strings.Contains(out.String(), "CPU of `evio`, the cheapest other library: `queue` 1.50 [1.50 1.50]") {
		t.Error(&out)
	}
}

// A program of -against that can't do a task has no column there.
func TestAgainstWhatIsThere(t *testing.T) {
	c, rounds := contestOf(4, 1, 0)
	c.against = []echo.Spec{{Program: "net"}, {Program: "floor"}, {Program: "queue"}}
	if r := c.judge(rounds); strings.Join(r.Against, " ") != "net queue" || len(r.Results[0].Ratios) != 2 {
		t.Errorf("against %v: %+v", r.Against, r.Results)
	}
}

func TestDisturbedRounds(t *testing.T) {
	for _, k := range []struct{ calm, used int }{{15, 15}, {14, 20}} {
		c, rounds := contestOf(20, 1, 0.1)
		for i := k.calm; i < 20; i++ {
			rounds[i][i%3].foreign = 0.11
		}
		if r := c.judge(rounds); r.Rounds != k.used || r.Disturbed != 20-k.calm {
			t.Errorf("%d calm: %d of them used, %d disturbed", k.calm, r.Rounds, r.Disturbed)
		}
	}
}

func TestVoid(t *testing.T) {
	for control, void := range map[float64]bool{0.96: true, 0.98: false, 1.02: false, 1.04: true} {
		c, rounds := contestOf(5, control, 0)
		if r := c.judge(rounds); r.Void != void {
			t.Errorf("A/A of %v: void %v", control, r.Void)
		}
	}
}

// The whole program, with few and short rounds.
func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures.json")
	args := []string{"-quick", "-part", "1ms", "-rounds", "2", "-calls", "50", "-idle", "20", "-json", file,
		"-programs", "queue,backend=epoll net floor queue,workers=2", "-rows", "64x64 3x500 kv accept idle"}
	var out bytes.Buffer
	if err := run(args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"(?m)^### 3x500: 3 connections, 500 bytes$",
		`(?m)^\| ` + "`net`" + ` \| [\d.]+ \| \d+ \| [\d.]+ \| [\d.]+ \| [\d.]+ \| *[\d.]* \| \d+ % \| 1.00 \[1.000? 1.000?\]`,
		"(?m)^- `floor`, kv: .*no key-value server$",
	} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("no %s in\n%s", want, &out)
		}
	}
	text, err := os.ReadFile(file)
	var r report
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil || len(r.Rows) != 4 || len(r.Rows[0].Results) != 4 || len(r.Rows[2].Results) != 3 || len(r.Idle) != 4 || len(r.Skipped) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	checkFigures(t, r)
}

// checkFigures checks that there are figures at all.
func checkFigures(t *testing.T, r report) {
	for _, row := range r.Rows {
		for _, p := range row.Results {
			if p.CPU.Median <= 0 || p.Rate <= 0 || p.P50 <= 0 || p.P99 < p.P50 || p.LoadBusy <= 0 || len(p.Ratios) != 2 || p.Ratios[0].CPU.Median <= 0 {
				t.Errorf("%s: %+v", row.Name, p)
			}
			if row.Name == "64x64" && echo.CanTrace() == nil && (p.Calls["sendto"]+p.Calls["write"] < 0.9 || len(p.Calls) < 2) {
				t.Errorf("%s makes these calls: %v", p.Program, p.Calls)
			}
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"what":                 "not a flag",
		"-rounds 0":            "too low",
		"-idle 1":              "too low",
		"-programs what":       "no program",
		"-programs net":        "-against queue",
		"-rows 64":             "-rows 64",
		"-rows 0x64":           "-rows 0x64",
		"-rows 64x64x64":       "-rows 64x64x64",
		"-programs net,keys=5": "the row kv",
	} {
		if err := run(strings.Fields(args), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	if err := run([]string{"-against", "", "-programs", "net"}, io.Discard, io.Discard); err == nil {
		t.Error("nothing to compare with is accepted")
	}
}

func TestChooseTasks(t *testing.T) {
	for _, c := range []struct {
		rows  string
		quick bool
		want  string
	}{
		{"", false, taskNames()},
		{"", true, strings.TrimSuffix(taskNames(), " udp files")},
		{"idle 7x8", true, "idle 7x8"},
		{"udp", true, "udp"},
	} {
		o := options{quick: c.quick}
		if err := o.chooseTasks(c.rows); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, t := range o.tasks {
			names = append(names, t.name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
