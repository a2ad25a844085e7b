//go:build !race

package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// mutantSchedules is within how many schedules a mutant must be caught.
const mutantSchedules = 100_000

// path of a mutant's file.
func (m mutant) path() string {
	if strings.Contains(m.file, "/") {
		return filepath.Join("..", filepath.FromSlash(m.file))
	}
	return filepath.Join("..", "core", m.file)
}

// backend is what the schedules of a mutant run on: "" for either.
func (m mutant) backend() string {
	if strings.HasPrefix(m.file, "kqueue/") {
		return backendNames[onKqueue]
	}
	return ""
}

// source returns the file that a mutant changes.
func source(t *testing.T, m mutant) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join("..", "core")); err != nil {
		t.Skip("the sources are not here")
	}
	text, err := os.ReadFile(m.path())
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// TestMutantsApply: each text that a mutant replaces stands in its file exactly
// once, so that none goes stale when the engine changes.
func TestMutantsApply(t *testing.T) {
	if len(mutants) < 30 || len(mutantsOfKqueue) < 8 {
		t.Errorf("%d mutants of the engine, %d of package kqueue", len(mutants), len(mutantsOfKqueue))
	}
	names := map[string]bool{}
	for _, m := range slices.Concat(mutants, mutantsOfKqueue, mutantsOfNative, mutantsOfScheduler, mutantsOfRing) {
		if names[m.name] {
			t.Errorf("two mutants are called %q", m.name)
		}
		names[m.name] = true
		text := source(t, m)
		for _, e := range m.edits {
			if n := strings.Count(text, e.old); n != 1 {
				t.Errorf("%s: %q stands in %s %d times", m.name, e.old, m.file, n)
			}
		}
	}
}

// chosen are those of a list that the flags ask for: one by its name, all, a third of all,
// and otherwise few.
func chosen(all []mutant, few ...mutant) []mutant {
	switch {
	case *oneMutant != "":
		return slices.DeleteFunc(slices.Clone(all), func(m mutant) bool { return m.name != *oneMutant })
	case !*allMutants:
		return few
	case *third == 0:
		return all
	}
	var part []mutant
	for i := *third - 1; i < len(all); i += 3 {
		part = append(part, all[i])
	}
	return part
}

// TestMutants: every mutant is caught. Without -sim.mutants only a few are
// tried.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("each mutant is compiled, and some run long")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command: mutants can't be compiled")
	}
	list := chosen(slices.Concat(mutants, mutantsOfKqueue), mutants[0], mutants[len(mutants)/2+1], mutantsOfKqueue[0])
	kept := regressions(t)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		next int
	)
	for range 2 {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(list) {
					return
				}
				m := list[i]
				begin := time.Now()
				how, caught := m.try(t.Context(), goTool, t.TempDir(), kept)
				line := fmt.Sprintf("%-32s %s (%.1f s)", m.name, how, time.Since(begin).Seconds())
				if caught {
					t.Log(line)
				} else {
					t.Error(line)
				}
			}
		})
	}
	wg.Wait()
}

var caughtLine = regexp.MustCompile(`MUTANT (\d+) (.*)`)

// compile compiles the tests of a package with the mutant.
func (m mutant) compile(ctx context.Context, goTool, dir, pkg string) (binary string, err error) {
	file, err := filepath.Abs(m.path())
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	changed := string(text)
	for _, e := range m.edits {
		changed = strings.Replace(changed, e.old, e.new, 1)
	}
	mutated := filepath.Join(dir, filepath.Base(m.file))
	overlay, _ := json.Marshal(map[string]map[string]string{"Replace": {file: mutated}})
	binary, list := filepath.Join(dir, "mutant.test"), filepath.Join(dir, "overlay.json")
	if err := errors.Join(os.WriteFile(mutated, []byte(changed), 0o600), os.WriteFile(list, overlay, 0o600)); err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, goTool, "test", "-c", "-vet=off", "-tags=assertions", "-ldflags=-s -w", "-overlay", list, "-o", binary, pkg)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("does not compile: %s", out)
	}
	return binary, nil
}

// try compiles the simulator with the mutant and runs it. A regression of its
// name should fail with it. One that doesn't has gone stale, since every change
// of the engine's steps shifts what its choices decide: it is named, and the
// search goes on as for any other mutant. One that so few schedules hit that the
// search may miss it is caught by its regression.
func (m mutant) try(ctx context.Context, goTool, dir string, kept []regression) (how string, caught bool) {
	return m.tryOn(ctx, goTool, dir, kept, "")
}

// tryOn is try with the tests of that name: "" or "Native".
func (m mutant) tryOn(ctx context.Context, goTool, dir string, kept []regression, name string) (how string, caught bool) {
	binary, err := m.compile(ctx, goTool, dir, ".")
	if err != nil {
		return err.Error(), false
	}
	defer os.Remove(binary)
	stale, fails := "", false
	for _, r := range kept {
		if r.name != m.name {
			continue
		}
		run := exec.CommandContext(ctx, binary, "-test.run=^Test"+name+"Regressions$/^"+r.name+"$", "-test.timeout=60s")
		if run.Run() == nil {
			stale = "; its regression is stale: record it anew"
		} else {
			fails = true
		}
	}
	run := exec.CommandContext(ctx, binary, "-test.run=^Test"+name+"Schedules$", "-test.timeout=0", "-sim.mutant", "-sim.backend="+m.backend(),
		fmt.Sprintf("-sim.schedules=%d", mutantSchedules))
	out, err := run.CombinedOutput()
	var exit *exec.ExitError
	switch found := caughtLine.FindSubmatch(out); {
	case err == nil && fails:
		return "caught by its regression alone", true
	case err == nil:
		return fmt.Sprintf("survives %d schedules", mutantSchedules), false
	case !errors.As(err, &exit):
		return err.Error(), false
	case found != nil:
		return fmt.Sprintf("caught after %6s schedules: %.70s%s", found[1], found[2], stale), true
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return "caught by a crash or a hang: " + first, true
}
