package porttest

var closeCases = []testCase{}
