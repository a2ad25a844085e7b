package sim

// mutant is a small defect of the engine, as replacements in one of its files, or
// of package kqueue, whose files are named with their folder.
type mutant struct {
	name, file string
	edits      []edit
}

// edit replaces a text that stands in the file once.
type edit struct{ old, new string }

// mutantsOfStreams are those of the engine that connections and timers show. A text is as short as it can be.
var mutantsOfStreams = []mutant{
	{"LatchClearedAfterTheCall", "direction.go", []edit{
		{"h.latch[d] &^= ready | stopsShort\n", "h.latch[d] &^= stopsShort\n"},
		{"h.lockMutex()\n\th.counts.calls++", "h.lockMutex()\n\th.latch[d] &^= ready\n\th.counts.calls++"}}},
	{"ShortReadTakenForTheLast", "serve.go", []edit{
		{"if r&backend.StopsShort != 0 {", "if r&backend.StopsShort != 0 && h.fd < 0 {"}}},
	{"StopsShortOnce", "direction.go", []edit{
		{"if r.verdict != wouldBlock {", "if r.verdict > begunInKernel {"}}},
	{"StopsShortClearedAfterTheCall", "direction.go", []edit{
		{"h.latch[d] &^= ready | stopsShort\n", "h.latch[d] &^= ready\n"},
		{"if r.verdict != wouldBlock {\n\t\t\th.latch[d] |= short", "if r.verdict == wouldBlock {\n\t\t\th.latch[d] &^= stopsShort | short"}}},
	{"AdoptedSocketTakenForNew", "handles.go", []edit{
		{"known = stopsShort", "known = 0"}}},
	{"EdgeToReadDuringCallLost", "serve.go", []edit{
		{"if r&backend.Readable != 0 {", "if r&backend.Readable != 0 && !h.isBusy(in) {"}}},
	{"EdgeToWriteDuringCallLost", "serve.go", []edit{
		{"if r&backend.Writable != 0 {", "if r&backend.Writable != 0 && !h.isBusy(out) {"}}},
	{"TwoOwnersOfADirection", "direction.go", []edit{
		{"if h.isBusy(d) && !h.acceptMore(d) {\n\t\treturn", "if false {\n\t\treturn"}}},
	{"StaleEventTaken", "serve.go", []edit{
		{"handle == nil || handle.generation != e.Generation", "handle == nil"}}},
	{"TicketGenerationNotCompared", "intent.go", []edit{
		{"!s.has(t) || s.handle", "!s.phase().inFlight() || s.handle"}}},
	{"PhaseLeftAtCalling", "apply.go", []edit{
		{"\t\ts.enter(Queued)\n", "\n"}}},
	{"TicketOfWhatIsDone", "phase.go", []edit{
		{"p-Accepted <= Inside-Accepted", "p-Accepted <= Done-Accepted"}}},
	{"TicketOfAFreeSlot", "phase.go", []edit{
		{"p-Accepted <= Inside-Accepted", "p != Done"}}},
	{"DoneBeforeItsResult", "complete.go", []edit{
		{"h.finishResult(s, rec, f)\n\ts.enterDone()", "s.enterDone()\n\th.relock()\n\th.finishResult(s, rec, f)"}}},
	{"SecondIntentRecorded", "intent.go", []edit{
		{"s.handle.Load() != handle || h.intentOf(s) != noIntent {", "s.handle.Load() != handle {"}}},
	{"CancelCompletesTwice", "intent.go", []edit{
		{"case s.phase() == Queued:", "case s.phase() != Accepted:"}}},
	{"OneBehindACancelledHeadForgotten", "intent.go", []edit{
		{"if !wasHead &&", "if wasHead &&"}}},
	{"AbortSkipped", "complete.go", []edit{
		{"f != nil && isShort &&", "f != nil && isShort && h.fd < 0 &&"}}},
	{"RestOfTheBudgetForgotten", "direction.go", []edit{
		{"if budget <= 0 {", "if budget <= 0 {\n\t\t\treturn\n\t\t}\n\t\tif h.fd < 0 {"}}},
	{"UndecidedNotListed", "apply.go", []edit{
		{"h.latch[1-d] &^= undecided\n", "h.latch[1-d] &^= undecided\n\t\treturn\n"}}},
	{"IntentDuringCallForgotten", "apply.go", []edit{
		{"if i := h.intentOf(s); i != noIntent && (", "if i := h.intentOf(s); i == toFire && ("}}},
	{"UnusedBufferKept", "apply.go", []edit{
		{"s.flags&pooled != 0 && rec.n == 0 {", "s.flags&pooled != 0 && rec.n < 0 {"}}},
	{"EndOfStreamSharesItsEdge", "apply.go", []edit{
		{"if h.latch[d]&stopsShort != 0 {", "if h.latch[d]&stopsShort != 0 && h.fd < 0 {"}}},
	{"ReadsBehindAConnectForgotten", "complete.go", []edit{
		{"if h.queue[in].tail != nil {", "if h.queue[in].tail != nil && h.fd < 0 {"}}},
	{"ReadsDontWaitForTheConnect", "direction.go", []edit{
		{"d == in && h.state&connecting != 0:", "d == in && h.state&connecting != 0 && h.fd < 0:"}}},
	{"ConnectFailureNotShared", "complete.go", []edit{
		{"h.state |= failed\n", "h.state |= failed\n\t\treturn\n"}}},
	{"ResetToldToTheOtherDirection", "apply.go", []edit{
		{"return other.phase() == Calling ||", "return other.phase() == Calling && h.fd < 0 ||"}}},
	{"ErrnoNotRemembered", "apply.go", []edit{
		{"if h.errno == 0 && r.fatal {", "if h.errno == 0 && r.fatal && h.fd < 0 {"}}},
	{"CloseOutweighsACancel", "direction.go", []edit{
		{"if s.intent == noIntent { // else somebody", "{ // else somebody"}}},
	{"CloseWriteWaitsForRoom", "direction.go", []edit{
		{"s.kind == backend.CloseWrite && h.state&layered == 0: //", "s.kind == backend.CloseWrite && h.fd < 0: //"}}},
	{"FullBufferTakenForExhausted", "perform.go", []edit{
		{"case n == space:\n\t\treturn callResult{verdict: ended, n: n}", "case n == space:\n\t\treturn callResult{verdict: endedAndExhausted, n: n}"}}},
	{"ShortWriteTakenForDone", "perform.go", []edit{
		{"if n == rest {", "if n > 0 {"}}},
	{"WriteBeginsAgain", "perform.go", []edit{
		{"rest := rec.buffer.data[rec.n:rec.buffer.n]", "rest := rec.buffer.data[:rec.buffer.n]"}}},
	{"FullReadBeginsAgain", "perform.go", []edit{
		{"rec.buffer.data[rec.buffer.n+int(rec.n):]", "rec.buffer.data[rec.buffer.n:]"}}},
	{"ConnectAskedTwice", "perform.go", []edit{
		{"if rec := s.record(); rec.n == 0 {", "if rec := s.record(); rec.n >= 0 {"}}},
	{"ClosedUnderACall", "handles.go", []edit{
		{" && h.queue[in].tail == nil && h.queue[out].tail == nil", ""}}},
	{"ClosedWithOperationsQueued", "handles.go", []edit{
		{"h.queue[in].tail == nil && h.queue[out].tail == nil", "!h.isBusy(in) && !h.isBusy(out)"}}},
	{"ClosedWhileLent", "handles.go", []edit{
		{"h.users == 0 && ", ""}}},
	{"ForgetsTheNextOwner", "handles.go", []edit{
		{"if p.table.Get(int(h.fd)) == h {", "if h.fd >= 0 {"}}},
	{"CloseAbortsWhatItCloses", "complete.go", []edit{
		{"case h.closes(d):\n", "case h.closes(d):\n\t\tif h.state&broken != 0 || d == out {\n\t\t\treturn abortedFailure\n\t\t}\n"}}},
	{"CloseEndsOneTurn", "complete.go", []edit{
		{"case left == 0:\n\t\t\treturn true", "case left == 0:\n\t\t\treturn false"}}},
	{"RestOfACascadeNotListed", "direction.go", []edit{
		{"h.list(d)\n\t\t\t\treturn nil", "return nil"}}},
	{"RestOfTheReadsNotListed", "complete.go", []edit{
		{"h.endDoomed(in) {\n\t\th.list(in)", "h.endDoomed(in) {"}}},
	{"CancelAfterTheCloseIsRecorded", "complete.go", []edit{
		{"return h.state&closing != 0 || ", "return h.state&closing != 0 && h.fd < 0 || "}}},
	{"MendedWhenAllAreAborted", "complete.go", []edit{
		{"case s == nil:\n\t\t\treturn false", "case s == nil:\n\t\t\th.state &^= broken\n\t\t\treturn false"}}},
	{"NeverMended", "complete.go", []edit{
		{"own.Handle, own.breaks = h.Handle, true", "own.Handle, own.breaks = h.Handle, h.fd < 0"}}},
	{"MendedBehindWhatIsQueued", "handle.go", []edit{
		{"last := l.queue[out].tail; last != nil {", "last := l.queue[out].tail; last != nil && l.fd < 0 {"}}},
	{"WaitMendsNothing", "await.go", []edit{
		{"if f := r.failure; f != nil && f.breaks {", "if f := r.failure; f != nil && f.breaks && r.n < 0 {"}}},
	{"NextMendsNothing", "port.go", []edit{
		{"if f := rec.failure; f != nil && f.breaks {", "if f := rec.failure; f != nil && f.breaks && rec.n < 0 {"}}},
	{"NeighbourKeepsALinkToTheRemoved", "slot.go", []edit{
		{"s.prev.next, s.next.prev = s.next, s.prev", "s.prev.next = s.next"}}},
	{"TailRemovedAndKept", "slot.go", []edit{
		{"l.tail = s.prev", "l.tail = s.next"}}},
	{"BatchInTheWrongOrder", "submit.go", []edit{
		{"slices.SortStableFunc(slots, byHandle)", "slices.Reverse(slots)\n\tslices.SortStableFunc(slots, byHandle)"}}},
	{"BatchBegunOneByOne", "submit.go", []edit{
		{"h.enqueue(s)\n\t\t}", "h.enqueue(s)\n\t\t\th.run(out)\n\t\t\th.relock()\n\t\t}"}}},
	{"RefusedBatchKept", "submit.go", []edit{
		{"st.unclaim(op.self())", "_ = op"}}},
	{"RefusedKeepsItsLastOutcome", "submit.go", []edit{
		{"rec.n, rec.failure = 0, ofKind(closedFailure, req.Kind)", "rec.n = 0"}}},
	{"PostNotOffered", "submit.go", []edit{
		{"st.completed += uint64(len(ops))\n\t\tst.scheduler.ItemsChanged()", "st.completed += uint64(len(ops))"}}},
	{"BatchWithPostsNotOffered", "submit.go", []edit{
		{"traces := p.observer.takeAccepted()\n\tst.scheduler.ItemsChanged()", "traces := p.observer.takeAccepted()"}}},
	{"PastDeadlineReachesTheKernel", "submit.go", []edit{
		{"case s.deadline != 0 && s.deadline <= now:", "case s.deadline != 0 && s.deadline < 0:"}}},
	{"GenerationNotRaised", "complete.go", []edit{
		{"s.enterDone()\n\th.ended.push(s)\n\tswitch", "s.enter(Done)\n\th.ended.push(s)\n\tswitch"}}},
	{"GenerationNotRaisedByATransfer", "apply.go", []edit{
		{"s.enterDone()\n\th.ended.push(s)\n}", "s.enter(Done)\n\th.ended.push(s)\n}"}}},
	{"TransferForgetsTheLatch", "apply.go", []edit{
		{"if r.verdict == ended || h.latch", "if h.latch"}}},
	{"ShortTransferForgetsTheLatch", "apply.go", []edit{
		{"if r.verdict == ended || h.latch[d]&stopsShort != 0 {", "if r.verdict == ended {"}}},
	{"GatheredInTheWrongOrder", "gather.go", []edit{
		{"for g.join(s) && s != h.queue[out].tail && s.next.joins(g.total) {\n\t\ts = s.next", "for g.join(s) && s != h.queue[out].tail && s.next.joins(g.total) {\n\t\ts = s.prev"}}},
	{"GatheredLeftQueued", "gather.go", []edit{
		{"\tfor _, s := range g.ops[:g.count] {\n\t\ts.enter(Calling)", "\tfor _, s := range g.ops[:1] {\n\t\ts.enter(Calling)"}}},
	{"GatheredPartCountsForAll", "gather.go", []edit{
		{"case left >= size:\n\t\t\tleft -= size\n", "case left > 0 || r.verdict == ended && r.failure == nil && !r.gone:\n\t\t\tleft -= size\n"}}},
	{"GatheredPartForgotten", "gather.go", []edit{
		{"callResult{verdict: progressedAndExhausted, n: left}", "callResult{verdict: wouldBlock}"}}},
	{"GatheredFailTogether", "gather.go", []edit{
		{"case i == 0:\n\t\t\th.apply(out, s, r)", "case i == 0 || r.failure != nil:\n\t\t\th.apply(out, s, r)"}}},
	{"IntentDuringAGatheredCallForgotten", "gather.go", []edit{
		{"\t\t\ts.enter(Queued)\n\t\t\th.goOnWaiting(out, s, callResult{verdict: wouldBlock})", "\t\t\ts.enter(Queued)"}}},
	{"GatheredCallForgetsTheLatch", "gather.go", []edit{
		{"\th.setLatch(out, r.verdict)\n", ""}}},
	{"GatheredCallClearsTheLatchAfterwards", "gather.go", []edit{
		{"\th.latch[out] &^= ready\n\tfor", "\tfor"},
		{"\th.applyTogether(g, r)", "\th.latch[out] &^= ready\n\th.applyTogether(g, r)"}}},
	{"GatheredAreNotInACall", "queue.go", []edit{
		{"\tfor s != nil && s.phase().inCall() {", "\tif s != nil && s.phase().inCall() {"}}},
	{"SecondConnectRefusedLate", "direction.go", []edit{
		{"(s.kind != backend.Connect || h.state&(connecting|connected) != 0)", "s.kind != backend.Connect"}}},
	{"AwaiterNotWoken", "scheduler/wait.go", []edit{
		{"w.ended = true\n", "w.ended = true\n\t\treturn\n"}}},
	{"ReadyListWakesNobody", "port.go", []edit{
		{"if st.ready.count > 0 {", "if st.ready.count < 0 {"}}},
	{"OfferLost", "port.go", []edit{
		{"st.scheduler.ItemsChanged()\n", "\n"}}},
	{"LastCompletionWakesNobody", "scheduler/scheduler.go", []edit{
		{"if s.work.InFlight() == 0 {", "if s.work.InFlight() < 0 {"}}},
	{"UnlentTwice", "buffer.go", []edit{
		{"return b.owner.Add(-1) == 0", "return b.owner.Add(-2) <= 0"}}},
	{"SharedBufferNeverRecycled", "buffer.go", []edit{
		{"return b.owner.Add(-1) == 0", "return b.owner.Add(-1) < 0"}}},
	{"SharedBufferRecycledEarly", "buffer.go", []edit{
		{"if owner == callersShare {", "if owner >= callersShare {"}}},
	{"EarlierTimerWithoutWake", "scheduler/scheduler.go", []edit{
		{"if when < s.until {", "if when < 0 {"}}},
	{"MovedDeadlineDropped", "timers.go", []edit{
		{"t.heap.down(0, timerEntry{when, s})", "t.heap.drop()"}}},
	{"EarlierDeadlineNotSifted", "timers.go", []edit{
		{"t.heap.up(int(s.heap-1), timerEntry{due, s})", "t.heap.at(int(s.heap - 1)).when = due"}}},
	{"HeapNotSiftedAfterADrop", "heap.go", []edit{
		{"t.down(0, last)", "t.place(0, last)"}}},
	{"LeaderNotParked", "scheduler/poll.go", []edit{
		{"s.parked = s.spin == 0", "s.parked = s.spin < 0"}}},
	{"NewsDuringSetTimeoutMissed", "scheduler/poll.go", []edit{
		{"return !s.satisfied(w) && s.work.Deadline() >= until", "return true"}}},
	{"ReadyListNotLookedAt", "scheduler/poll.go", []edit{
		{"if block && !s.work.Ready() {", "if block {"},
		{"if s.timeout <= until || s.work.Ready() {", "if s.timeout <= until {"}}},
	{"TimerNotArmedAnew", "scheduler/poll.go", []edit{
		{"s.timeout = unknownTimeout", "s.timeout += 0"}}},
	{"ServesAndMissesTheReadyList", "scheduler/poll.go", []edit{
		{"s.satisfied(s.leader) || s.work.Ready() ||", "s.satisfied(s.leader) ||"}}},
	{"ServesAndMissesItsOwn", "scheduler/poll.go", []edit{
		{"s.closed || s.satisfied(s.leader) ||", "s.closed ||"}}},
	{"ServesAndMissesAnEarlierTimer", "scheduler/poll.go", []edit{
		{" || deadline < s.timeout", ""}}},
	{"ServesAndIsNotParked", "scheduler/poll.go", []edit{
		{"s.until = s.work.Deadline()\n\t\ts.parked = true", "s.until = s.work.Deadline()"}}},
	{"StandbyNeverEnds", "scheduler/lead.go", []edit{
		{"s.Lock()\n\ts.standby = nil", "s.Lock()"}}},
	{"SpinnerMissesNews", "scheduler/poll.go", []edit{
		{"if s.satisfied(w) || s.newsFlag.Load() || s.until", "if s.satisfied(w) || s.until"}}},
	{"CloseUnderAWait", "scheduler/poll.go", []edit{
		{"how := s.chooseWait(w, block)\n\ts.Unlock()\n\n\tn := s.sleep(w, how)\n\n\ts.Lock()", "how := s.chooseWait(w, block)\n\ts.workers--\n\ts.Unlock()\n\n\tn := s.sleep(w, how)\n\n\ts.Lock()\n\ts.workers++"}}},
	{"ServesAndForgetsTheClock", "scheduler/poll.go", []edit{
		{"return deadline == backend.Never || deadline > s.clock.Now()", "return true"}}},
	{"NoClockBetweenEvents", "scheduler/lead.go", []edit{
		{"if s.work.Deadline() <= now && (len(s.pending) == 0 ||", "if now < 0 && (len(s.pending) == 0 ||"}}},
	{"ReadyListBehindAllEvents", "scheduler/lead.go", []edit{
		{"\tif s.work.Ready() {\n\t\t// One turn", "\tif len(s.pending) == 0 {\n\t\ts.poll(w, false)\n\t}\n\tif s.work.Ready() && len(s.pending) == 0 {\n\t\t// One turn"}}},
	{"EventsBehindTheReadyList", "scheduler/lead.go", []edit{
		{"\tif s.work.Ready() {\n\t\t// One turn", "\tfor s.work.Ready() {\n\t\t// One turn"}}},
	{"ReadyListRunsInFull", "serve.go", []edit{
		{"for n := min(st.ready.count, readyPerTurn); n > 0 && now < end; n-- {", "for st.ready.count > 0 && now < end {"}}},
	{"SpinOutlastsADeadline", "scheduler/poll.go", []edit{
		{"min(s.clock.Now()+s.spin, s.until)", "s.clock.Now() + s.spin"}}},
	{"LoopNeverLooks", "scheduler/wait.go", []edit{
		{"!s.closed && s.lookIsDue() {", "!s.closed && s.lookIsDue() && s.leader != nil {"}}},
	{"LoopLooksByCountAlone", "scheduler/pace.go", []edit{
		{"if spent >= TimeBetweenLooks {", "if spent < 0 {"}}},
	{"ListedAndForgotten", "serve.go", []edit{
		{"h.state &^= listedIn << r.direction", "_ = r.isListed"}}},
	{"ReadyListSatisfiesTheLeader", "scheduler/lead.go", []edit{
		{"if s.lookIsDueAfterTurn() {", "if s.lookIsDueAfterTurn() && s.closed {"}}},
	{"TurnsOfTheListNotCounted", "scheduler/pace.go", []edit{
		{"c.taken++\n", "\n"}}},
	{"PromiseKeptWaiting", "serve.go", []edit{
		{"\th.run(r.direction)\n\th.unlock", "\treserved := false\n\tif s := h.queue[in].head(); s != nil && s.flags&pooled != 0 {\n\t\tat := s.record().buffer.place\n\t\treserved = at != nil && at.reserved\n\t}\n\tif reserved && p.stale.Add(1)%64 != 0 {\n\t\th.list(r.direction)\n\t} else {\n\t\th.run(r.direction)\n\t}\n\th.unlock"}}},
	{"LeadNotHandedOn", "scheduler/wait.go", []edit{
		{"if successor != nil {", "if successor != nil && successor.number < 0 {"}}},
	{"HeirNotWoken", "scheduler/wait.go", []edit{
		{"s.leader, s.coming = successor, successor\n\t\ts.wakeWaiter(successor)", "s.leader = successor"}}},
	{"HintNeverTakenBack", "scheduler/wait.go", []edit{
		{"\t\ts.itemWakes--\n", "\n"}}},
	{"ParkedLeaderNotOffered", "scheduler/wait.go", []edit{
		{"if leads && !s.parked {", "if leads {"}}},
	{"WakeUpClearedTooEarly", "scheduler/scheduler.go", []edit{
		{"\t\ts.parked = false\n\t\ts.wakeAfter = true\n", "\t\ts.parked = false\n"}}},
	{"ContextEndedBeforeTheWait", "await.go", []edit{
		{"if w.ContextOver() { // before", "if w.ContextOver() && number < 0 { // before"}}},
	{"ContextCancelsNothing", "scheduler/context.go", []edit{
		{"s.work.ContextEnded(int(w.number))", "_ = w.number"}}},
	{"ContextWakesNobody", "scheduler/context.go", []edit{
		{"\t\t\t\ts.wakeWaiter(w)\n", "\n"}}},
	{"CallbackOfAnotherContext", "scheduler/context.go", []edit{
		{"if w.registered == r {", "if w.number >= 0 {"}}},
	{"PromiseNotListed", "pool.go", []edit{
		{"k.pool.port.list(readyDirection{handle: at.handle, direction: in})", ""}}},
	{"PromiseLost", "pool.go", []edit{
		{"\t\tk.reserved--\n\t\tlisted = k.reserve()", "\t\tk.reserved--"}}},
	{"BorrowsNotClosed", "close.go", []edit{
		{"p.endTimers(closing)\n\tp.endUnlisted()", "p.endTimers(closing)"}}},
	{"BorrowsNotShutDown", "close.go", []edit{
		{"p.endTimers(draining)\n\tp.endUnlisted()", "p.endTimers(draining)"}}},
	{"BorrowsOfTheFirstTickets", "close.go", []edit{
		{"isFileless(s.kind) {\n\t\t\ttickets[i]", "isFileless(s.kind) {\n\t\t\ttickets[0]"}}},
	{"PoolWaiterNotWoken", "pool.go", []edit{
		{"k.count++\n\t}\n\treturn k.reserve()", "k.count++\n\t}\n\treturn false"}}},
	{"PoolQueueLosesItsEnd", "pool.go", []edit{
		{"\t\tk.last = at.prev\n", ""}}},
	{"PoolWaiterLeavesInName", "pool.go", []edit{
		{"\t} else {\n\t\tk.unlink(at)\n\t}\n\tk.vacate", "\t}\n\tk.vacate"}}},
	{"BufferOfAFailedReadLost", "complete.go", []edit{
		{"\th.putBack(rec)\n\trec.buffer = nil", "\trec.buffer = nil"}}},
	{"CloseDoesNotWakeTheLeader", "scheduler/scheduler.go", []edit{
		{"s.closed, s.refusing = true, true\n\ts.WakeLeader()", "s.closed, s.refusing = true, true"}}},
	{"CloseDoesNotWaitForThePoller", "scheduler/scheduler.go", []edit{
		{"return s.workers > 0 || s.callbacks > 0", "return s.callbacks > 0"}}},
	{"CloseDoesNotWaitForCallbacks", "scheduler/scheduler.go", []edit{
		{"return s.workers > 0 || s.callbacks > 0", "return s.workers > 0"}}},
}

