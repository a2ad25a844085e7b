package house

import (
	"strings"
	"testing"
)

const fence = "```"

// badPages have one defect each.
var badPages = []struct{ page, problem string }{
	{fence + "go\npackage main\n" + fence + "\n", `a block of "go" may not have the marker ""`},
	{fence + "\nx\n" + fence + "\n", `a block of "" may not have the marker ""`},
	{"<!-- run -->\n" + fence + "text\nx\n" + fence + "\n", `a block of "text" may not have the marker "run"`},
	{"<!-- go ops/none.go Read -->\n" + fence + "go\nx\n" + fence + "\n", "there is no file ops/none.go"},
	{"<!-- go ops/stream.go None -->\n" + fence + "go\nx\n" + fence + "\n", "ops/stream.go does not declare None"},
	{"<!-- go ops/stream.go -->\n" + fence + "go\nx\n" + fence + "\n", "the marker needs a file and a name"},
	{"<!-- go ops/timer.go Post -->\n" + fence + "go\ntype Post int\n" + fence + "\n", "the block differs from ops/timer.go Post"},
	{"<!-- output example_test.go serve -->\n" + fence + "text\nx\n" + fence + "\n", "example_test.go has no example serve with an output"},
	{"<!-- output example_test.go Example_borrow -->\n" + fence + "text\ntrue\n" + fence + "\n", "the block differs from example_test.go Example_borrow"},
	{"<!-- prints -->\n" + fence + "text\nx\n" + fence + "\n", "no block of commands that are run is before this one"},
	{"<!-- run -->\n" + fence + "sh\nrm -r .\n" + fence + "\n", "rm -r . is not in the list of commands that may be run"},
	{fence + "sh\ngo run ./examples/none\n" + fence + "\n", "./examples/none does not exist"},
	{fence + "sh\ngo test -run 'TestNoSuch' .\n" + fence + "\n", "there is no test TestNoSuch"},
	{"<!-- run -->\n" + fence + "sh\ngo test ./docsx\n" + fence + "\n", "./docsx does not exist"},
	{"<!-- run -->\n" + fence + "sh\ngo test ./ops\n" + fence + "\n", "go test ./ops is not in the list of commands that may be run"},
	{fence + "sh\ngo vet .\n", `a block of "without an end" may not have`},
	{"<!-- trace epoll -->\n" + fence + "text\nx\n" + fence + "\n", "no test compares the trace epoll"},
	{"<!-- go ops/timer.go Post -->\n\nAnd no block.\n", "1 markers, and 0 blocks with one"},
	{"Code:\n\n    port.Submit()\n", "code outside of a fence"},
	{"~~~go\nx\n~~~\n", "code outside of a fence"},
	{"A [link] of another kind.\n\n[link]: none.md\n", "docs/none.md does not exist"},
	{"[a](none.md)\n", "docs/none.md does not exist"},
	{"[a](#none)\n", "docs/bad.md has no heading #none"},
	{"[a](../README.md#none)\n", "README.md has no heading #none"},
	{"`TestNoSuch`\n", "there is no test TestNoSuch"},
	{"`Cancel/NoSuch`\n", "the suite has no case Cancel/NoSuch"},
	{"`Order/CancelRead`\n", "the suite has no case Order/CancelRead"},
	{"`ops.Sleep`\n", "there is no ops.Sleep"},
	{"`&ops.Read{}` and `Read.Sleep`\n", "there is no Read.Sleep"},
	{"`port.Submit` and `Port.Sleep`\n", "there is no Port.Sleep"},
}

// The check reports the defect of each page, and nothing else. So the check can fail.
func TestGuideReportsDefects(t *testing.T) {
	g := newGuide(t)
	for _, c := range badPages {
		problems := g.check("docs/bad.md", c.page)
		if len(problems) != 1 || !strings.Contains(problems[0], c.problem) {
			t.Errorf("page:\n%s\nproblems: %q\nwant: %s", c.page, problems, c.problem)
		}
	}
}

// Commands that fail, that print something else, or that may not be run are reported.
func TestGuideReportsCommands(t *testing.T) {
	needGo(t)
	of := func(command, printed string) string {
		return "<!-- run -->\n" + fence + "sh\n" + command + "\n" + fence + "\n<!-- prints -->\n" + fence + "text\n" + printed + fence + "\n"
	}
	for _, c := range []struct{ command, printed, problem string }{
		{"go doc -short ./none", "", "go doc -short ./none: exit status 1"},
		{"go doc -short ./internal/house", "package none\n", "the commands print something else"},
		{"rm -r none", "", "rm -r none: not run"},
	} {
		problems := runPage("docs/bad.md", of(c.command, c.printed))
		if len(problems) != 1 || !strings.Contains(problems[0], c.problem) {
			t.Errorf("%s: problems: %q", c.command, problems)
		}
	}
}

const goodPage = `# A page

See [below](#a-heading-with-code-and-signs), [above](#a-page), [the README](../README.md#an-echo-server)
and [Go](https://go.dev/doc#none). ` + "`TestTracesOfNothing` is in [no](list.md).\n" + `

## A heading with ` + "`code`" + `, and signs!

<!-- go ops/timer.go Post -->
` + fence + `go
// Post ends at once. It carries its Value, or the struct that embeds it, to the
// goroutine that dequeues it, as PostQueuedCompletionStatus does.
type Post struct{ completion.Op }
` + fence + `

<!-- output example_test.go Example_borrow -->
` + fence + `text
true
16 <nil>
` + fence + `

<!-- run -->
` + fence + `sh
go doc -short ./ops # with a comment
` + fence + `

` + "`Cancel/CancelRead`, `TestGuide`, `ops.Read`, `Read.Buf`, `Read.Err`, `Port.Submit`, `net.Conn`, `gnet.Conn.Peek`" + `
`

// What is right in a page is not reported: its only problems are the two that it has.
func TestGuideAcceptsAGoodPage(t *testing.T) {
	g := newGuide(t)
	problems := g.check("docs/good.md", goodPage)
	if len(problems) != 2 || !strings.Contains(problems[0], "docs/list.md does not exist") ||
		!strings.Contains(problems[1], "there is no test TestTracesOfNothing") {
		t.Errorf("problems: %q", problems)
	}
}

// The body of a test is shown without its output and one level of indentation less.
func TestGuideShowsBodies(t *testing.T) {
	g := newGuide(t)
	got, err := g.code("example_test.go", []string{"Example_borrow"})
	if err != nil || !strings.HasPrefix(got, "port, err := completion.Open(nil)\nif err != nil {\n\tlog.Fatal(err)\n}\n") ||
		!strings.HasSuffix(got, "\nnext.Release()\n") {
		t.Errorf("%v:\n%s", err, got)
	}
}

// Blocks are found, with the line of each and what is inside.
func TestGuideBlocks(t *testing.T) {
	got := blocks(goodPage)
	if len(got) != 3 || got[1].line != 17 || got[1].language != "text" || got[2].marker != "run" ||
		got[1].text != "true\n16 <nil>\n" || strings.Contains(prose(goodPage), "go doc") {
		t.Errorf("%+v", got)
	}
}
