package sim


// mutant is a small defect of the engine, as replacements in one of its files, or
// of package kqueue, whose files are named with their folder.
type mutant struct {
	name, file string
	edits      []edit
}

// edit replaces a text that stands in the file once.
type edit struct{ old, new string }

// mutants of the engine are what the simulator must catch. A text is as short as it can be.
var mutants = []mutant{
	{"LatchClearedAfterTheCall", "engine.go", []edit{
		{"h.latch[d] = h.latch[d]&^(ready|stopsShort) | owned", "h.latch[d] = h.latch[d]&^stopsShort | owned"},
		{"h.latch[d] &^= owned\n\t\tif r.verdict != wouldBlock", "h.latch[d] &^= owned | ready\n\t\tif r.verdict != wouldBlock"}}},
	{"ShortReadTakenForTheLast", "engine.go", []edit{
		{"if e.Ready&(backend.HungUp|backend.StopsShort) != 0 {", "if e.Ready&backend.HungUp != 0 {"}}},
	{"StopsShortOnce", "engine.go", []edit{
		{"if r.verdict != wouldBlock {", "if r.verdict > begunInKernel {"}}},
	{"StopsShortClearedAfterTheCall", "engine.go", []edit{
		{"h.latch[d]&^(ready|stopsShort) | owned", "h.latch[d]&^ready | owned"},
		{"if r.verdict != wouldBlock {\n\t\t\th.latch[d] |= short", "if r.verdict == wouldBlock {\n\t\t\th.latch[d] &^= stopsShort | short"}}},
	{"AdoptedSocketTakenForNew", "handle.go", []edit{
		{"known = stopsShort", "known = 0"}}},
	{"EdgeToReadDuringCallLost", "engine.go", []edit{
		{"if e.Ready&(backend.Readable|backend.HungUp) != 0 {", "if e.Ready&(backend.Readable|backend.HungUp) != 0 && h.latch[in]&owned == 0 {"}}},
	{"EdgeToWriteDuringCallLost", "engine.go", []edit{
		{"if e.Ready&backend.Writable != 0 {", "if e.Ready&backend.Writable != 0 && h.latch[out]&owned == 0 {"}}},
	{"TwoOwnersOfADirection", "engine.go", []edit{
		{"if h.latch[d]&owned != 0 && !h.acceptMore(d, after) {\n\t\treturn", "if false {\n\t\treturn"}}},
	{"StaleEventTaken", "engine.go", []edit{
		{"h == nil || h.generation != e.Generation", "h == nil"}}},
	{"TicketGenerationNotCompared", "engine.go", []edit{
		{"s.use.Load() != t.use || ", "!inFlight(s.use.Load()) || "}}},
	{"SecondIntentRecorded", "engine.go", []edit{
		{"s.handle.Load() != h || h.intentOf(s) != noIntent {", "s.handle.Load() != h {"}}},
	{"CancelCompletesTwice", "engine.go", []edit{
		{"s.progress&begun != 0 && !h.isCalling(s)", "s.progress&begun != 0"}}},
	{"OneBehindACancelledHeadForgotten", "engine.go", []edit{
		{"if !wasHead || h.latch[d]&owned != 0 {", "if wasHead || h.latch[d]&owned != 0 {"}}},
	{"AbortSkipped", "engine.go", []edit{
		{"f != nil && isShort &&", "f != nil && isShort && h.fd < 0 &&"}}},
	{"RestOfTheBudgetForgotten", "engine.go", []edit{
		{"if budget == 0 {", "if budget == 0 {\n\t\t\treturn\n\t\t}\n\t\tif budget < 0 {"}}},
	{"UndecidedNotListed", "engine.go", []edit{
		{"h.latch[1-d] &^= undecided\n", "h.latch[1-d] &^= undecided\n\t\treturn\n"}}},
	{"IntentDuringCallForgotten", "engine.go", []edit{
		{"if i := h.intentOf(s); i != noIntent && (", "if i := h.intentOf(s); i == toFire && ("}}},
	{"UnusedBufferKept", "engine.go", []edit{
		{"if s.flags&late != 0 && rec.n == 0 {", "if s.flags&late != 0 && rec.n < 0 {"}}},
	{"EndOfStreamSharesItsEdge", "engine.go", []edit{
		{"if h.latch[d]&stopsShort != 0 {", "if h.latch[d]&stopsShort != 0 && h.fd < 0 {"}}},
	{"ReadsBehindAConnectForgotten", "cascade.go", []edit{
		{"if h.queue[in].tail != nil {", "if h.queue[in].tail != nil && h.fd < 0 {"}}},
	{"ReadsDontWaitForTheConnect", "engine.go", []edit{
		{"d == in && h.state&connecting != 0:", "d == in && h.state&connecting != 0 && h.fd < 0:"}}},
	{"ConnectFailureNotShared", "cascade.go", []edit{
		{"h.state |= failed\n", "h.state |= failed\n\t\treturn\n"}}},
	{"ResetToldToTheOtherDirection", "engine.go", []edit{
		{"if h.errno == 0 && h.latch[1-d]&(owned|pending) == owned {", "if h.errno == 0 && h.latch[1-d]&(owned|pending) == owned && h.fd < 0 {"}}},
	{"ErrnoNotRemembered", "engine.go", []edit{
		{"if h.errno == 0 && r.fatal {", "if h.errno == 0 && r.fatal && h.fd < 0 {"}}},
	{"CloseOutweighsACancel", "engine.go", []edit{
		{"if s.intent == noIntent { // else somebody", "{ // else somebody"}}},
	{"CloseWriteWaitsForRoom", "engine.go", []edit{
		{"case s.kind == backend.CloseWrite: //", "case s.kind == backend.CloseWrite && h.fd < 0: //"}}},
	{"FullBufferTakenForExhausted", "perform.go", []edit{
		{"case n == space:\n\t\treturn callResult{verdict: ended, n: n}", "case n == space:\n\t\treturn callResult{verdict: endedAndExhausted, n: n}"}}},
	{"ShortWriteTakenForDone", "perform.go", []edit{
		{"if n == rest {", "if n > 0 {"}}},
	{"WriteBeginsAgain", "perform.go", []edit{
		{"rec.buffer.data[rec.n:rec.buffer.n]", "rec.buffer.data[:rec.buffer.n]"}}},
	{"FullReadBeginsAgain", "native.go", []edit{
		{"rec.buffer.data[rec.buffer.n+int(rec.n):]", "rec.buffer.data[rec.buffer.n:]"}}},
	{"ConnectAskedTwice", "perform.go", []edit{
		{"if rec := s.record(); rec.n == 0 {", "if rec := s.record(); rec.n >= 0 {"}}},
	{"ClosedUnderACall", "handle.go", []edit{
		{" && h.queue[in].tail == nil && h.queue[out].tail == nil", ""}}},
	{"ClosedWithOperationsQueued", "handle.go", []edit{
		{"h.queue[in].tail == nil && h.queue[out].tail == nil", "(h.latch[in]|h.latch[out])&owned == 0"}}},
	{"ClosedWhileLent", "handle.go", []edit{
		{"h.users == 0 && ", ""}}},
	{"ForgetsTheNextOwner", "handle.go", []edit{
		{"if p.table.get(int(h.fd)) == h {", "if h.fd >= 0 {"}}},
	{"CloseAbortsWhatItCloses", "cascade.go", []edit{
		{"case h.closes(d):\n", "case h.closes(d):\n\t\tif h.state&broken != 0 || d == out {\n\t\t\treturn abortedFailure\n\t\t}\n"}}},
	{"CloseEndsOneTurn", "cascade.go", []edit{
		{"case left == 0:\n\t\t\treturn true", "case left == 0:\n\t\t\treturn false"}}},
	{"RestOfACascadeNotListed", "engine.go", []edit{
		{"h.listReady(d, after)\n\t\t\t\treturn nil", "return nil"}}},
	{"RestOfTheReadsNotListed", "cascade.go", []edit{
		{"h.endDoomed(in, after) {\n\t\th.listReady(in, after)", "h.endDoomed(in, after) {"}}},
	{"CancelAfterTheCloseIsRecorded", "cascade.go", []edit{
		{"return h.state&closing != 0 || ", "return h.state&closing != 0 && h.fd < 0 || "}}},
	{"MendedWhenAllAreAborted", "cascade.go", []edit{
		{"case s == nil:\n\t\t\treturn false", "case s == nil:\n\t\t\th.state &^= broken\n\t\t\treturn false"}}},
	{"NeverMended", "cascade.go", []edit{
		{"own.Handle, own.breaks = h, true", "own.Handle, own.breaks = h, h.fd < 0"}}},
	{"MendedBehindWhatIsQueued", "cascade.go", []edit{
		{"last := h.queue[out].tail; last != nil {", "last := h.queue[out].tail; last != nil && h.fd < 0 {"}}},
	{"WaitMendsNothing", "dequeue.go", []edit{
		{"if f := r.failure; f != nil && f.breaks {", "if f := r.failure; f != nil && f.breaks && r.n < 0 {"}}},
	{"NextMendsNothing", "finish.go", []edit{
		{"if f := rec.failure; f != nil && f.breaks {", "if f := rec.failure; f != nil && f.breaks && rec.n < 0 {"}}},
	{"NeighbourKeepsALinkToTheRemoved", "slot.go", []edit{
		{"s.prev.next, s.next.prev = s.next, s.prev", "s.prev.next = s.next"}}},
	{"TailRemovedAndKept", "slot.go", []edit{
		{"l.tail = s.prev", "l.tail = s.next"}}},
	{"BatchInTheWrongOrder", "submit.go", []edit{
		{"slices.SortStableFunc(slots, byHandle)", "slices.Reverse(slots)\n\tslices.SortStableFunc(slots, byHandle)"}}},
	{"BatchBegunOneByOne", "submit.go", []edit{
		{"h.enqueue(s, &after)\n\t\t}", "h.enqueue(s, &after)\n\t\t\th.run(out, &after)\n\t\t\th.leave(&after)\n\t\t\tafter = aftermath{}\n\t\t\th.lock()\n\t\t}"}}},
	{"RefusedBatchKept", "submit.go", []edit{
		{"p.unclaim(op.self())", "_ = op"}}},
	{"RefusedKeepsItsLastOutcome", "submit.go", []edit{
		{"rec.n, rec.failure = 0, closedFailure", "rec.n = 0"}}},
	{"PostNotOffered", "submit.go", []edit{
		{"p.completed += uint64(len(ops))\n\t\tp.offerItems()", "p.completed += uint64(len(ops))"}}},
	{"BatchWithPostsNotOffered", "submit.go", []edit{
		{"p.offerItems()\n\treturn slots", "return slots"}}},
	{"PastDeadlineReachesTheKernel", "submit.go", []edit{
		{"case s.deadline != 0 && s.deadline <= now:", "case s.deadline != 0 && s.deadline < 0:"}}},
	{"GenerationNotRaised", "engine.go", []edit{
		{"s.use.Store(s.use.Load() + 1) // over", "s.use.Store(s.use.Load() - 1) // over"}}},
	{"GenerationNotRaisedByATransfer", "engine.go", []edit{
		{"s.use.Store(s.use.Load() + 1)\n\tafter.", "s.use.Store(s.use.Load() - 1)\n\tafter."}}},
	{"TransferForgetsTheLatch", "engine.go", []edit{
		{"if r.verdict == ended || h.latch", "if h.latch"}}},
	{"ShortTransferForgetsTheLatch", "engine.go", []edit{
		{"if r.verdict == ended || h.latch[d]&stopsShort != 0 {", "if r.verdict == ended {"}}},
	{"SecondConnectRefusedLate", "engine.go", []edit{
		{"(s.kind != backend.Connect || h.state&(connecting|connected) != 0)", "s.kind != backend.Connect"}}},
	{"AwaiterNotWoken", "finish.go", []edit{
		{"w.finished = true\n", "w.finished = true\n\t\treturn\n"}}},
	{"ReadyListWakesNobody", "finish.go", []edit{
		{"if p.ready.count > 0 {", "if p.ready.count < 0 {"}}},
	{"OfferLost", "finish.go", []edit{
		{"p.offerItems()\n", "\n"}}},
	{"LastCompletionWakesNobody", "finish.go", []edit{
		{"if p.inFlight() == 0 {", "if p.inFlight() < 0 {"}}},
	{"UnlentTwice", "buffer.go", []edit{
		{"return b.owner.Add(-1) == 0", "return b.owner.Add(-2) <= 0"}}},
	{"SharedBufferNeverRecycled", "buffer.go", []edit{
		{"return b.owner.Add(-1) == 0", "return b.owner.Add(-1) < 0"}}},
	{"SharedBufferRecycledEarly", "buffer.go", []edit{
		{"if owner == callersShare {", "if owner >= callersShare {"}}},
	{"EarlierTimerWithoutWake", "timers.go", []edit{
		{"if due < p.until {", "if due < 0 {"}}},
	{"MovedDeadlineDropped", "timers.go", []edit{
		{"p.timers.down(0, timerEntry{due, s})", "p.timers.drop()"}}},
	{"EarlierDeadlineNotSifted", "timers.go", []edit{
		{"p.timers.up(int(s.heap-1), timerEntry{due, s})", "p.timers.at(int(s.heap - 1)).when = due"}}},
	{"HeapNotSiftedAfterADrop", "timers.go", []edit{
		{"t.down(0, last)", "t.place(0, last)"}}},
	{"LeaderNotParked", "lead.go", []edit{
		{"p.parked = p.spin == 0", "p.parked = p.spin < 0"}}},
	{"NewsDuringSetTimeoutMissed", "lead.go", []edit{
		{"return !p.satisfied(w) && p.timers.next() >= until", "return true"}}},
	{"ReadyListNotLookedAt", "lead.go", []edit{
		{"if block && p.ready.count == 0 {", "if block {"},
		{"if p.timeout <= until || p.ready.count > 0 {", "if p.timeout <= until {"}}},
	{"TimerNotArmedAnew", "lead.go", []edit{
		{"p.timeout = unknownTimeout", "p.timeout += 0"}}},
	{"ServesAndMissesTheReadyList", "lead.go", []edit{
		{"p.satisfied(p.leader) || p.ready.count > 0 ||", "p.satisfied(p.leader) ||"}}},
	{"ServesAndMissesItsOwn", "lead.go", []edit{
		{"p.closed || p.satisfied(p.leader) ||", "p.closed ||"}}},
	{"ServesAndMissesAnEarlierTimer", "lead.go", []edit{
		{" || p.timers.next() < p.timeout", ""}}},
	{"ServesAndIsNotParked", "lead.go", []edit{
		{"p.parked = true\n\treturn 0, true", "return 0, true"}}},
	{"StandbyNeverEnds", "lead.go", []edit{
		{"p.lock()\n\tp.standby = nil", "p.lock()"}}},
	{"SpinnerMissesNews", "lead.go", []edit{
		{"if p.satisfied(w) || p.attention.Load() || p.until", "if p.satisfied(w) || p.until"}}},
	{"CloseUnderAWait", "lead.go", []edit{
		{"p.polling = true\n\tp.pace.restart(0)\n\tp.until", "p.polling = false\n\tp.pace.restart(0)\n\tp.until"}}},
	{"ServesAndForgetsTheClock", "lead.go", []edit{
		{"if p.timers.count > 0 && p.timers.next() <= p.kernel.Now() {", "if false {"}}},
	{"NoClockBetweenEvents", "lead.go", []edit{
		{"if p.timers.next() <= now && (len(p.seen) == 0 ||", "if now < 0 && (len(p.seen) == 0 ||"}}},
	{"ReadyListBehindAllEvents", "lead.go", []edit{
		{"\tif p.ready.count > 0 {\n\t\t// One turn", "\tif len(p.seen) == 0 {\n\t\tp.poll(w, false)\n\t}\n\tif p.ready.count > 0 && len(p.seen) == 0 {\n\t\t// One turn"}}},
	{"EventsBehindTheReadyList", "lead.go", []edit{
		{"\tif p.ready.count > 0 {\n\t\t// One turn", "\tfor p.ready.count > 0 {\n\t\t// One turn"}}},
	{"ReadyListRunsInFull", "lead.go", []edit{
		{"for n := min(p.ready.count, readyPerTurn); n > 0 && now < end; n-- {", "for p.ready.count > 0 && now < end {"}}},
	{"SpinOutlastsADeadline", "lead.go", []edit{
		{"min(p.kernel.Now()+p.spin, p.until)", "p.kernel.Now() + p.spin"}}},
	{"LoopNeverLooks", "dequeue.go", []edit{
		{"!p.closed && p.lookIsDue() {", "!p.closed && p.lookIsDue() && p.leader != nil {"}}},
	{"LoopLooksByCountAlone", "pace.go", []edit{
		{"if spent >= timeBetweenLooks {", "if spent < 0 {"}}},
	{"ListedWithEachEdge", "port.go", []edit{
		{"if h.state&(listedIn<<d) != 0 {", "if h.state&(listedIn<<d) != 0 && h.fd < 0 {"}}},
	{"ListedAndForgotten", "engine.go", []edit{
		{"r.handle.state &^= listedIn << r.direction", "_ = r.noted"}}},
	{"ReadyListSatisfiesTheLeader", "lead.go", []edit{
		{"if p.lookIsDueAfterTurn() {", "if p.lookIsDueAfterTurn() && p.closed {"}}},
	{"TurnsOfTheListNotCounted", "pace.go", []edit{
		{"c.taken++\n", "\n"}}},
	{"PromiseKeptWaiting", "engine.go", []edit{
		{"\tr.handle.run(r.direction, &after)\n\tr.handle.leave", "\tpromised := false\n\tif s := r.handle.queue[in].head(); s != nil && s.flags&late != 0 {\n\t\tat := s.record().buffer.place\n\t\tpromised = at != nil && at.promised\n\t}\n\tif promised && p.polls%64 != 0 {\n\t\tr.handle.listReady(r.direction, &after)\n\t} else {\n\t\tr.handle.run(r.direction, &after)\n\t}\n\tr.handle.leave"}}},
	{"LeadNotHandedOn", "wait.go", []edit{
		{"if heir != nil {", "if heir != nil && heir.number < 0 {"}}},
	{"HeirNotWoken", "wait.go", []edit{
		{"p.leader = heir\n\t\tp.rouse(heir)", "p.leader = heir"}}},
	{"HintNeverTakenBack", "wait.go", []edit{
		{"\t\tp.hinted--\n", "\n"}}},
	{"ParkedLeaderNotOffered", "wait.go", []edit{
		{"if leads && !p.parked {", "if leads {"}}},
	{"WakeUpClearedTooEarly", "port.go", []edit{
		{"\t\tp.parked = false\n\t\tp.wakeAfter = true\n", "\t\tp.parked = false\n"}}},
	{"ContextEndedBeforeTheWait", "dequeue.go", []edit{
		{"if w.ended { // before", "if w.ended && w.number < 0 { // before"}}},
	{"ContextCancelsNothing", "context.go", []edit{
		{"p.record(ticket, toCancel)", "_ = ticket"}}},
	{"ContextWakesNobody", "context.go", []edit{
		{"\t\t\t\tp.rouse(w)\n", "\n"}}},
	{"CallbackOfAnotherContext", "context.go", []edit{
		{"if w.registered == r {", "if w.number >= 0 {"}}},
	{"PromiseNotListed", "pool.go", []edit{
		{"p.port.list(readyDirection{handle: at.handle, direction: in}, after)", ""}}},
	{"PromiseLost", "pool.go", []edit{
		{"\t\tp.promised--\n\t\tp.promise(after)", "\t\tp.promised--"}}},
	{"PoolWaiterNotWoken", "pool.go", []edit{
		{"p.promise(after)\n\tp.mu.Unlock()", "p.mu.Unlock()"}}},
	{"PoolQueueLosesItsEnd", "pool.go", []edit{
		{"\t\tp.last = at.prev\n", ""}}},
	{"PoolWaiterLeavesInName", "pool.go", []edit{
		{"\t} else {\n\t\tp.unlink(at)\n\t}\n\tp.vacate", "\t}\n\tp.vacate"}}},
	{"BufferOfAFailedReadLost", "pool.go", []edit{
		{"\th.returnUnused(rec, after)\n\trec.buffer = nil", "\trec.buffer = nil"}}},
	{"CloseDoesNotWakeTheLeader", "close.go", []edit{
		{"p.wakeLeader()\n", "\n"}}},
	{"CloseDoesNotWaitForThePoller", "close.go", []edit{
		{" || p.polling", ""}}},
	{"CloseDoesNotWaitForCallbacks", "close.go", []edit{
		{" || p.callbacks > 0", ""}}},
}

