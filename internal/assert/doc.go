// Package assert lets the engine check what must always hold, in builds with the tag
// assertions and with the race detector. Tests, the simulator and CI have such builds;
// in a program's build a check costs nothing.
package assert

// That panics in builds with assertions if the condition does not hold.
func That(holds bool, what string) {
	if Enabled && !holds {
		panic("completion: a defect of the engine: " + what)
	}
}
