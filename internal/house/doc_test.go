package house

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// Each exported function and type has a comment. In packages that programs can import, so
// has each exported value. In a group of values one comment may be for all of them, or
// for those that follow it, or at the end of a line.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.Name.Name == "main" {
			continue
		}
		for _, d := range s.Decls {
			for _, name := range undocumented(d, !strings.Contains("/"+s.folder+"/", "/internal/")) {
				t.Errorf("%s: %s has no doc comment", s.fset.Position(name.Pos()), name.Name)
			}
		}
	}
}

// undocumented returns the exported names of a declaration that have no comment.
func undocumented(d ast.Decl, values bool) (names []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && !ofHidden(d) {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		if d.Tok == token.IMPORT || d.Doc != nil {
			return nil
		}
		said := false
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Doc == nil && spec.Name.IsExported() {
					names = append(names, spec.Name)
				}
			case *ast.ValueSpec:
				said = said || spec.Doc != nil || spec.Comment != nil
				if values && !said && spec.Names[0].IsExported() {
					names = append(names, spec.Names[0])
				}
			}
		}
	}
	return names
}

// ofHidden reports whether a function is a method of a type that is not exported.
func ofHidden(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return false
	}
	name := functionName(f)
	return !ast.IsExported(name)
}
