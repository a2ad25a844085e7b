//go:build !race

package race

// Enabled tells whether the race detector watches.
const Enabled = false

// Loan is nothing without the race detector.
type Loan struct{}

// Lend does nothing without the race detector.
func (*Loan) Lend(memory []byte, written bool) {}

// Return does nothing without the race detector.
func (*Loan) Return() {}
