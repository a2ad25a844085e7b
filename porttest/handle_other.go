//go:build !linux

package porttest

// systemCases are about options and sockets of Linux.
var systemCases []testCase
