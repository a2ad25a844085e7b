//go:build !linux

package porttest

// direct is 0 where the suite does not know a flag of direct I/O.
const direct = 0
