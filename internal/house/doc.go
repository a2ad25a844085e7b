// Package house has no code. Its tests check rules of CONTRIBUTING.md about the sources:
// lengths of functions and files, imports, doc comments, and commits. They parse the
// sources with go/parser and run none of them.
//
// Where there are no sources, as for a test binary on another machine, the tests are
// skipped.
package house
