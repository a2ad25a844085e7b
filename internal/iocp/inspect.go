//go:build windows

package iocp

import "github.com/completionport/completion/internal/backend"

// The functions of this file are for tests of ports, which are in another package. No
// program contains them.

// SetSkipOnSuccess sets the mode of ports that are opened until undo is called.
func SetSkipOnSuccess(on bool) (undo func()) {
	before := skipOnSuccess
	skipOnSuccess = on
	return func() { skipOnSuccess = before }
}

// OpenPorts returns how many ports have not been closed.
func OpenPorts() (n int) {
	openPorts.Range(func(any, any) bool { n++; return true })
	return n
}

// AcceptedAhead returns how many connections of a listener have been accepted and not yet
// given to an operation, and how many accepts are inside Windows.
func AcceptedAhead(k backend.Kernel, fd int) (ended, inside int) {
	q := k.(*Kernel).port.sockets.Get(fd).acceptQueue()
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ended), len(q.inside)
}

// Sockets returns how many descriptors a port has in its table.
func Sockets(k backend.Kernel) (n int) {
	for range k.(*Kernel).port.sockets.All {
		n++
	}
	return n
}

// CancelPipeInstances cancels the waits of all instances of a pipe, and returns how many.
func CancelPipeInstances(k backend.Kernel, fd int) (n int) {
	l := k.(*Kernel).port.sockets.Get(fd).pipes
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, i := range l.inside {
		if i.Cancel() {
			n++
		}
	}
	return n
}
