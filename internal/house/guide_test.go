package house

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The guide is the Markdown in docs. Each of its code blocks has a marker, a comment in the
// line above it, which says where the block comes from:
//
//	<!-- go FILE NAME… -->       Go: the declarations of these names in that file; of an
//	                             example or a test, the body without its output
//	<!-- output FILE NAME -->    text: the output of that example
//	<!-- run -->                 sh: the commands are run
//	<!-- prints -->              text: what the commands of the block before print
//	<!-- trace NAME -->          text: compared by the tests TestTraceOfARead… of the root
//
// A block of sh without a marker is not run, but the paths and the tests in it exist.

// guide knows what the pages may refer to.
type guide struct {
	sources   []source
	functions map[string]bool // by name, in any package
	cases     map[string]bool // of the conformance suite: Family/Case
	api       map[string]bool // ops.Read, Read.Buf
}

func newGuide(t *testing.T) *guide {
	t.Helper()
	g := &guide{sources: sources(t), functions: map[string]bool{}, api: map[string]bool{}}
	for _, s := range g.sources {
		for _, d := range s.Decls {
			g.note(s, d)
		}
	}
	g.cases = suiteCases(g.sources)
	return g
}

// TestGuide checks each page of the guide.
func TestGuide(t *testing.T) {
	g := newGuide(t)
	pages := pagesOf(t, "docs")
	if len(pages) < 9 {
		t.Errorf("only %d pages in docs", len(pages))
	}
	index := text(t, "docs/README.md")
	for _, name := range pages {
		for _, problem := range g.check(name, text(t, name)) {
			t.Error(problem)
		}
		if name != "docs/README.md" && !strings.Contains(index, "]("+path.Base(name)+")") {
			t.Errorf("docs/README.md has no link to %s", name)
		}
	}
}

// TestLinks checks the links of the other documents.
func TestLinks(t *testing.T) {
	g := newGuide(t)
	for _, name := range append(pagesOf(t, "."), "bench/NOTES.md") {
		for _, problem := range g.links(name, prose(text(t, name))) {
			t.Error(problem)
		}
	}
}

// TestGuideCommands runs the commands of the guide that are marked, and compares what they
// print.
func TestGuideCommands(t *testing.T) {
	needGo(t)
	ran := 0
	for _, name := range pagesOf(t, "docs") {
		page := text(t, name)
		for _, problem := range runPage(name, page) {
			t.Error(problem)
		}
		ran += strings.Count(page, "<!-- run -->")
	}
	if ran == 0 {
		t.Error("no command was run")
	}
}

func needGo(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command")
	}
}

// runPage runs the commands of a page, and returns what is wrong with them.
func runPage(page, text string) (problems []string) {
	printed := ""
	for _, b := range blocks(text) {
		err := error(nil)
		switch {
		case b.marker == "run":
			printed, err = run(b)
		case b.marker == "prints" && b.text != printed:
			err = fmt.Errorf("the commands print something else:\n%s", printed)
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s:%d: %v", page, b.line, err))
		}
	}
	return problems
}

// run runs the commands of a block in the root of the module, and returns what they print
// to their standard output.
func run(b block) (string, error) {
	var out, other strings.Builder
	for _, command := range commands(b.text) {
		if !isCheap(command) {
			return "", fmt.Errorf("%s: not run", command)
		}
		words := strings.Fields(command)
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = find(), &out, &other
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("%s: %v\n%s%s", command, err, out.String(), other.String())
		}
	}
	return strings.ReplaceAll(out.String(), "\r\n", "\n"), nil
}

// isCheap reports whether a command may be run: it takes seconds and changes nothing.
func isCheap(command string) bool {
	return slices.ContainsFunc([]string{"go doc ", "go test ./docs ", "go vet ./docs "}, func(beginning string) bool {
		return strings.HasPrefix(command+" ", beginning)
	})
}

