//go:build assertions || race

package core

import "sync/atomic"

// assertions reports whether the engine checks itself: with the build tag assertions,
// and with the race detector.
const assertions = true

var seen [phases][phases]atomic.Uint64

func assert(holds bool, what string) {
	if !holds {
		panic("completion: a defect of the engine: " + what)
	}
}
