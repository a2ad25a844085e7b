package sim

import (
	"bufio"
	_ "embed"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// regression is a schedule that once failed.
type regression struct {
	name           string
	plan, schedule []byte
}

// regressionList goes into the test binary, which may be run elsewhere.
//
//go:embed testdata/regressions
var regressionList string

// nativeList has those of the ring.
//
//go:embed testdata/native
var nativeList string

// regressions reads testdata/regressions.
func regressions(t testing.TB) []regression { return readRegressions(t, regressionList) }

// readRegressions reads a list of them: a name, a plan and a schedule in each
// line. They are choices, not seeds: those stand for something else as soon as
// plans are made in another way.
func readRegressions(t testing.TB, from string) (list []regression) {
	t.Helper()
	for lines := bufio.NewScanner(strings.NewReader(from)); lines.Scan(); {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 3 {
			t.Fatalf("%q: want a name, a plan and a schedule", line)
		}
		r := regression{name: fields[0]}
		for i, into := range []*[]byte{&r.plan, &r.schedule} {
			var err error
			if *into, err = hex.DecodeString(strings.TrimPrefix(fields[1+i], "-")); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		list = append(list, r)
	}
	return list
}

// TestRegressions runs what once failed.
func TestRegressions(t *testing.T) {
	list := regressions(t)
	if len(list) == 0 {
		t.Error("there are none")
	}
	replayAll(t, list, "")
}

// TestNativeRegressions runs what once failed with the ring.
func TestNativeRegressions(t *testing.T) {
	skipWithRace(t)
	replayAll(t, readRegressions(t, nativeList), backendNames[onRing])
}

func replayAll(t *testing.T, list []regression, only string) {
	e := &explorer{only: only}
	defer e.close()
	for _, r := range list {
		t.Run(r.name, func(t *testing.T) {
			if got := e.replay(r.plan, r.schedule, false); got.failure != nil {
				t.Errorf("%v\n%s", got.failure, strings.Join(e.replay(r.plan, r.schedule, true).lines, "\n"))
			}
		})
	}
}

// TestSameSeedSameSchedule: a seed stands for one schedule, and so do the
// choices that it makes.
func TestSameSeedSameSchedule(t *testing.T) {
	one, two := &explorer{}, &explorer{}
	defer one.close()
	defer two.close()
	two.seeded(4711, false) // coroutines that were used before
	differing := map[uint64]bool{}
	for seed := uint64(1); seed <= 2000; seed++ {
		a, b := one.seeded(seed, false), two.seeded(seed, seed%4 == 0)
		if a.hash != b.hash || a.steps != b.steps {
			t.Fatalf("seed %d: %x in %d steps, and then %x in %d", seed, a.hash, a.steps, b.hash, b.steps)
		}
		differing[a.hash] = true
	}
	if len(differing) < 1900 {
		t.Errorf("2000 seeds make %d schedules", len(differing))
	}
}

// TestReplayOfChoices: what a schedule chose, given to another, makes the same.
func TestReplayOfChoices(t *testing.T) {
	e := &explorer{}
	defer e.close()
	for seed := uint64(1); seed <= 500; seed++ {
		a := e.seeded(seed, true)
		plan, schedule := slices.Clone(e.stable.plan[:cap(e.stable.plan)]), slices.Clone(e.stable.choices[:cap(e.stable.choices)])
		b := e.replay(plan[:a.plans], schedule[:a.choices], true)
		if a.hash != b.hash || !slices.Equal(a.lines, b.lines) {
			t.Fatalf("seed %d: %x, replayed %x", seed, a.hash, b.hash)
		}
	}
}

// TestFailuresAreFoundAndShrunk: a check that fails at will shows that failures
// are noticed, traced, and made smaller.
func TestFailuresAreFoundAndShrunk(t *testing.T) {
	e := &explorer{watch: func(w *world) {
		if w.fired[halfClosed] > 0 && len(w.operations) > 1 {
			w.fail("two operations and a half close")
		}
	}}
	defer e.close()
	for seed := uint64(1); ; seed++ {
		r := e.seeded(seed, false)
		if r.failure == nil {
			continue
		}
		small := e.shrink(r)
		if len(small.plan)+len(small.schedule) >= len(r.plan)+len(r.schedule) {
			t.Errorf("%d + %d choices were not made fewer", len(r.plan), len(r.schedule))
		}
		again := e.replay(small.plan, small.schedule, true)
		if again.failure == nil || again.failure.Error() != r.failure.Error() {
			t.Errorf("shrunk, it ends with %v", again.failure)
		}
		if last := again.lines[len(again.lines)-1]; !strings.Contains(strings.Join(again.lines, "\n"), "FAILS: two operations") {
			t.Errorf("the trace ends with %q", last)
		}
		t.Logf("seed %d: %d + %d choices shrunk to %d + %d, %d lines of trace", seed, len(r.plan), len(r.schedule),
			len(small.plan), len(small.schedule), len(again.lines))
		return
	}
}
