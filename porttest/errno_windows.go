package porttest

import "syscall"

// Winsock's numbers for what connections meet. Package syscall has no names
// for most of them, and its ECONNRESET is a number of its own.
const (
	connectionReset   = syscall.Errno(10054) // WSAECONNRESET
	connectionRefused = syscall.Errno(10061) // WSAECONNREFUSED
	brokenPipe        = syscall.Errno(10058) // WSAESHUTDOWN
	addressInUse      = syscall.Errno(10048) // WSAEADDRINUSE
)
