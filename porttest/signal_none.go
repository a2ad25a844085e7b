//go:build !unix

package porttest

// signalCases are about signals that a process can send to itself.
var signalCases []testCase
