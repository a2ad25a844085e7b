package sim

import "syscall"

// The errnos of the simulated kernel for a dead connection are Linux's numbers. The
// engine keeps 16 bits, which is enough for the errnos of all systems. Those that package
// syscall has invented for Windows are longer.
const (
	errAborted     = syscall.Errno(103)
	errReset       = syscall.Errno(104)
	errTimedOut    = syscall.Errno(110)
	errRefused     = syscall.Errno(111)
	errUnreachable = syscall.Errno(113)
	errCanceled    = syscall.Errno(125) // of what a ring has abandoned
)
