package optrace

import (
	"errors"
	"reflect"
)

// errno returns the number of the system's error in err. Its type is syscall.Errno on the
// systems that have numbers, which not all do.
func errno(err error) (n uint64, ok bool) {
	for ; err != nil; err = errors.Unwrap(err) {
		if v := reflect.ValueOf(err); v.Kind() == reflect.Uintptr {
			return v.Uint(), true
		}
	}
	return 0, false
}
