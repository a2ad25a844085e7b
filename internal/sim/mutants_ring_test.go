//go:build !race

package sim

import (
	"fmt"
	"os/exec"
	"testing"
	"time"
)

// mutantsOfRing concern operations that a kernel performs by itself, too. The schedules with the
// ring must catch them.
var mutantsOfRing = []mutant{
	{"EndDuringACallForgotten", "serve.go", []edit{
		{"\t\t\th.latch[d] |= endedEarly\n\t\t\tcontinue", "\t\t\tcontinue"}}},
	{"EndedEarlyIgnored", "native.go", []edit{
		{"if h.latch[d]&endedEarly != 0 {", "if h.latch[d]&endedEarly != 0 && h.fd < 0 {"}}},
	{"EndAppliedDuringACall", "serve.go", []edit{
		{"if !h.isInside(d) { // a", "if !h.isBusy(d) { // a"}}},
	{"UndecidedBesideWhatIsInside", "native.go", []edit{
		{"\th.decideOther(d)\n\tif h.intentOf", "\tif h.intentOf"}}},
	{"IntentDuringAStartForgotten", "native.go", []edit{
		{"if h.intentOf(s) != noIntent { // perhaps", "if h.intentOf(s) != noIntent && h.fd < 0 { // perhaps"}}},
	{"AbandonedKeptByAnEnd", "serve.go", []edit{
		{"\t\th.latch[d] &^= abandoned\n", ""}}},
	{"AbandonedKeptByAnEndInACall", "native.go", []edit{
		{"h.latch[d] &^= endedEarly | abandoned", "h.latch[d] &^= endedEarly"}}},
	{"AbandonsWithoutAnIntent", "native.go", []edit{
		{"if h.intentOf(s) == noIntent {", "if h.intentOf(s) == noIntent && h.fd < 0 {"}}},
	{"AbandonedTwice", "native.go", []edit{
		{"if !h.isInside(d) || h.latch[d]&abandoned != 0 {", "if !h.isInside(d) {"}}},
	{"AbandonHitsTheNext", "native.go", []edit{
		{"\ts.enter(Calling)\n\th.mu.Unlock()\n\tended := call()", "\th.mu.Unlock()\n\tended := call()"},
		{"\ts.enter(Inside)\n", "\tif s.phase() == Calling {\n\t\ts.enter(Inside)\n\t}\n"}}},
	{"ResultUnderAnIntentDropped", "serve.go", []edit{
		{"h.apply(d, s, h.finish(s))", "r := h.finish(s)\n\t\tif h.intentOf(s) != noIntent {\n\t\t\tr = callResult{verdict: wouldBlock}\n\t\t}\n\t\th.apply(d, s, r)"}}},
	{"NotRunBehindAnEnd", "serve.go", []edit{
		{"h.apply(d, s, h.finish(s))\n\t\th.run(d)", "h.apply(d, s, h.finish(s))"}}},
	{"PollForInputStartedAsARead", "native.go", []edit{
		{"return h.startWait(s, backend.PollIn)", "return h.startWait(s, backend.Read)"}}},
	{"StaleEndTaken", "serve.go", []edit{
		{"handle == nil || handle.generation != e.Generation", "handle == nil"}}},
	{"BeganThoughReady", "native.go", []edit{
		{"return callResult{verdict: progressed} // counts as an edge\n\t}\n\treturn s.haveRead", "return callResult{verdict: wouldBlock}\n\t}\n\treturn s.haveRead"}}},
	{"AgainTakenForTheResult", "native.go", []edit{
		{"\t\treturn s.tryAgain(n)\n\tcase backend.WouldBlock:", "\tcase backend.WouldBlock:"}}},
	{"IsOverIgnored", "apply.go", []edit{
		{" && once.IsOver(int(h.fd))", ""}}},
	{"ResetToldToWhatIsInside", "apply.go", []edit{
		{"once.IsOver(int(h.fd))", "once.IsOver(int(h.fd)) && h.fd < 0"}}},
	{"AcceptAheadOfNothing", "native.go", []edit{
		{" || s.kind != backend.Accept {", " {"}}},
	{"EndInAcceptAheadForgotten", "native.go", []edit{
		{"\tif ended {\n", "\tif ended && h.fd < 0 {\n"}}},
	{"SelectedNotCounted", "selected.go", []edit{
		{"\tk.made++\n", ""}}},
	{"SelectedForNothingLost", "native.go", []edit{
		{"if r.buffer != nil {", "if r.buffer != nil && r.n > 0 {"}}},
	{"NumberUsedTwice", "selected.go", []edit{
		{"append(s.unused, uint16(number))", "append(s.unused, uint16(number), uint16(number))"}}},
	{"NumberTakenTwice", "selected.go", []edit{
		{"\t\ts.width++\n", ""}}},
	{"GroupGetsWhatIsLent", "pool.go", []edit{
		{"\t\tk.made--\n\t\tk.provide(b)", "\t\tk.made--\n\t\tk.provide(b)\n\t\tk.count++\n\t\tk.made++\n\t\tb.next, k.free = k.free, b"}}},
	{"ClosedReadTakesABuffer", "apply.go", []edit{
		{" || h.doom(in) != nil", ""}}},
	{"TimedOutReadWaitsForAConnect", "apply.go", []edit{
		{"h.state&connecting != 0 || h.doom", "h.doom"}}},
	{"BrokenPipeBehindAPiece", "perform.go", []edit{
		{" && !r.gone", ""}}},
	{"UnknownCountTakenForNone", "layer.go", []edit{
		{"layer.Ended(n, errno != 0 && class == backend.Again)", "layer.Ended(n, false)"}}},
	{"CopyTakesOutOfTurn", "native.go", []edit{
		{"if c := copyingOf(s.op); c.readable {", "if c := copyingOf(s.op); c != nil {"}}},
	{"DrainLeavesWaitersAsleep", "scheduler/poll.go", []edit{
		{"if s.work.InFlight() == 0 {\n\t\t// Nothing", "if s.work.InFlight() < 0 {\n\t\t// Nothing"}}},
	{"AbortedConnectFailsOneRead", "complete.go", []edit{
		{"h.state&(broken|failed) == 0 { // that", "h.state&broken == 0 { // that"}}},
	{"BufferReservedDuringAConnect", "direction.go", []edit{
		{"\t\th.stopWaiting(s.record())\n", ""}}},
	{"CloseLeavesWritesInside", "close.go", []edit{
		{"l.abandon(out) || inside ||", "inside ||"}}},
	{"ShutdownLeavesReadsInside", "close.go", []edit{
		{"\tl.listInside(in)\n", ""}}},
}

// TestMutantsOfRing: every one is caught. Without -sim.mutants only the first is tried.
func TestMutantsOfRing(t *testing.T) {
	if testing.Short() {
		t.Skip("each mutant is compiled")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command: mutants can't be compiled")
	}
	kept := readRegressions(t, nativeList)
	for _, m := range chosen(mutantsOfRing, mutantsOfRing[0]) {
		source(t, m)
		begin := time.Now()
		how, caught := m.tryOn(t.Context(), goTool, t.TempDir(), kept, "Native")
		line := fmt.Sprintf("%-32s %s (%.1f s)", m.name, how, time.Since(begin).Seconds())
		if caught {
			t.Log(line)
		} else {
			t.Error(line)
		}
	}
}
