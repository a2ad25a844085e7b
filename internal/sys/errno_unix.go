//go:build !windows

package sys

import "syscall"

// Errno returns what the system calls an errno, which is what package syscall
// calls it.
func Errno(errno syscall.Errno) syscall.Errno { return errno }
