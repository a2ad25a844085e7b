//go:build unix && !linux

package porttest

var shortReadLinuxCases []testCase
