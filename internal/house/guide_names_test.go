package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	inline   = regexp.MustCompile("`([^`]+)`")
	isTest   = regexp.MustCompile(`^(Test|Example|Benchmark|Fuzz)([A-Z_]\w*)?$`)
	isCase   = regexp.MustCompile(`^[A-Z]\w+/[A-Z]\w+$`)
	selector = regexp.MustCompile(`(?:^|[^\w.])((?:completion|ops|ionet)\.[A-Z]\w*|[A-Z]\w*\.[A-Z]\w*)`)
)

// names returns the names in a page that do not exist: of tests, of cases of the
// conformance suite, and of the API. Only words set as code are looked at.
func (g *guide) names(page, prose string) (problems []string) {
	for _, m := range inline.FindAllStringSubmatch(prose, -1) {
		name, _, _ := strings.Cut(m[1], "/")
		switch {
		case isTest.MatchString(name):
			if !g.functions[name] {
				problems = append(problems, fmt.Sprintf("%s: there is no test %s", page, m[1]))
			}
			continue
		case isCase.MatchString(m[1]):
			if !g.cases[m[1]] {
				problems = append(problems, fmt.Sprintf("%s: the suite has no case %s", page, m[1]))
			}
			continue
		}
		for _, used := range selector.FindAllStringSubmatch(m[1], -1) {
			if !g.knows(used[1]) {
				problems = append(problems, fmt.Sprintf("%s: there is no %s", page, used[1]))
			}
		}
	}
	return problems
}

// knows reports whether the API has a name like ops.Read or Read.Buf. A type that is not
// of this module is not looked at.
func (g *guide) knows(name string) bool {
	of, member, _ := strings.Cut(name, ".")
	isOperation := g.api["ops."+of]
	if token.IsExported(of) && !g.api["completion."+of] && !isOperation && !g.api["ionet."+of] {
		return true
	}
	return g.api[name] || isOperation && g.api["Op."+member]
}

// note adds what a declaration declares to functions and api.
func (g *guide) note(s source, d ast.Decl) {
	packages := map[string]string{".": "completion", "ops": "ops", "ionet": "ionet"}
	name := packages[s.folder]
	isAPI := name != "" && !s.test
	if f, ok := d.(*ast.FuncDecl); ok {
		if f.Recv == nil {
			g.functions[f.Name.Name] = true
			name += "." + f.Name.Name
		} else {
			name = functionName(f)
		}
		g.api[name] = g.api[name] || isAPI
		return
	}
	if !isAPI {
		return
	}
	for _, spec := range d.(*ast.GenDecl).Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			for _, n := range spec.Names {
				g.api[name+"."+n.Name] = true
			}
		case *ast.TypeSpec:
			g.api[name+"."+spec.Name.Name] = true
			if fields, ok := spec.Type.(*ast.StructType); ok {
				g.noteFields(spec.Name.Name, fields)
			}
		}
	}
}

func (g *guide) noteFields(of string, s *ast.StructType) {
	for _, field := range s.Fields.List {
		for _, n := range field.Names {
			g.api[of+"."+n.Name] = true
		}
	}
}

// suiteCases returns the cases of the conformance suite: its table of families names a
// variable for each, and the variables name functions and other variables.
func suiteCases(sources []source) map[string]bool {
	values := map[string]ast.Expr{}
	for _, s := range sources {
		for _, d := range s.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.VAR || s.folder != "porttest" {
				continue
			}
			for _, spec := range decl.Specs {
				if v := spec.(*ast.ValueSpec); len(v.Values) == 1 {
					values[v.Names[0].Name] = v.Values[0]
				}
			}
		}
	}
	cases := map[string]bool{}
	table, ok := values["families"].(*ast.CompositeLit)
	if !ok {
		return cases
	}
	for _, e := range table.Elts {
		if f := e.(*ast.CompositeLit); len(f.Elts) == 2 {
			name := strings.Trim(f.Elts[0].(*ast.BasicLit).Value, `"`)
			addCases(cases, name, f.Elts[1], values)
		}
	}
	return cases
}

// addCases adds the functions that an expression names.
func addCases(cases map[string]bool, family string, e ast.Expr, values map[string]ast.Expr) {
	ast.Inspect(e, func(n ast.Node) bool {
		name, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		if value, ok := values[name.Name]; ok {
			addCases(cases, family, value, values)
		} else {
			cases[family+"/"+capital(name.Name)] = true
		}
		return true
	})
}

// contents returns a file of the module, or "".
func contents(name string) string {
	text, _ := os.ReadFile(filepath.Join(find(), filepath.FromSlash(name)))
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
