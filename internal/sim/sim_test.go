package sim

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	schedules  = flag.Uint64("sim.schedules", 100_000, "schedules to run")
	seed       = flag.Uint64("sim.seed", 0, "replay this seed, with a trace")
	first      = flag.Uint64("sim.first", 1, "the first seed")
	soak       = flag.Bool("sim.soak", false, "run until stopped, or a schedule fails (with -timeout 0)")
	backendIs  = flag.String("sim.backend", "", "run schedules of this backend only: epoll or kqueue")
	allMutants = flag.Bool("sim.mutants", false, "try all mutants, not only a few")
	third      = flag.Int("sim.third", 0, "with -sim.mutants: try only the first, second or third third of them: 1, 2 or 3")
	oneMutant  = flag.String("sim.try", "", "try the mutant of this name")
	isMutant   = flag.Bool("sim.mutant", false, "only say whether a schedule fails, and how many it took")
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // worlds are small and many
	goleak.VerifyTestMain(m)
}

// TestSchedules explores. It fails with the first schedule that does.
func TestSchedules(t *testing.T) {
	if *backendIs != "" && !slices.Contains(backendNames[:onRing], *backendIs) {
		t.Fatalf("-sim.backend=%s: there are %q", *backendIs, backendNames[:onRing])
	}
	if *seed != 0 {
		replaySeed(t, *seed, *backendIs)
		return
	}
	if *soak {
		runUntilStopped(t, *backendIs)
		return
	}
	n := *schedules
	if testing.Short() {
		n = min(n, 20_000)
	}
	if *isMutant {
		tryMutant(t, n, *backendIs)
		return
	}
	if raceEnabled {
		n = min(n, 3_000)
	}
	begin := time.Now()
	all, worst := search(*first, n, runtime.GOMAXPROCS(0), *backendIs)
	took := time.Since(begin)
	if worst != nil {
		report(t, worst)
		return
	}
	t.Logf("%d schedules (%d with epoll, %d with kqueue) in %v, %.0f a second, %.0f steps each",
		all.schedules, all.ran[onEpoll], all.ran[onKqueue], took.Round(time.Millisecond),
		float64(all.schedules)/took.Seconds(), float64(all.steps)/float64(all.schedules))
	t.Logf("what was due waited for %d turns of the leader at most, and may for %d; between two turns there were at most %d%% of the calls that may be made, and %d operations dequeued of %d",
		all.most.turns, turnsInTime, all.most.calls, all.most.taken, takenInTime)
	if n < 100_000 {
		return // too few for all that is rare
	}
	t.Logf("how often what happened:\n%s", all.faults())
	t.Logf("what operations met, in which phase:\n%s", &all.table)
	if s := all.silent(); len(s) > 0 {
		t.Errorf("never fired: %s", strings.Join(s, ", "))
	}
	if s := all.table.unvisited(); len(s) > 0 {
		t.Errorf("never met, or met though impossible:\n%s", strings.Join(s, "\n"))
	}
}

// tryMutant fails with the first of n schedules that does, and panics if they get
// on no more. How long they take in all depends on the machine.
func tryMutant(t *testing.T, n uint64, only string) {
	const share = 500
	hung := time.AfterFunc(time.Minute, func() { panic("a schedule does not end") })
	defer hung.Stop()
	for done := uint64(0); done < n; done += share {
		hung.Reset(time.Minute)
		all, worst := search(*first+done, min(share, n-done), 1, only)
		if worst != nil {
			t.Fatalf("MUTANT %d %s", done+all.schedules, shapeOf(worst.failure))
		}
	}
}

// runUntilStopped explores until a schedule fails. It wants -timeout 0.
func runUntilStopped(t *testing.T, only string) {
	const share = 1_000_000
	for from := uint64(time.Now().UnixNano()); ; from += share {
		begin := time.Now()
		all, worst := search(from, share, runtime.GOMAXPROCS(0), only)
		if worst != nil {
			report(t, worst)
			return
		}
		fmt.Printf("%d schedules from seed %d, %.0f a second, none failed\n", all.schedules, from,
			float64(all.schedules)/time.Since(begin).Seconds())
	}
}

func report(t *testing.T, f *failed) {
	t.Errorf("seed %d, with %s: %v", f.seed, backendNames[f.backend], f.failure)
	e := &explorer{only: backendNames[f.backend]}
	defer e.close()
	small := e.shrink(f.result)
	r := e.replay(small.plan, small.schedule, true)
	t.Logf("plan %x schedule %x: %v", small.plan, small.schedule, r.failure)
	t.Logf("shrunk trace:\n%s", strings.Join(r.lines, "\n"))
}

func replaySeed(t *testing.T, seed uint64, only string) {
	e := &explorer{only: only}
	defer e.close()
	r := e.seeded(seed, true)
	t.Logf("trace:\n%s", strings.Join(r.lines, "\n"))
	if r.failure != nil {
		t.Error(r.failure)
	}
}
