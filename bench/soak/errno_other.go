//go:build !unix

package main

import "syscall"

// Winsock's errnos for the end of a connection. No call returns the numbers with these
// names in package syscall on Windows.
const (
	connectionReset = syscall.Errno(10054) // WSAECONNRESET
	brokenPipe      = syscall.Errno(10058) // WSAESHUTDOWN
	notConnected    = syscall.Errno(10057) // WSAENOTCONN
)
