package sim

// mutantsOfCopies are those that copies show.
var mutantsOfCopies = []mutant{
	{"HalfInNotListedForItsTurn", "copy_turn.go", []edit{
		{"if was&(inEnded|inWaits) == inWaits {", "if was&(inEnded|inWaits) == inEnded {"}}},
	{"HalfInTakesOutOfTurn", "copy_turn.go", []edit{
		{"turn&(inHasTurn|outEnded) == inHasTurn", "turn&outEnded == 0"}}},
	{"TurnPassedToWhatHasEnded", "copy_call.go", []edit{
		{"if turn&outEnded != 0 {", "if turn&outEnded != 0 && n == 0 {"}}},
	{"HalfInWaitsUnseen", "copy_call.go", []edit{
		{"c.turn.Or(inWaits)&outEnded != 0", "c.turn.Load()&outEnded != 0"}}},
	{"HalfOutNotPerformedByTheOther", "copy_call.go", []edit{
		{"\tto.run(out)\n", ""}}},
	{"PipeKeptByWhatWaits", "copy_call.go", []edit{
		{"\t\tc.putPipe(p)\n\t\tif c.unpiped", "\t\tif c.unpiped"}}},
	{"MemoryKeptByWhatWaits", "copy_call.go", []edit{
		{"\t\t\tc.freeMemory()\n\t\t\treturn h.tookNothing", "\t\t\treturn h.tookNothing"}}},
	{"PipeLeftWithItsBytes", "complete.go", []edit{
		{"\t\t\th.failed = true // explain", "\t\t\t// explain"}}},
	{"PipeWithBytesUsedAgain", "copy_turn.go", []edit{
		{"\t\tc.From.port.splicer.ClosePipe(c.pipe)\n\t\tc.pipe = backend.Pipe{}\n", "\t\tc.putPipe(c.From.port)\n"}}},
	{"EmptyPipesLeft", "copy_turn.go", []edit{
		{"for _, pipe := range p.pipes.free {", "for _, pipe := range p.pipes.free[:len(p.pipes.free)/2] {"}}},
	{"RestOfACopySentFromItsBeginning", "copy_call.go", []edit{
		{"c.memory[c.used-held : c.used]", "c.memory[:held]"}}},
	{"CopyTakesMoreThanItsCount", "copying.go", []edit{
		{"min(c.Count-c.taken, int64(limit))", "min(c.Count, int64(limit))"}}},
	{"CopyGoesOnAfterItsCount", "copy_call.go", []edit{
		{"last := c.Count > 0 && c.taken+int64(r.n) == c.Count || c.Some", "last := c.Some"}}},
	{"HalfOutGoesOnAfterTheLastBytes", "copy_call.go", []edit{
		{"if c.turn.Load()&takesNoMore != 0 {", "if c.turn.Load()&takesNoMore != 0 && c.Count < 0 {"}}},
	{"HalfInGoesOnAfterItsLastBytes", "copy_call.go", []edit{
		{"c.passTurn(r.n, last) || last;", "c.passTurn(r.n, last);"}}},
	{"OtherHalfNeverTold", "port.go", []edit{
		{"c.left > 0 && c.turn.Load()&takesNoMore != 0 {", "c.left > 0 && (c.Some || c.turn.Load()&takesNoMore != 0) {"}}},
	{"SomeEndsAfterAFullRead", "copy_call.go", []edit{
		{"c.Some && exhausted && !c.short", "c.Some && !c.short"}}},
	{"ShortReadOfACopyForgotten", "apply.go", []edit{
		{"case endedAndExhausted, progressedAndExhausted, movedAndExhausted:", "case endedAndExhausted, movedAndExhausted:"}}},
	{"SomeGoesOn", "copy_call.go", []edit{
		{"if c.Some && c.taken > 0 &&", "if c.Some && c.Count > 0 && c.taken > 0 &&"}}},
	{"SomeEndsWithNothing", "copy_call.go", []edit{
		{"if c.Some && c.taken > 0 &&", "if c.Some &&"}}},
	{"SomeMustReachItsCount", "copying.go", []edit{
		{"c.why == endOfFile && c.Count > 0 && !c.Some", "c.why == endOfFile && c.Count > 0"}}},
	{"ShortCopyTakenForDone", "copying.go", []edit{
		{"c.why == endOfFile && c.Count > 0 && !c.Some", "c.why == endOfFile && c.Count > 0 && c.taken == 0"}}},
	{"HalfOfACopyBreaksNothing", "slot.go", []edit{
		{"s.kind == backend.Write || s.kind == backend.Copy", "s.kind == backend.Write"}}},
	{"CopiesQueuedInAnyOrder", "copy_begin.go", []edit{
		{"\tp.lockMutex(&p.copyOrder)\n", ""}, {"\tp.copyOrder.Unlock()\n", ""}}},
	{"HalvesInQueuedFirst", "submit.go", []edit{
		{"\t\tslices.SortStableFunc(slots, outFirst)\n", "\t\tslices.Reverse(slots)\n\t\tslices.SortStableFunc(slots, outFirst)\n\t\tslices.Reverse(slots)\n"}}},
	{"OtherHalfNotTold", "port.go", []edit{
		{"\t\tst.ready.push(readyDirection{})\n", ""}}},
	{"HalfOutWithNothingLeft", "intent.go", []edit{
		{"(c.turn.Load()&inHasTurn != 0 || c.held(s) == 0):", "c.turn.Load()&inHasTurn != 0:"}}},
	{"HalfOutEndsWithItsBytes", "intent.go", []edit{
		{"(c.turn.Load()&inHasTurn != 0 || c.held(s) == 0):", "true:"}}},
	{"ProgressBehindTheEnd", "apply.go", []edit{
		{"sum.Store(rec.n)", "sum.Store(rec.n - int64(n))"}}},
	{"TakenByTheLastUse", "copying.go", []edit{
		{"\tc.taken = 0\n", ""}}},
	{"SplicedToALayer", "copy_call.go", []edit{
		{"if _, layered := p.layers.Load(c.To); layered || !p", "if !p"}}},
	{"MemoryKeptByALayer", "layer.go", []edit{
		{"\tc.freeMemory()\n\tif err != nil {", "\tif err != nil {"}}},
	{"CopyDoesNotOwe", "layer.go", []edit{
		{"\tif !owes {\n\t\treturn c.sent(s, n)", "\tif !owes || n > 0 {\n\t\treturn c.sent(s, n)"}}},
	{"ShutdownForgetsACallOfACopy", "copying.go", []edit{
		{"if c.in.phase() == Calling {", "if c.in == nil {"}}},
	{"ConnectWaitsBehindACopy", "direction.go", []edit{
		{"for s == nil && d == out && h", "for s == nil && h.fd < 0 && h"}}},
	{"WhatIsAheadOfAConnectForgotten", "intent.go", []edit{
		{"if !wasHead && h.state&failed == 0 {", "if !wasHead {"}}},
	{"FailureOfAClosedDescriptor", "copy_begin.go", []edit{
		{"h.failed && h.users", "h.failed && h.fd < 0 && h.users"}}},
}

