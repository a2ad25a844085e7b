package house

import (
	"fmt"
	"go/ast"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// programs are examples with the same program on package net. Some functions that the
// program on net has, too, are in files of the other: they count for both.
var programs = []struct {
	name, note        string
	shared, port, net []string
}{
	{"chat", "", []string{"main.go", "lines.go", "commands.go:isName", "commands.go:names.add", "commands.go:names.String", "commands.go:names.appendTo"},
		[]string{"room.go", "member.go", "feed.go", "commands.go:member.hear", "commands.go:member.obey",
			"commands.go:member.rename", "commands.go:room.who"}, []string{"net_test.go"}},
	{"dns", "", []string{"main.go", "answer.go", "file.go", "wire.go", "zone.go"},
		[]string{"server.go", "tcp.go", "udp.go"}, []string{"net.go", "server.go:counts.report", "server.go:onBoth"}},
	{"echo", "", []string{"main.go"}, []string{"queue.go", "server.go"}, []string{"net_test.go", "server.go:server.warn"}},
	{"echo", " -style await", []string{"main.go"}, []string{"await.go", "server.go"}, []string{"net_test.go", "server.go:server.warn"}},
	{"http", " -style hand", []string{"main.go", "site.go", "request.go", "answer.go"},
		[]string{"hand.go", "connection.go", "rest.go"}, []string{"net_test.go"}},
	{"kv", "", []string{"main.go", "about.go", "client.go", "commands.go", "replies.go", "requests.go", "store.go"},
		[]string{"server.go", "connection.go"}, []string{"net.go", "server.go:shared.report", "server.go:warner.warn"}},
	{"minimio", "", []string{"main.go", "delay.go"}, []string{"five.go", "closed.go"}, []string{"net_test.go"}},
	{"proxy", "", []string{"main.go"}, []string{"dial.go", "proxy.go", "relay.go"}, []string{"net_test.go"}},
}

// The table in docs/lines.md has the numbers of lines as they are. With -v the test prints
// the table.
func TestLinesOfExamples(t *testing.T) {
	text := read(t, "docs/lines.md")
	for _, p := range programs {
		count := func(parts []string) (n int) {
			for _, part := range parts {
				n += countCode(t, "examples/"+p.name, part)
			}
			return n
		}
		shared, port, net := count(p.shared), count(p.port), count(p.net)
		row := fmt.Sprintf("| `%s%s` | %d | %d | %d | %.2f | %.2f |\n", p.name, p.note, shared, port, net,
			float64(port)/float64(net), float64(shared+port)/float64(shared+net))
		t.Log(strings.TrimSpace(row))
		if !strings.Contains(text, row) {
			t.Errorf("docs/lines.md has not the line\n%s", row)
		}
	}
	if rows := strings.Count(text, "| `"); rows != len(programs) {
		t.Errorf("docs/lines.md has %d examples, and there are %d", rows, len(programs))
	}
}

// countCode counts the lines of a file, or of the function behind a colon, that have code:
// not those with nothing or a comment only, not those of the package clause and imports, and
// not those of tests behind the comment "end of the program".
func countCode(t *testing.T, folder, part string) int {
	t.Helper()
	name, function, _ := strings.Cut(part, ":")
	all := sources(t)
	i := slices.IndexFunc(all, func(s source) bool { return s.path == folder+"/"+name })
	if i < 0 {
		t.Fatalf("there is no %s/%s", folder, name)
	}
	n := 0
	s := &all[i]
	withCode := s.linesWithCode()
	for _, d := range s.Decls {
		f, isFunc := d.(*ast.FuncDecl)
		g, isGen := d.(*ast.GenDecl)
		if isGen && g.Tok == token.IMPORT || function != "" && !(isFunc && functionName(f) == function) || d.Pos() > s.programEnd() {
			continue
		}
		for line := s.fset.Position(d.Pos()).Line; line <= s.fset.Position(d.End()).Line; line++ {
			if withCode[line] {
				n++
			}
		}
	}
	if n == 0 {
		t.Fatalf("%s/%s has no code", folder, part)
	}
	return n
}

// programEnd is where a program in a file of tests ends.
func (s *source) programEnd() token.Pos {
	for _, c := range s.Comments {
		if c.Text() == "end of the program\n" {
			return c.Pos()
		}
	}
	return s.FileEnd
}

// linesWithCode returns the lines on which there is a token. A token of several lines is on
// all of them.
func (s *source) linesWithCode() map[int]bool {
	set := token.NewFileSet()
	file := set.AddFile(s.path, -1, len(s.text))
	var sc scanner.Scanner
	sc.Init(file, s.text, nil, 0)
	lines := map[int]bool{}
	for {
		pos, tok, literal := sc.Scan()
		switch {
		case tok == token.EOF:
			return lines
		case tok == token.SEMICOLON && literal == "\n": // not in the text
		default:
			for line := range 1 + strings.Count(literal, "\n") {
				lines[set.Position(pos).Line+line] = true
			}
		}
	}
}