// mutantsOfKqueue are what the simulator must catch in the poller and the waker
// of package kqueue, with that backend.
var mutantsOfKqueue = []mutant{
	{"SecondFilterNotAdded", "kqueue/poller.go", []edit{
		{"Event{Ident: fd, Filter: Write, Flags: flags, Generation: generation})", "Event{})"}}},
	{"ReadFilterNotAdded", "kqueue/poller.go", []edit{
		{"Event{Ident: fd, Filter: Read, Flags: flags, Generation: generation},", "Event{},"}}},
	{"GenerationNotSent", "kqueue/poller.go", []edit{
		{"Filter: Write, Flags: flags, Generation: generation", "Filter: Write, Flags: flags, Generation: 1"}}},
	{"RefusedChangeIgnored", "kqueue/poller.go", []edit{
		{"\t\tif errno != backend.EINTR {\n\t\t\treturn errno", "\t\tif errno != backend.EINTR {\n\t\t\treturn 0"}}},
	{"InterruptedChangeNotMadeAgain", "kqueue/poller.go", []edit{
		{"if errno != backend.EINTR {", "if errno != backend.EINTR || first.Ident >= 0 {"}}},
	{"InterruptedChangeTakenForMade", "kqueue/poller.go", []edit{
		{"\t\tif errno != backend.EINTR {", "\t\tif errno == backend.EINTR {\n\t\t\treturn 0\n\t\t} else {"}}},
	{"ReadsDontStopShort", "kqueue/poller.go", []edit{
		{"r = backend.Readable | backend.StopsShort\n\t\tif", "r = backend.Readable\n\t\tif"}}},
	{"EndOfWritesTakenForHangUp", "kqueue/poller.go", []edit{
		{"\t\tr = backend.Writable\n", "\t\tr = backend.Writable\n\t\tif e.Flags&EOF != 0 {\n\t\t\tr |= backend.HungUp\n\t\t}\n"}}},
	{"EndOfWritesDropped", "kqueue/poller.go", []edit{
		{"\t\tr = backend.Writable\n", "\t\tif e.Flags&EOF == 0 {\n\t\t\tr = backend.Writable\n\t\t}\n"}}},
	{"ReadsWithoutDataDropped", "kqueue/poller.go", []edit{
		{"\t\tr = backend.Readable | backend.StopsShort\n\t\tif e.Flags", "\t\tif e.Data > 0 {\n\t\t\tr = backend.Readable | backend.StopsShort\n\t\t}\n\t\tif e.Data > 0 && e.Flags"}}},
	{"ErrorEventIgnored", "kqueue/poller.go", []edit{
		{"if e.Flags&Error != 0 {", "if e.Flags&Error != 0 && e.Filter == User {"}}},
	{"OneFilterOfTwoSeen", "kqueue/poller.go", []edit{
		{"events[kept-1].Ready |= event.Ready", "events[kept-1].Ready = event.Ready"}}},
	{"EventBehindAWakeUpLost", "kqueue/poller.go", []edit{
		{"p.waker.woken(p.system, e)\n\t\t\tcontinue", "p.waker.woken(p.system, e)\n\t\t\tbreak"}}},
	{"WakeUpForgottenBeforeTheWait", "kqueue/poller.go", []edit{
		{"for again := true; again; {", "p.waker.woken(p.system, &Event{Filter: Read})\n\tfor again := true; again; {"}}},
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
