package porttest

var orderCases = []testCase{}
