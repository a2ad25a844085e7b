//go:build !linux

package fault

// Table is empty: the faults are listed for Linux only.
var Table []Fault
