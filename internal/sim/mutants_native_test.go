//go:build !race

package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"
	"time"
)

// mutantsOfNative concern operations that a kernel performs by itself. The engine's own tests
// have such a kernel, which does as Windows does, and must catch these. Those that the simulator's
// ring must catch are mutantsOfRing. The first is the one that every run tries, since a test fails
// with it at once: with others it hangs until its time is up.
var mutantsOfNative = []mutant{
	{"ShutdownCutShortByAKernel", "close.go", []edit{
		{"all = !p.writesLeft()", "all = st.InFlight() == 0"}}},
	{"NotHeardForgotten", "native.go", []edit{
		{"if !hasEnded && !heard {", "if !hasEnded && !heard && h.fd < 0 {"}}},
	{"NotHeardTakenForHeard", "native.go", []edit{
		{"h.latch[d] &^= abandoned\n\t\th.port.listUnheard", "h.port.listUnheard"}}},
	{"SleepsOnWhatWasNotHeard", "native.go", []edit{
		{"st.schedule(&u.slot)", "u.slot.heap = 1"}}},
	{"AsksAgainOnce", "native.go", []edit{
		{"if u.slot.heap == 0 {", "if u.slot.deadline == 0 {"}}},
	{"AsksUntilHeard", "native.go", []edit{
		{"heard = h.port.native.Abandon(int(h.fd), s.nativeKind())", "for !heard {\n\t\t\theard = h.port.native.Abandon(int(h.fd), s.nativeKind())\n\t\t}"}}},
	{"CloseDoesNotAskAgain", "scheduler/poll.go", []edit{
		{"case s.work.Ready() || s.work.Deadline() <= s.clock.Now():", "case s.work.Ready():"}}},
	{"CloseSleepsOnWhatWasNotHeard", "scheduler/poll.go", []edit{
		{"s.until, s.how = s.work.Deadline(), how", "s.until, s.how = backend.Never, how"}}},
	{"CloseAsksWithoutALook", "scheduler/poll.go", []edit{
		{"s.pollClosed(backend.Look)", ""}}},
	{"CloseForgetsWhatWasNotHeard", "close.go", []edit{
		{"case s == &st.unheard.slot:", "case s == &st.unheard.slot && p.timer.state&closing == 0:"}}},
	{"CancelledWriteNotCutShort", "complete.go", []edit{
		{" || s.progress&cutShort != 0", ""}}},
	{"AbortedWriteBegunAnew", "native.go", []edit{
		{"if s.sends() {\n\t\t\tr :=", "if s.kind == backend.CloseWrite {\n\t\t\tr :="}}},
	{"BatchBegunWithItsFirstDatagram", "native.go", []edit{
		{"m = &d.Messages[d.Done]", "m = &d.Messages[0]"}}},
	{"SendBegunWithoutACall", "native.go", []edit{
		{"if r := h.sendMessages(s); r.verdict != wouldBlock {", "if r := h.sendMessages(s); r.verdict == ended {"}}},
	{"DatagramInsideNotCounted", "native.go", []edit{
		{"return h.haveReceived(s, 1, 0)", "return h.haveReceived(s, 0, 0)"}}},
	// Few schedules show this one, and TestListedOnce does.
	{"ListedWithEachEdge", "queue.go", []edit{
		{"if h.state&(listedIn<<d) != 0 {", "if h.state&(listedIn<<d) != 0 && h.fd < 0 {"}}},
	{"FailedReadForgetsItsBytes", "complete.go", []edit{
		{"f != nil && s.seeks()", "f != nil && s.seeks() && rec.n == 0"}}},
	{"SeekCancelledWithItsMessage", "native.go", []edit{
		{"\tcase n > 0 && s.kind == backend.Read && s.seeks():\n\t\treturn s.haveSought(n, len(s.rest()), true)\n", ""}}},
	{"ReadAtTakenFromItsCall", "serve.go", []edit{
		{"if s.phase() == Calling { // see readEnded", "if false {"}}},
	{"ReadAtsNeedASocket", "serve.go", []edit{
		{" || st.port.readAts.Load() > 0", ""}}},
	{"RestOfAReadAtFromItsStart", "readat.go", []edit{
		{"offset+had", "offset"}}},
	{"ReadAtKeptAfterAnErrno", "workpool.go", []edit{
		{"case how&readFailed != 0:", "case false:"}}},
}

var failedTest = regexp.MustCompile(`--- FAIL: Test\w+`)

// TestMutantsOfNative: every one is caught. Without -sim.mutants only the first is
// tried.
func TestMutantsOfNative(t *testing.T) {
	if testing.Short() {
		t.Skip("each mutant is compiled")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command: mutants can't be compiled")
	}
	for _, m := range chosen(mutantsOfNative, mutantsOfNative[0]) {
		source(t, m)
		begin := time.Now()
		how, caught := m.tryNative(t.Context(), goTool, t.TempDir())
		line := fmt.Sprintf("%-32s %s (%.1f s)", m.name, how, time.Since(begin).Seconds())
		if caught {
			t.Log(line)
		} else {
			t.Error(line)
		}
	}
}

// TestMutantsOfScheduler: every one is caught by the scheduler's own simulation. Without
// -sim.mutants only one is tried.
func TestMutantsOfScheduler(t *testing.T) {
	if testing.Short() {
		t.Skip("each mutant is compiled")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command: mutants can't be compiled")
	}
	list := slices.Clone(mutantsOfScheduler)
	for _, m := range mutants {
		if slices.Contains(caughtAlone, m.name) {
			list = append(list, m)
		}
	}
	if len(list) != len(mutantsOfScheduler)+len(caughtAlone) {
		t.Error("caughtAlone names a mutant that is not there")
	}
	for _, m := range chosen(list, list[0]) {
		source(t, m)
		how, caught := m.tryPackage(t.Context(), goTool, t.TempDir(), "../scheduler", "-test.run=^TestSchedules$", "-schedules=100000", "-test.timeout=5m")
		if caught {
			t.Logf("%-32s %s", m.name, how)
		} else {
			t.Errorf("%-32s %s", m.name, how)
		}
	}
}

// tryNative runs those of the engine's tests that have such a kernel.
func (m mutant) tryNative(ctx context.Context, goTool, dir string) (how string, caught bool) {
	return m.tryPackage(ctx, goTool, dir, "../core", "-test.run=^Test(Native|ListedOnce|Until)", "-test.timeout=20s")
}

// tryPackage compiles the tests of a package with the mutant and runs them.
func (m mutant) tryPackage(ctx context.Context, goTool, dir, pkg string, args ...string) (how string, caught bool) {
	binary, err := m.compile(ctx, goTool, dir, pkg)
	if err != nil {
		return err.Error(), false
	}
	defer os.Remove(binary)
	out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "survives", false
	case !errors.As(err, &exit):
		return err.Error(), false
	}
	if failed := failedTest.Find(out); failed != nil {
		return "caught: " + string(failed), true
	}
	return "caught by a crash or a hang", true
}
