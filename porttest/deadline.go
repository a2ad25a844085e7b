package porttest

var deadlineCases = []testCase{}
