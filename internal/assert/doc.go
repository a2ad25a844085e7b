// Package assert lets the engine check conditions that must always hold, in builds with
// the tag assertions or with the race detector. Tests, the simulator and CI use such
// builds. In a program's build a check costs nothing.
package assert

// That panics if the condition does not hold, in builds with assertions.
func That(holds bool, what string) {
	if Enabled && !holds {
		panic("completion: a defect of the engine: " + what)
	}
}