// mutantsOfScheduler are what the simulation of the scheduler alone must catch, beside
// those of its files above that caughtAlone names.
var mutantsOfScheduler = []mutant{
	{"MoreHelpersThanProcessors", "scheduler/wait.go", []edit{
		{" && s.helpers < s.processors-1", ""}}},
	{"HelperTakesATurn", "scheduler/lead.go", []edit{
		{"if !s.closed && s.leader == w {", "if !s.closed {"}}},
	{"CloseDoesNotWaitForHelpers", "scheduler/lead.go", []edit{
		{"s.workers++\n\ts.work.Serve(e)\n\ts.workers--", "s.work.Serve(e)"}}},
	{"OneStandsByForEver", "scheduler/lead.go", []edit{
		{"s.Lock()\n\ts.standby = nil", "s.Lock()"}}},
	{"TwoPoll", "scheduler/wait.go", []edit{
		{"case s.leader == nil || s.canTakeOver():", "case s.leader == nil || s.parked:"}}},
	{"TakesOverFromOneThatRuns", "scheduler/wait.go", []edit{
		{"\tif s.coming == w {\n\t\ts.coming = nil\n\t}\n", ""}}},
	{"LeavesWithTheLead", "scheduler/wait.go", []edit{
		{"\t\t}\n\t}\n\ts.handOff(w)\n", "\t\t}\n\t}\n"}}},
}

