package porttest

var lateCases = []testCase{}
