package porttest

var waitingCases = []testCase{}
