package porttest

var submitCases = []testCase{}
