package porttest

import "syscall"

// direct is the flag of direct I/O.
const direct = syscall.O_DIRECT
