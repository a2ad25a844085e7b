package porttest

var handleCases = []testCase{}
