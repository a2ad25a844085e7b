package sim

import "syscall"

// What the simulated kernel says of a dead connection: Linux's numbers. The
// engine keeps 16 bits of them, as all systems have, and those that package
// syscall has made up for Windows are longer.
const (
	errAborted     = syscall.Errno(103)
	errReset       = syscall.Errno(104)
	errTimedOut    = syscall.Errno(110)
	errRefused     = syscall.Errno(111)
	errUnreachable = syscall.Errno(113)
)
