//go:build !windows

package sys

import (
	"syscall"

	"github.com/completionport/completion/internal/core"
)

// Errno returns what the system calls an errno, which is what package syscall
// calls it.
func Errno(errno syscall.Errno) syscall.Errno { return errno }

// ErrorOf returns an errno as an error that tells whether it is temporary.
// Package syscall knows that of a lack of descriptors, and not of one of memory.
func ErrorOf(errno syscall.Errno) error {
	switch errno {
	case syscall.ENOBUFS, syscall.ENOMEM:
		return noMemory{errno}
	}
	return errno
}

// noMemory is a lack of memory.
type noMemory struct{ syscall.Errno }

// Temporary says that it may pass.
func (noMemory) Temporary() bool { return true }

// Unwrap returns the errno.
func (e noMemory) Unwrap() error { return e.Errno }

var callNames = [...]string{
	core.Accept:     "accept",
	core.Connect:    "connect",
	core.Read:       "read",
	core.Write:      "write",
	core.CloseWrite: "shutdown",
}

// CallName is what the call for operations of this kind is called.
func CallName(kind core.Kind) string { return callNames[kind] }
