package sim

// mutantsOfLines are those that reads up to a delimiter show.
var mutantsOfLines = []mutant{
	{"DelimiterSoughtInOneRead", "until.go", []edit{
		{"for i := max(u.scanned, last); i", "for i := u.scanned + last; i"}}},
	{"SeenBytesOfTheLastMessage", "until.go", []edit{
		{"b.n, u.from, u.memory, u.scanned = 0, req.Handle, b.data, 0", "b.n, u.from, u.memory = 0, req.Handle, b.data"}}},
	{"DelimiterKnownByItsLastByte", "until.go", []edit{
		{"string(p[i-last:i+1]) == u.Delimiter {", "p[i] == u.Delimiter[last] {"}}},
	{"SearchEndsAtHalfADelimiter", "until.go", []edit{
		{"string(p[i-last:i+1]) == u.Delimiter {\n\t\t\treturn i + 1\n\t\t}", "string(p[i-last:i+1]) != u.Delimiter {\n\t\t\tbreak\n\t\t}\n\t\treturn i + 1"}}},
	{"KeptBytesNotMoved", "until.go", []edit{
		{"u.held = copy(b.data, b.data[u.taken:u.held])", "u.held -= u.taken"}}},
	{"MessageKept", "until.go", []edit{
		{"b.data[u.taken:u.held])\n", "b.data[u.taken/2:u.held])\n"}}},
	{"BytesOfAnotherStreamKept", "until.go", []edit{
		{"if u.from != req.Handle || u.held", "if u.from == nil || u.held"}}},
	{"NothingKeptInLessMemory", "until.go", []edit{
		{"u.from != req.Handle || u.held == u.taken {", "u.from != req.Handle {"}}},
	{"KeptBytesReadOver", "until.go", []edit{
		{"\trec.n = int64(u.held)\n", "\trec.n = 0\n"}}},
	{"KeptMessageWaits", "until.go", []edit{
		{"if s.intent == noIntent {", "if s.intent == noIntent && u.held == len(b.data) {"}}},
	{"KeptMessageHasAll", "until.go", []edit{
		{"u.taken, rec.n, s.intent = end, int64(end), toFound", "u.taken, s.intent = end, toFound"}}},
	{"RestOfAKeptMessageForgotten", "until.go", []edit{
		{"u.taken, rec.n, s.intent = end, int64(end), toFound", "u.held, u.taken, rec.n, s.intent = end, end, int64(end), toFound"}}},
	{"KeptBytesFillTheMemory", "until.go", []edit{
		{"case u.held == len(b.data):", "case u.held > len(b.data):"}}},
	{"LengthOfTheLastMessage", "until.go", []edit{
		{"b.n, u.from", "_, u.from"}}},
	{"KeptMessageOutweighsACancel", "until.go", []edit{
		{"if s.intent == noIntent {", "if s.intent <= toCancel {"}}},
	{"SkippedAgain", "until.go", []edit{
		{"u.taken += n", "u.taken = n"}}},
	{"RestForgotten", "perform.go", []edit{
		{"u.taken, r.n = end, end-had", "u.held, u.taken, r.n = end, end, end-had"}}},
	{"RestCounts", "perform.go", []edit{
		{"u.taken, r.n = end, end-had", "u.taken = end"}}},
	{"MessageCountsWhatItHad", "perform.go", []edit{
		{"u.taken, r.n = end, end-had", "u.taken, r.n = end, end"}}},
	{"FullReadExhausts", "perform.go", []edit{
		{"exhausted = exhausted && n < space", "exhausted = exhausted && end > 0 || n < space"}}},
	{"FullWithoutADelimiterGoesOn", "perform.go", []edit{
		{"\tcase n == space:\n\t\tr.failure = fullFailure\n", "\tcase n > space:\n\t\tr.failure = fullFailure\n"}}},
	{"FullWithoutADelimiterEndsWell", "perform.go", []edit{
		{"r.failure = fullFailure", "r.failure = nil"}}},
	{"SeekEndsWithoutADelimiter", "perform.go", []edit{
		{"\tcase exhausted:\n\t\tr.verdict = progressedAndExhausted\n", "\tcase exhausted:\n\t\tr.verdict = endedAndExhausted\n"}}},
	{"SeekTakenForAFullRead", "perform.go", []edit{
		{"\tcase s.seeks():\n", "\tcase s.seeks() && s.record().n == 0:\n"}}},
	{"LayerSeeksNothing", "layer.go", []edit{
		{"\tcase s.seeks():\n\t\treturn s.haveSought(n, len(space), drained)\n", ""}}},
	{"SeekTakenForVacant", "direction.go", []edit{
		{"case s.kind == backend.Read: // it seeks", "case s.kind == backend.Read && s.record().n == 0: // it seeks"}}},
	{"FoundMessageFails", "failure.go", []edit{
		{"case toFire, toFound:\n\t\treturn nil", "case toFire:\n\t\treturn nil\n\tcase toFound:\n\t\treturn fullFailure"}}},
	{"RefusedSeekHasItsLastMessage", "submit.go", []edit{
		{"if !req.Append || req.Until != nil {", "if !req.Append {"}}},
}
