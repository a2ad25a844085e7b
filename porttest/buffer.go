package porttest

var bufferCases = []testCase{}