// caughtAlone are mutants of the scheduler that its own simulation catches, too.
var caughtAlone = []string{
	"AwaiterNotWoken", "LastCompletionWakesNobody", "EarlierTimerWithoutWake", "LeaderNotParked",
	"NewsDuringSetTimeoutMissed", "ReadyListNotLookedAt", "TimerNotArmedAnew", "ServesAndMissesTheReadyList",
	"ServesAndMissesItsOwn", "ServesAndMissesAnEarlierTimer", "ServesAndIsNotParked", "StandbyNeverEnds",
	"CloseUnderAWait", "ReadyListBehindAllEvents", "LeadNotHandedOn", "HeirNotWoken", "HintNeverTakenBack",
	"ParkedLeaderNotOffered", "WakeUpClearedTooEarly", "CallbackOfAnotherContext", "ContextCancelsNothing",
	"ContextWakesNobody", "CloseDoesNotWakeTheLeader", "CloseDoesNotWaitForThePoller",
}

// mutantsOfKqueue are what the simulator must catch in the poller and the waker
// of package kqueue, with that backend.
var mutantsOfKqueue = []mutant{
	{"SecondFilterNotAdded", "kqueue/poller.go", []edit{
		{"change(p.system, read, write);", "change(p.system, read, Event{});"}}},
	{"ReadFilterNotAdded", "kqueue/poller.go", []edit{
		{"change(p.system, read, write);", "change(p.system, Event{}, write);"}}},
	{"GenerationNotSent", "kqueue/poller.go", []edit{
		{"Filter: Write, Flags: flags, Generation: generation", "Filter: Write, Flags: flags, Generation: 1"}}},
	{"RefusedChangeIgnored", "kqueue/poller.go", []edit{
		{"\t\tif errno != backend.EINTR {\n\t\t\treturn errno", "\t\tif errno != backend.EINTR {\n\t\t\treturn 0"}}},
	{"InterruptedChangeNotMadeAgain", "kqueue/poller.go", []edit{
		{"if errno != backend.EINTR {", "if errno != backend.EINTR || first.Ident >= 0 {"}}},
	{"InterruptedChangeTakenForMade", "kqueue/poller.go", []edit{
		{"\t\tif errno != backend.EINTR {", "\t\tif errno == backend.EINTR {\n\t\t\treturn 0\n\t\t} else {"}}},
	{"ReadsDontStopShort", "kqueue/poller.go", []edit{
		{"r = backend.Readable | backend.StopsShort\n\tcase", "r = backend.Readable\n\tcase"}}},
	{"EndOfWritesTakenForHangUp", "kqueue/poller.go", []edit{
		{"\t\tr = backend.Writable\n", "\t\tr = backend.Writable\n\t\tif e.Flags&EOF != 0 {\n\t\t\tr |= backend.Readable | backend.StopsShort\n\t\t}\n"}}},
	{"EndOfWritesDropped", "kqueue/poller.go", []edit{
		{"\t\tr = backend.Writable\n", "\t\tif e.Flags&EOF == 0 {\n\t\t\tr = backend.Writable\n\t\t}\n"}}},
	{"ReadsWithoutDataDropped", "kqueue/poller.go", []edit{
		{"\t\tr = backend.Readable | backend.StopsShort\n\tcase", "\t\tif e.Data > 0 {\n\t\t\tr = backend.Readable | backend.StopsShort\n\t\t}\n\tcase"}}},
	{"ErrorEventIgnored", "kqueue/poller.go", []edit{
		{"if e.Flags&Error != 0 {", "if e.Flags&Error != 0 && e.Filter == User {"}}},
	{"OneFilterOfTwoSeen", "kqueue/poller.go", []edit{
		{"events[kept-1].Ready |= event.Ready", "events[kept-1].Ready = event.Ready"}}},
	{"EventBehindAWakeUpLost", "kqueue/poller.go", []edit{
		{"p.waker.woken(p.system, e)\n\t\t\tcontinue", "p.waker.woken(p.system, e)\n\t\t\tbreak"}}},
	{"WakeUpForgottenBeforeTheWait", "kqueue/poller.go", []edit{
		{"if n = p.take(events, p.left()); n == 0 {", "p.waker.woken(p.system, &Event{Filter: Read})\n\tif n = p.take(events, p.left()); n == 0 {"}}},
	{"LookSleeps", "kqueue/poller.go", []edit{
		{"return p.take(events, 0), false", "return p.take(events, p.left()), false"}}},
	{"TimeOutIgnored", "kqueue/poller.go", []edit{
		{"if p.until == backend.Never {", "if p.until != 0 {"}}},
	{"TimeOutRoundedDown", "kqueue/poller.go", []edit{
		{"(left + 999) / 1000 * 1000", "left / 1000 * 1000"}}},
	{"TimeOutNotRounded", "kqueue/poller.go", []edit{
		{"(left + 999) / 1000 * 1000", "left"}}},
	{"TimeOutKeptAfterIt", "kqueue/poller.go", []edit{
		{"return 0, p.until != backend.Never", "return 0, false"}}},
	{"WakesAClosedQueue", "kqueue/poller.go", []edit{
		{"if !p.closed {", "if p.until != 0 {"}}},
	{"CloseDoesNotWaitForAWake", "kqueue/poller.go", []edit{
		{"\tp.closing.RLock()\n\tdefer p.closing.RUnlock()\n", ""}}},
	{"DeafUserEventTrusted", "kqueue/waker.go", []edit{
		{"n, _ := s.Wait(got[:], 0); n == 1", "n, _ := s.Wait(got[:], 0); n >= 0"}}},
	{"UserEventNotCleared", "kqueue/waker.go", []edit{
		{"Filter: User, Flags: Add | Clear}", "Filter: User, Flags: Add}"}}},
	{"PipeNotDrained", "kqueue/waker.go", []edit{
		{"s.Drain(w.read)", "_ = w.read"}}},
	{"PipeNotDrainedAndCleared", "kqueue/waker.go", []edit{
		{"s.Drain(w.read)", "_ = w.read"},
		{"Filter: Read, Flags: Add}", "Filter: Read, Flags: Add | Clear}"}}},
	{"PipeNotClosed", "kqueue/waker.go", []edit{
		{"s.ClosePipe(w.read, w.write)", "_ = w.write"}}},
}
