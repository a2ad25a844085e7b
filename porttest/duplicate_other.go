//go:build !unix

package porttest

// duplicateCases need descriptors that can be duplicated.
var duplicateCases []testCase

// blockingCases need descriptors that others share.
var blockingCases []testCase
