package house

import (
	"bytes"
	"go/ast"
	"go/types"
	"strconv"
	"strings"
	"testing"
)

// The limits of lengths in CONTRIBUTING.md.
const (
	longestFunction = 35
	longestFile     = 500
)

const longFunctions = "internal/house/testdata/long"

func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if n := bytes.Count(s.text, []byte("\n")); n > longestFile && !ast.IsGenerated(s.File) {
			t.Errorf("%s has %d lines, and may have %d", s.path, n, longestFile)
		}
	}
}

// The functions that were too long when this test was written are in a list with their
// lengths. Nothing is added to it, and a function that was shortened is removed.
func TestFunctionsAreShort(t *testing.T) {
	old := map[string]int{}
	for _, line := range lines(t, longFunctions) {
		name, length, _ := strings.Cut(line, "\t")
		n, err := strconv.Atoi(length)
		if err != nil || n <= longestFunction || old[name] != 0 {
			t.Errorf("%s: %q is no function with its length, or there twice", longFunctions, line)
		}
		old[name] = n
	}
	longest := map[string]int{} // by name: each system may have its own function of a name
	for _, s := range sources(t) {
		for _, d := range s.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				name := s.folder + " " + functionName(f)
				longest[name] = max(longest[name], s.length(f))
			}
		}
	}
	for name, n := range longest {
		if most := max(longestFunction, old[name]); n > most {
			t.Errorf("%s\t%d is too long: at most %d lines", name, n, most)
		}
	}
	for name := range old {
		if longest[name] <= longestFunction {
			t.Errorf("%s has %d lines by now: take it out of %s", name, longest[name], longFunctions)
		}
	}
}

// functionName returns a name like Port.Next.
func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	return types.ExprString(receiver) + "." + f.Name.Name
}

// length returns how many lines a node has.
func (s *source) length(n ast.Node) int {
	return s.fset.Position(n.End()).Line - s.fset.Position(n.Pos()).Line + 1
}
