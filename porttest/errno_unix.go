//go:build !windows

package porttest

import "syscall"

// The system's numbers for what connections meet.
const (
	connectionReset   = syscall.ECONNRESET
	connectionRefused = syscall.ECONNREFUSED
	brokenPipe        = syscall.EPIPE
	addressInUse      = syscall.EADDRINUSE
)
