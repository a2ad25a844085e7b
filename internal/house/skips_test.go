package house

import (
	"go/ast"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// The cases and tests that .ci/wine-skips lists, and those that it names as substitutes,
// exist.
func TestSkippedCasesExist(t *testing.T) {
	functions := map[string]bool{}
	for _, s := range sources(t) {
		for _, d := range s.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				functions[f.Name.Name] = true
			}
		}
	}
	list := lines(t, ".ci/wine-skips")
	if len(list) < 10 {
		t.Errorf("only %d names", len(list))
	}
	for _, name := range list {
		name = strings.TrimSuffix(name, " (at times)")
		if function := functionOf(name); !functions[function] {
			t.Errorf("%s: there is no func %s", name, function)
		}
	}
	for word := range strings.FieldsFuncSeq(comments(t, ".ci/wine-skips"), func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		if len(word) > len("Test") && strings.HasPrefix(word, "Test") && !functions[word] {
			t.Errorf("%s, which stands in, is no function", word)
		}
	}
}

// functionOf returns the name of the function of a test, or of a case of the conformance
// suite.
func functionOf(name string) string {
	if strings.HasPrefix(name, "Test") {
		function, _, _ := strings.Cut(name, "/")
		return function
	}
	_, name, _ = strings.Cut(name, "/")
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(first)) + name[size:]
}
