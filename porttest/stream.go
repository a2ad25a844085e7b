package porttest

var streamCases = []testCase{}
