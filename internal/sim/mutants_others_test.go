package sim

import "slices"

// mutants of the engine are what the simulator must catch.
var mutants = slices.Concat(mutantsOfStreams, mutantsOfDatagrams, mutantsOfWorkPool, mutantsOfCopies, mutantsOfPolls, mutantsOfLines, mutantsOfSends)

// mutantsOfDatagrams are those that datagrams show.
var mutantsOfDatagrams = []mutant{
	{"DatagramsTakenForTheLast", "apply.go", []edit{
		{"case ended, progressed, moved:", "case ended, progressed:"}}},
	{"MoreBuffersKeptByAVainCall", "apply.go", []edit{
		{"\t\tif s.kind == backend.Receive {\n\t\t\th.putBackMore(s)\n\t\t}\n", ""}}},
	{"BuffersWithoutBytesKept", "datagram_end.go", []edit{
		{"\t\t\td.Buffers[i] = nil\n\t\t\th.toPool(b)\n", ""}}},
	{"BufferOfAnEmptyDatagramDelivered", "datagram_end.go", []edit{
		{"case rec.n > 0:", "case rec.n > 0 || d.Done > 0:"}}},
	{"BatchTakesAReservedBuffer", "pool.go", []edit{
		{"for n < len(into) && k.available() > 0 {", "for n < len(into) && k.available()+k.reserved > 0 {"}}},
	{"BuffersOfAFailedBatchLost", "datagram_end.go", []edit{
		{"\t\th.putBack(rec)\n\t\th.putBackMore(s)\n", "\t\th.putBack(rec)\n"}}},
	{"ErrorBehindDatagramsLost", "datagram_call.go", []edit{
		{"case errno != 0:\n\t\tr.failure", "case errno != 0 && n == 0:\n\t\tr.failure"}}},
	{"DatagramsBeforeAnErrorLost", "datagram_call.go", []edit{
		{"\td.Done = n\n\tr := callResult{verdict: moved}", "\tif d.Done = n; errno != 0 {\n\t\td.Done = 0\n\t}\n\tr := callResult{verdict: moved}"}}},
	{"TruncationNotTold", "datagram_call.go", []edit{
		{"case !d.isBatch() && d.Messages[0].Truncated:", "case !d.isBatch() && d.Messages[0].Truncated && n > 1:"}}},
	{"SendBeginsAgain", "datagram.go", []edit{
		{"next := d.Messages[d.Done:min(d.Done+sentPerCall, len(d.Messages))]", "next := d.Messages[:min(d.Done+sentPerCall, len(d.Messages))]"}}},
	{"PartOfABatchForgotten", "datagram_call.go", []edit{
		{"if d.Done += n; d.Done ==", "if d.Done = n; d.Done =="}}},
	{"ShortSendTakenForDone", "datagram_call.go", []edit{
		{"d.Done += n; d.Done == len(d.Messages) {", "d.Done += n; d.Done > 0 {"}}},
	{"DatagramsOfTheLastUseCounted", "datagram_submit.go", []edit{
		{"\td.Done = 0\n\tswitch {", "\tswitch {"}}},
	{"DatagramsOfAClosedPortKept", "datagram_submit.go", []edit{
		{"\td := datagramsOf(op)\n\td.Done = 0\n\tif req.Kind", "\td := datagramsOf(op)\n\tif req.Kind"}}},
}

// mutantsOfWorkPool are those that files and functions show.
var mutantsOfWorkPool = []mutant{
	{"CancelOutweighsACallOfAFile", "workpool.go", []edit{
		{"case !crashed && isFileless(s.kind) && h.intentOf", "case !crashed && h.intentOf"}}},
	{"PanicTakenForACancel", "workpool.go", []edit{
		{"case !crashed && isFileless(s.kind)", "case isFileless(s.kind)"}}},
	{"WorkerNeverCountsAsStarted", "workpool.go", []edit{
		{"\tif isNew {\n\t\tw.starting = false", "\tif isNew && w.limit < 0 {\n\t\tw.starting = false"}}},
	{"WorkerLeavesWork", "workpool.go", []edit{
		{"\tif w.turns.count == 0 {\n\t\tw.workers--", "\tif w.turns.count == 0 || !isNew {\n\t\tw.workers--"}}},
	{"MoreWorkersThanTheLimit", "workpool.go", []edit{
		{"!w.starting && w.workers < w.limit {", "!w.starting {"}}},
	{"ThoseBehindTheHeadForgotten", "workpool.go", []edit{
		{"\th.offer(r.direction) // those behind it\n", ""}}},
	{"TurnNeverEnds", "workpool.go", []edit{
		{"\th.latch[r.direction] &^= ready\n", ""}}},
	{"CloseFileBesideACall", "workpool.go", []edit{
		{"return h.users > 0 || h.queue", "return h.queue"}}},
	{"CloseFileAheadOfReads", "workpool.go", []edit{
		{"return h.users > 0 || h.queue[in].tail != nil", "return h.users > 0"}}},
	{"AppendsTogether", "workpool.go", []edit{
		{"return h.state&inAppend != 0", "return false"}}},
	{"WhatWaitsForACallForgotten", "workpool.go", []edit{
		{"\th.haveRun(s, n, err, crashed)\n\th.offerNext()\n", "\th.haveRun(s, n, err, crashed)\n"}}},
	{"FileStaysClosedByACancelledCloseFile", "workpool.go", []edit{
		{"\t\th.state &^= ending // the file stays open\n", ""}}},
	{"BehindACancelledHeadNoTurn", "workpool.go", []edit{
		{"\th.complete(s, s.intent.failure())\n\th.offer(d)\n", "\th.complete(s, s.intent.failure())\n"}}},
	{"CloseFileForgottenByACancel", "workpool.go", []edit{
		{"\th.offer(d)\n\th.offerNext()\n", "\th.offer(d)\n"}}},
	{"ContextOfACancelledWorkGoesOn", "workpool.go", []edit{
		{"if cancel := w.cancel[s]; cancel != nil {", "if cancel := w.cancel[s]; cancel != nil && s.kind != backend.Work {"}}},
	{"BufferKeptByAVainTry", "workpool.go", []edit{
		{"\t\th.putBack(s.record())\n", ""}}},
	{"AcceptedBehindACloseFile", "workpool.go", []edit{
		{"(h.closes(d) || h.state&ending != 0)", "h.closes(d)"}}},
}