// mutantsOfPolls are those that polls show.
var mutantsOfPolls = []mutant{
	{"PollEndsUnready", "poll.go", []edit{
		{"case !k.Probe(int(h.fd), s.kind):", "case !k.Probe(int(h.fd), s.kind) && s.kind == backend.PollOut:"}}},
	{"PollEndsWhenItWouldWait", "poll.go", []edit{
		{"callResult{verdict: wouldBlock}", "callResult{verdict: endedAndExhausted}"}}},
	{"PollTakesTheEdge", "poll.go", []edit{
		{"callResult{verdict: moved}", "callResult{verdict: endedAndExhausted}"}}},
	{"PollNeverEnds", "poll.go", []edit{
		{"callResult{verdict: moved}", "callResult{verdict: progressedAndExhausted}"}}},
	{"PollSpins", "poll.go", []edit{
		{"callResult{verdict: wouldBlock}", "callResult{verdict: progressed}"}}},
	{"PollForReadingAmongTheWrites", "handle.go", []edit{
		{"1<<backend.CopyIn | 1<<backend.PollIn", "1<<backend.CopyIn"}}},
	{"PollForWritingAmongTheReads", "handle.go", []edit{
		{"1<<backend.CopyIn | 1<<backend.PollIn", "1<<backend.CopyIn | 1<<backend.PollIn | 1<<backend.PollOut"}}},
	{"PollProbesTheOtherDirection", "poll.go", []edit{
		{"k.Probe(int(h.fd), s.kind)", "k.Probe(int(h.fd), backend.PollIn)"}}},
	{"PollForWritingRefusedByAShutdown", "direction.go", []edit{
		{"!s.isWrite() && s.kind != backend.PollOut:", "!s.isWrite():"}}},
	{"PollForWritingEndedByAShutdown", "complete.go", []edit{
		{"h.state&draining != 0 && (d == in || ", "h.state&draining != 0 && (d == in || h.idle(d) != nil && h.idle(d).isPoll() || "}}},
	{"ConnectWaitsForTheEdgeOfAPoll", "direction.go", []edit{
		{"case s.isUnasked(h.port), s", "case s"}}},
	{"PollThroughALayerEndsWell", "direction.go", []edit{
		{"\t\tf = unsupported(s).failure\n", ""}}},
	{"PollTriedWithoutAnEdge", "direction.go", []edit{
		{"case h.latch[d]&(ready|undecided) != ready:", "case h.latch[d]&(ready|undecided) != ready && !s.isPoll():"}}},
	{"PollLooksPastAClose", "complete.go", []edit{
		{"\t\ts := h.idle(d)\n\t\tswitch {\n\t\tcase s == nil:", "\t\ts := h.idle(d)\n\t\tswitch {\n\t\tcase s == nil || s.isPoll():"}}},
}
