package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/completionport/completion"

// source is one Go file, for any system.
type source struct {
	path   string // relative to the root, with slashes
	folder string // of its package, "." for the root
	test   bool
	text   []byte
	fset   *token.FileSet
	*ast.File
}

// find returns the folder of go.mod, or "".
var find = sync.OnceValue(func() string {
	folder, err := os.Getwd()
	for err == nil {
		text, _ := os.ReadFile(filepath.Join(folder, "go.mod"))
		if first, _, _ := strings.Cut(string(text), "\n"); strings.TrimSpace(first) == "module "+module {
			return folder
		}
		above := filepath.Dir(folder)
		if above == folder {
			break
		}
		folder = above
	}
	return ""
})

// root returns the folder of the sources, and skips the test if there is none.
func root(t *testing.T) string {
	t.Helper()
	if find() == "" {
		t.Skip("the sources are not here")
	}
	return find()
}

var parsed = sync.OnceValues(func() ([]source, error) { return parse(find()) })

// sources returns all Go files of the module.
func sources(t *testing.T) []source {
	t.Helper()
	folder := root(t)
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("only %d files of Go in %s", len(all), folder)
	}
	return all
}

func parse(folder string) (all []source, err error) {
	fset := token.NewFileSet()
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != folder && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		s, err := parseFile(fset, folder, path)
		all = append(all, s)
		return err
	})
	return all, err
}

func parseFile(fset *token.FileSet, folder, path string) (source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return source{}, err
	}
	inside, err := filepath.Rel(folder, path)
	if err != nil {
		return source{}, err
	}
	inside = filepath.ToSlash(inside)
	file, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	return source{
		path:   inside,
		folder: filepath.ToSlash(filepath.Dir(inside)),
		test:   strings.HasSuffix(inside, "_test.go"),
		text:   text,
		fset:   fset,
		File:   file,
	}, err
}

// lines returns the lines of a list, without those that begin with #: they are comments.
func lines(t *testing.T, path string) (list []string) {
	t.Helper()
	for line := range strings.Lines(read(t, path)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}

// comments returns the comment lines of a list.
func comments(t *testing.T, path string) string {
	t.Helper()
	var all strings.Builder
	for line := range strings.Lines(read(t, path)) {
		if strings.HasPrefix(line, "#") {
			all.WriteString(line)
		}
	}
	return all.String()
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
