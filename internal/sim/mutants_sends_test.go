package sim

// mutantsOfSends are those that writes from a file of the port show.
var mutantsOfSends = []mutant{
	{"CloseFileUnderASend", "workpool.go", []edit{
		{"\tf.sends++\n\th.state |= sending\n", "\tf.sends++\n"}}},
	{"CloseFileForgottenByASend", "workpool.go", []edit{
		{"\t\th.state &^= sending\n\t\th.offerNext()\n", "\t\th.state &^= sending\n"}}},
	{"FirstOfSeveralSendsLeavesForAll", "workpool.go", []edit{
		{"f.sends--; f.sends == 0 {", "f.sends--; f.sends >= 0 {"}}},
	{"SendLeavesNoFile", "port.go", []edit{
		{"\t\tf.leave()\n", "\t\t_ = f\n"}}},
	{"SendOfAClosedFile", "source.go", []edit{
		{"case v.isRefused():", "case v.isRefused() && v.Count < 0:"}}},
	{"SendJoinsAFileThatEnds", "workpool.go", []edit{
		{"if h.closes(out) || h.state&ending != 0 {\n\t\treturn false", "if h.closes(out) {\n\t\treturn false"}}},
	{"SendBeginsAgainInItsFile", "source.go", []edit{
		{"at := v.Offset + s.record().n", "at := v.Offset"}}},
	{"OffsetForgotten", "source.go", []edit{
		{"at := v.Offset + s.record().n", "at := s.record().n"}}},
	{"NegativeCountTakenForAll", "source.go", []edit{
		{"case v.Offset < 0 || v.Count < 0:", "case v.Offset < 0:"}}},
	{"ShortFileTakenForDone", "source.go", []edit{
		{"case v.Count > 0:", "case v.Count < 0:"}}},
	{"EndOfAFileUnexpected", "source.go", []edit{
		{"case v.Count > 0:", "case v.Count >= 0:"}}},
	{"SendGoesPastItsCount", "source.go", []edit{
		{"min(s.left(), sourceBytes)", "sourceBytes"}}},
	{"CopyGoesPastItsCount", "source.go", []edit{
		{"v.copied.read(v.Source, at, s.left())", "v.copied.read(v.Source, at, copiedBytes)"}}},
	{"FirstPartOfAFileTakenForAll", "source.go", []edit{
		{"case errno == 0 && n < s.left():", "case errno == 0 && n < 0:"}}},
	{"UnsupportedTakenForTheEnd", "source.go", []edit{
		{"\t\tif supported {", "\t\tif supported || errno == 0 {"}}},
	{"CopiedPartTakenForAll", "source.go", []edit{
		{"r.n == g.total && r.n < s.left() {", "r.n == g.total && r.n > s.left() {"}}},
	{"ErrorOfAFileTakenForItsEnd", "source.go", []edit{
		{"case err != io.EOF:", "case err == nil:"}}},
	{"CloseOfAFileTakenForAnError", "source.go", []edit{
		{"case v.File != nil && errors.Is", "case v.File == nil && errors.Is"}}},
	{"SendLeavesWithOthers", "gather.go", []edit{
		{"s.vector().Source == nil && s.vector().Control == nil", "s.vector().Control == nil"}}},
	{"LayerIsGivenAllAgain", "layer.go", []edit{
		{"int(v.copied.passed - moved)", "int(v.copied.passed)"}}},
	{"LayerIsGivenTheFileAgain", "layer.go", []edit{
		{"v.Offset+moved, min(s.left(), passedBytes)", "v.Offset, min(s.left(), passedBytes)"}}},
}