// check returns what is wrong with a page.
func (g *guide) check(page, text string) (problems []string) {
	last, marked := block{}, 0
	for _, b := range blocks(text) {
		if b.marker != "" {
			marked++
		}
		if problem := g.block(page, b, last); problem != "" {
			problems = append(problems, fmt.Sprintf("%s:%d: %s", page, b.line, problem))
		}
		last = b
	}
	words := prose(text)
	if n := len(markers.FindAllString(words, -1)); n != marked {
		problems = append(problems, fmt.Sprintf("%s: %d markers, and %d blocks with one", page, n, marked))
	}
	if line := otherCode.FindString(words); line != "" {
		problems = append(problems, fmt.Sprintf("%s: code outside of a fence with ```: %q", page, line))
	}
	return slices.Concat(problems, g.links(page, words), g.names(page, words))
}

var (
	markers   = regexp.MustCompile(`(?m)^<!-- (go|output|run|prints|trace)\b.*$`)
	otherCode = regexp.MustCompile(`(?m)^(~~~|\t|    ).*$`)
)

// traces are the names of those in docs/readiness.md. TestTraceOfAReadOnEpoll and the others
// of the root compare them.
var traces = []string{"epoll", "kqueue", "iocp", "iocp pooled"}

// block returns what is wrong with a block, or "".
func (g *guide) block(page string, b, last block) string {
	kind, about, _ := strings.Cut(b.marker, " ")
	switch b.language + " " + kind {
	case "go go":
		return g.same(b, about, g.code)
	case "text output":
		return g.same(b, about, g.output)
	case "text prints":
		if last.marker != "run" {
			return "no block of commands that are run is before this one"
		}
		return ""
	case "text trace":
		if page != "docs/readiness.md" || !slices.Contains(traces, about) {
			return "no test compares the trace " + about
		}
		return ""
	case "sh ", "sh run":
		return g.shell(b)
	}
	return fmt.Sprintf("a block of %q may not have the marker %q", b.language, b.marker)
}

// same compares a block with what its marker names.
func (g *guide) same(b block, about string, find func(file string, names []string) (string, error)) string {
	words := strings.Fields(about)
	if len(words) < 2 {
		return "the marker needs a file and a name"
	}
	want, err := find(words[0], words[1:])
	if err != nil {
		return err.Error()
	}
	if b.text != want {
		return fmt.Sprintf("the block differs from %s, which is:\n%s", about, want)
	}
	return ""
}

// path of a command, and a pattern of tests.
var (
	argument = regexp.MustCompile(`(?:^|\s)(\./[\w./-]+)`)
	selected = regexp.MustCompile(`-(?:run|bench|list) '?([^'\s]+)`)
)

// shell returns what is wrong with commands.
func (g *guide) shell(b block) string {
	for _, command := range commands(b.text) {
		for _, m := range argument.FindAllStringSubmatch(command, -1) {
			if name := strings.TrimSuffix(m[1], "/..."); !exists(name) {
				return command + ": " + name + " does not exist"
			}
		}
		for _, m := range selected.FindAllStringSubmatch(command, -1) {
			if !g.selects(m[1]) {
				return command + ": there is no test " + m[1]
			}
		}
		if b.marker == "run" && !isCheap(command) {
			return command + " is not in the list of commands that may be run"
		}
	}
	return ""
}

// selects reports whether a pattern selects a test. "^$" selects none, on purpose.
func (g *guide) selects(pattern string) bool {
	first, _, _ := strings.Cut(pattern, "/")
	of, err := regexp.Compile(first)
	if err != nil || first == "^$" {
		return err == nil
	}
	for name := range g.functions {
		if isTest.MatchString(name) && of.MatchString(name) {
			return true
		}
	}
	return false
}

// exists reports whether a file or a folder is in the module.
func exists(name string) bool {
	_, err := os.Stat(filepath.Join(find(), filepath.FromSlash(name)))
	return err == nil
}

// text returns a file with line ends as on unix.
func text(t *testing.T, name string) string {
	t.Helper()
	return strings.ReplaceAll(read(t, name), "\r\n", "\n")
}

// pagesOf returns the documents of a folder.
func pagesOf(t *testing.T, folder string) (pages []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), folder, "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no page in %s: %v", folder, err)
	}
	for _, file := range files {
		pages = append(pages, path.Join(folder, filepath.Base(file)))
	}
	return pages
}
