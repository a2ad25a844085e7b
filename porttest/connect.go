package porttest

var connectCases = []testCase{}
