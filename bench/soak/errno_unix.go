//go:build unix

package main

import "syscall"

// The system's numbers for how a connection ends.
const (
	connectionReset = syscall.ECONNRESET
	brokenPipe      = syscall.EPIPE
	notConnected    = syscall.ENOTCONN
)
