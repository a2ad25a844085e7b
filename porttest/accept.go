package porttest

var acceptCases = []testCase{}
