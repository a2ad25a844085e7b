//go:build !unix

package porttest

var rightsSystemCases []testCase
