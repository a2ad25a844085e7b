package sys

import "syscall"

// OnCall, if not nil, is told the name of every call into the system. What it
// returns, if not 0, becomes the errno of those that make, join or post something,
// which are not made then. Only a test sets it, while nothing else is called.
var OnCall func(name string) syscall.Errno

func called(name string) syscall.Errno {
	if OnCall != nil {
		return OnCall(name)
	}
	return 0
}
