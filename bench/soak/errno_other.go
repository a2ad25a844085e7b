//go:build !unix

package main

import "syscall"

// Winsock's numbers for how a connection ends. What package syscall calls so on
// Windows no call returns.
const (
	connectionReset = syscall.Errno(10054) // WSAECONNRESET
	brokenPipe      = syscall.Errno(10058) // WSAESHUTDOWN
	notConnected    = syscall.Errno(10057) // WSAENOTCONN
)
