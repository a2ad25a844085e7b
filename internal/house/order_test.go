package house

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The engine's files in an order in which each file should use only those above it, and
// the number of pairs that run against the order. A change that reduces this number lowers
// the constant.
const (
	engine       = "internal/core"
	engineOrder  = "internal/house/testdata/order"
	againstLimit = 9
)

// TestOrderOfTheEngine counts the pairs of files of which one uses declarations of the
// other. With -v it lists the pairs that run against the order, with the names used.
func TestOrderOfTheEngine(t *testing.T) {
	place := map[string]int{}
	for i, name := range lines(t, engineOrder) {
		if place[name] != 0 {
			t.Errorf("%s: %s is there twice", engineOrder, name)
		}
		place[name] = i + 1
	}
	files, uses := engineUses(t)
	for _, name := range files {
		if place[name] == 0 {
			t.Errorf("%s/%s has no place in %s", engine, name, engineOrder)
		}
	}
	for name := range place {
		if !slices.Contains(files, name) {
			t.Errorf("%s: there is no %s in %s", engineOrder, name, engine)
		}
	}
	against := 0
	for _, pair := range slices.SortedFunc(maps.Keys(uses), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		if place[pair[0]] < place[pair[1]] {
			against++
			t.Logf("%s uses of %s: %s", pair[0], pair[1], strings.Join(slices.Sorted(maps.Keys(uses[pair])), " "))
		}
	}
	t.Logf("%d of %d pairs run against the order", against, len(uses))
	if against > againstLimit {
		t.Errorf("%d pairs run against the order, more than %d", against, againstLimit)
	}
}

// engineUses returns the engine's files, and for each pair of them the names that one uses
// of the other.
func engineUses(t *testing.T) (names []string, uses map[[2]string]map[string]bool) {
	files, fset := engineFiles(t)
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", exports(t))}
	pkg, err := config.Check(module+"/"+engine, fset, files, info)
	if err != nil {
		t.Fatal(err)
	}
	uses = map[[2]string]map[string]bool{}
	for ident, object := range info.Uses {
		if object.Pkg() != pkg {
			continue
		}
		pair := [2]string{nameOf(fset, ident.Pos()), nameOf(fset, object.Pos())}
		if pair[0] == pair[1] {
			continue
		}
		if uses[pair] == nil {
			uses[pair] = map[string]bool{}
		}
		uses[pair][object.Name()] = true
	}
	for _, f := range files {
		names = append(names, nameOf(fset, f.Pos()))
	}
	return names, uses
}

// engineFiles returns all files of the engine, which is the same on all systems.
func engineFiles(t *testing.T) (files []*ast.File, fset *token.FileSet) {
	for _, s := range sources(t) {
		if s.folder == engine && !s.test {
			files = append(files, s.File)
			fset = s.fset
		}
	}
	if len(files) < 10 {
		t.Fatalf("only %d files in %s", len(files), engine)
	}
	return files, fset
}

func nameOf(fset *token.FileSet, at token.Pos) string {
	return filepath.Base(fset.Position(at).Filename)
}

// exports finds the export data of the packages that the engine imports, as compiled by
// the go command.
func exports(t *testing.T) importer.Lookup {
	command := exec.Command("go", "list", "-deps", "-export", "-f", "{{.ImportPath}}\t{{.Export}}", "./"+engine)
	command.Dir = root(t)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	output, err := command.Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("there is no go command")
	}
	if err != nil {
		t.Fatalf("go list: %v: %s", err, complaint.String())
	}
	exported := map[string]string{}
	for line := range strings.Lines(string(output)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exported[name] = file
	}
	return func(name string) (io.ReadCloser, error) {
		if exported[name] == "" {
			return nil, fmt.Errorf("nothing compiled of %s", name)
		}
		return os.Open(exported[name])
	}
}
