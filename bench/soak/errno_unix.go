//go:build unix

package main

import "syscall"

// The system's errnos for the end of a connection.
const (
	connectionReset = syscall.ECONNRESET
	brokenPipe      = syscall.EPIPE
	notConnected    = syscall.ENOTCONN
)
