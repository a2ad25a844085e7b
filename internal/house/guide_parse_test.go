package house

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/token"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// block is a fenced block of a page.
type block struct {
	line             int // of the fence
	language, marker string
	text             string
}

var marker = regexp.MustCompile(`^<!-- (.*) -->$`)

// blocks returns the fenced blocks of a page. A fence without an end is a block, too.
func blocks(text string) (all []block) {
	var b *block
	above, number := "", 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(line, "\n")
		language, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && b == nil:
			b = &block{line: number, language: language}
			if m := marker.FindStringSubmatch(above); m != nil {
				b.marker = m[1]
			}
		case fence:
			all = append(all, *b)
			b = nil
		case b != nil:
			b.text += line + "\n"
		}
		above = line
	}
	if b != nil {
		b.language = "without an end"
		all = append(all, *b)
	}
	return all
}

// prose returns a page with its blocks as empty lines.
func prose(text string) string {
	var all strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		inside = inside != fence
		if inside || fence {
			line = "\n"
		}
		all.WriteString(line)
	}
	return all.String()
}

// commands returns the commands of a block, without comments.
func commands(text string) (all []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, " #")
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// code returns the declarations of names in a file.
func (g *guide) code(file string, names []string) (string, error) {
	var all []string
	for _, name := range names {
		part, err := g.declaration(file, name)
		if err != nil {
			return "", err
		}
		all = append(all, part)
	}
	return strings.Join(all, "\n"), nil
}

// declaration returns a declaration with its comment, or the body of a test.
func (g *guide) declaration(file, name string) (string, error) {
	s := g.source(file)
	if s == nil {
		return "", fmt.Errorf("there is no file %s", file)
	}
	for _, d := range s.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if functionName(d) == name && isTest.MatchString(name) {
				return body(s.between(d.Body.Lbrace+1, d.Body.Rbrace)), nil
			}
			if functionName(d) == name {
				return s.between(start(d, d.Doc), d.End()) + "\n", nil
			}
		case *ast.GenDecl:
			if t, ok := d.Specs[0].(*ast.TypeSpec); ok && t.Name.Name == name {
				return s.between(start(d, d.Doc), d.End()) + "\n", nil
			}
		}
	}
	return "", fmt.Errorf("%s does not declare %s", file, name)
}

// start is where a declaration or its comment begins.
func start(d ast.Decl, comment *ast.CommentGroup) token.Pos {
	if comment != nil {
		return comment.Pos()
	}
	return d.Pos()
}

// body removes one level of indentation and the output of an example.
func body(text string) string {
	text, _, _ = strings.Cut(text, "\t// Output:")
	return strings.TrimRight(strings.ReplaceAll(text, "\n\t", "\n"), " \t\n")[1:] + "\n"
}

// output returns the output of an example.
func (g *guide) output(file string, names []string) (string, error) {
	s := g.source(file)
	if s == nil {
		return "", fmt.Errorf("there is no file %s", file)
	}
	for _, e := range doc.Examples(s.File) {
		if "Example"+e.Name == names[0] && e.Output != "" {
			return e.Output, nil
		}
	}
	return "", fmt.Errorf("%s has no example %s with an output", file, names[0])
}

func (g *guide) source(file string) *source {
	for i := range g.sources {
		if g.sources[i].path == file {
			return &g.sources[i]
		}
	}
	return nil
}

func (s *source) between(from, to token.Pos) string {
	text := string(s.text[s.fset.Position(from).Offset:s.fset.Position(to).Offset])
	return strings.ReplaceAll(text, "\r\n", "\n")
}

var (
	link    = regexp.MustCompile(`(?m)(?:\]\(|^\[[^\]]+\]:\s*)([^)\s]+)`)
	heading = regexp.MustCompile("(?m)^#+ (.+)$")
)

// links returns what is wrong with the links of a page.
func (g *guide) links(page, prose string) (problems []string) {
	for _, m := range link.FindAllStringSubmatch(prose, -1) {
		to, anchor, _ := strings.Cut(m[1], "#")
		if strings.Contains(to, "://") {
			continue
		}
		target := path.Join(path.Dir(page), to)
		if to == "" {
			target = page
		}
		switch {
		case target != page && !exists(target):
			problems = append(problems, fmt.Sprintf("%s: %s does not exist", page, target))
		case anchor != "" && !hasAnchor(target, page, prose, anchor):
			problems = append(problems, fmt.Sprintf("%s: %s has no heading #%s", page, target, anchor))
		}
	}
	return problems
}

// hasAnchor reports whether a heading of the target has this anchor.
func hasAnchor(target, page, text, anchor string) bool {
	if target != page {
		text = prose(contents(target))
	}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		if anchorOf(m[1]) == anchor {
			return true
		}
	}
	return false
}

// anchorOf returns the anchor that GitHub gives a heading.
func anchorOf(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}

// capital is a name with a capital.
func capital(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(first)) + name[size:]
}
