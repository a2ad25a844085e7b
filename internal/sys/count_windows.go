package sys

import "syscall"

// OnCall, if not nil, is called with the name of every call into the system. If it returns
// an errno, calls that make, associate or post something fail with that errno and are not
// made. Only a test sets OnCall, while nothing else of this package runs.
var OnCall func(name string) syscall.Errno

func called(name string) syscall.Errno {
	if OnCall != nil {
		return OnCall(name)
	}
	return 0
}
