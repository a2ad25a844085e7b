// Package house has no code, only tests of what CONTRIBUTING.md asks of the sources:
// how long functions and files are, who imports whom, what is documented, and how
// commits are written. They read the sources with go/parser and run nothing.
//
// Where the sources are not there, as with a test binary on another machine, the tests
// are skipped.
package house
