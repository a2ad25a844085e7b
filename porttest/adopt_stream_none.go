//go:build !unix

package porttest

// Cases of pipes, FIFOs and terminals.
var streamOfFileCases, streamEndCases []testCase
