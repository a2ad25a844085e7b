// Package house has no code. Its tests check rules of CONTRIBUTING.md about the sources:
// lengths of functions and files, imports, doc comments, and commits. They parse the
// sources with go/parser and run none of them. They also check the pages of the guide, in
// docs, and run the commands in them that are marked.
//
// Where there are no sources, as for a test binary on another machine, the tests are
// skipped.
package house
