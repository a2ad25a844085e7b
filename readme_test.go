package completion_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) && !inRepository() {
		t.Skipf("%s is not here: the test was built elsewhere", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// inRepository tells whether the test runs among the sources.
func inRepository() bool {
	_, err := os.Stat("go.mod")
	return err == nil
}

// The program in the README compiles, and its server is the one that Example
// runs.
func TestREADMEProgram(t *testing.T) {
	_, block, _ := strings.Cut(readFile(t, "README.md"), "```go\npackage main\n")
	block, _, found := strings.Cut(block, "```\n")
	if !found {
		t.Fatal("README.md has no program")
	}
	serve := regexp.MustCompile(`(?ms)^func serve\(.*?^}\n`)
	ran := serve.FindString(readFile(t, "example_test.go"))
	if ran == "" || serve.FindString(block) != ran {
		t.Errorf("serve in README.md is not the one in example_test.go")
	}
	if n := strings.Count(ran, "\n"); n != 32 {
		t.Errorf("serve has %d lines, README.md says 32", n)
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command here")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte("package main\n"+block), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"vet", file}, {"build", "-o", filepath.Join(dir, "server"), file}} {
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			t.Errorf("go %s: %v\n%s", args[0], err, out)
		}
	}
	if out, err := exec.Command("go", "fmt", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("go fmt: %v\n%s", err, out)
	}
}

// What the documents link to and run is there.
func TestDocumentsPointToFiles(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)\)|go run (\./\S+)`)
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "ARCHITECTURE.md"} {
		for _, m := range link.FindAllStringSubmatch(readFile(t, document), -1) {
			if _, err := os.Stat(m[1] + m[2]); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}
