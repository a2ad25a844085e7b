package porttest

var errorCases = []testCase{}
