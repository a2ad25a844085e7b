package porttest

var cancelCases = []testCase{}
