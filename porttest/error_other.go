//go:build !linux

package porttest

// systemErrorCases are what only some systems do.
var systemErrorCases []testCase
