package sys

// OnCall, if not nil, is told the name of every call into the system. Only a
// test sets it, before it opens a port.
var OnCall func(name string)

func called(name string) {
	if OnCall != nil {
		OnCall(name)
	}
}
