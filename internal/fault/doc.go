// Package fault makes system calls of a port fail, for tests: it stands between
// the engine and a real backend, and lets a caller decide for each call whether
// it meets a fault. Table says which there are and what they mean.
//
// A fault must be one that the system could have shown. A call that is said to
// block gets an edge later, since the engine is right to wait for one; a connect
// that a signal interrupted goes on in the background; a failing close gives the
// descriptor back all the same.
package fault

import (
	"syscall"
)

// Call is a system call of the engine's.
type Call uint8

// The calls of backend.Kernel and backend.Poller that can fail.
const (
	Read Call = iota + 1
	Write
	Accept
	Connect
	Connected
	CloseWrite
	Close
	Arm
	Wait
)

var names = [...]string{"", "read", "write", "accept", "connect", "connected", "closewrite", "close", "arm", "wait"}

// String is the name of the call.
func (c Call) String() string { return names[c] }

// Effect is what a program sees of a fault.
type Effect uint8

const (
	// Unseen: everything goes on as if nothing had been.
	Unseen Effect = iota
	// Seen: an operation ends with the errno, or what opens a handle returns it.
	Seen
)

// Fault is one way for a call to fail.
type Fault struct {
	Call   Call
	Errno  syscall.Errno
	Effect Effect
	How    How
	Means  string // to the system
}

// How tells what a faulty call does besides failing.
type How uint8

const (
	// Edge: readiness is reported again.
	Edge How = 1 << iota
	// Made: the call is made as well, and if it fails in earnest, that counts.
	Made
)

// Choose decides on each call that is about to be made: nil for no fault. fd
// is -1 for Wait. It is called by any goroutine, and must be quick.
type Choose func(call Call, fd int) *Fault
