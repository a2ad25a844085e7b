package sim

import (
	"flag"
	"runtime"
	"strings"
	"testing"
	"time"
)

// nativeSchedules is how many schedules TestNativeSchedules runs unless it is told.
const nativeSchedules = 25_000

// skipWithRace skips a test with the ring. It is Go code, and writes to memory that the engine has
// lent to the kernel: to the detector, that is a race.
func skipWithRace(t *testing.T) {
	if raceEnabled {
		t.Skip("the ring writes to memory that is lent")
	}
}

// TestNativeSchedules is TestSchedules with the ring. It has the same flags.
func TestNativeSchedules(t *testing.T) {
	skipWithRace(t)
	only, n := backendNames[onRing], uint64(nativeSchedules)
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "sim.schedules" {
			n = *schedules
		}
	})
	switch {
	case *seed != 0:
		replaySeed(t, *seed, only)
		return
	case *soak:
		runUntilStopped(t, only)
		return
	case *isMutant:
		tryMutant(t, n, only)
		return
	}
	begin := time.Now()
	all, worst := search(*first, n, runtime.GOMAXPROCS(0), only)
	if worst != nil {
		report(t, worst)
		return
	}
	t.Logf("%d schedules in %v, %.0f steps each", all.schedules, time.Since(begin).Round(time.Millisecond),
		float64(all.steps)/float64(all.schedules))
	if n < nativeSchedules {
		return // too few for all that is rare
	}
	t.Logf("how often what happened:\n%s", all.faults())
	if s := all.silent(); len(s) > 0 {
		t.Errorf("never fired: %s", strings.Join(s, ", "))
	}
}
