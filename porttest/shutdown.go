package porttest

var shutdownCases = []testCase{}
