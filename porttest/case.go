package porttest

import (
	"reflect"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"
)

// testCase is one promise. The name of its function states it.
type testCase func(e *env)

// family is what tests one point of the contract.
type family struct {
	name  string
	cases []testCase
}

// name is the function's, with a capital: of "porttest.readDeadline" it is
// "ReadDeadline". So neither can be called other than the other.
func (c testCase) name() string {
	full := runtime.FuncForPC(reflect.ValueOf(c).Pointer()).Name()
	function := full[strings.LastIndex(full, ".")+1:]
	first, size := utf8.DecodeRuneInString(function)
	return string(unicode.ToUpper(first)) + function[size:]
}
