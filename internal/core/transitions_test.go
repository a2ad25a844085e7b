//go:build assertions || race

package core

import "testing"

// TestTransitions prints how often each transition of the table was seen, and checks that
// any other transition panics.
func TestTransitions(t *testing.T) {
	for _, line := range TransitionsSeen() {
		t.Log(line)
	}
	defer func() {
		if recover() == nil {
			t.Error("Idle to Calling goes through")
		}
	}()
	new(Slot).enter(Calling)
}
