//go:build !unix

package porttest

// watchCases are about descriptors of others.
var watchCases = []testCase{watchUnsupported}
