//go:build !linux

package fault

// Table is empty: there is no backend here yet to make fail.
var Table []Fault
