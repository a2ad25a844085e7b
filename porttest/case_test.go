package porttest

import (
	"regexp"
	"testing"
)

// A name says which function to look for, and is there once: a closure has none, and
// package testing numbers names that are the same.
func TestNamesOfCases(t *testing.T) {
	if got, want := testCase(readDeadline).name(), "ReadDeadline"; got != want {
		t.Errorf("name is %q, want %q", got, want)
	}
	proper := regexp.MustCompile("^[A-Z][a-z][A-Za-z0-9]+$")
	seen := map[string]bool{}
	for _, f := range families {
		for _, c := range f.cases {
			if name := c.name(); !proper.MatchString(name) || seen[name] {
				t.Errorf("case %s of %s: its name is none, or there twice", name, f.name)
			}
			seen[c.name()] = true
		}
	}
}
