//go:build !assertions && !race

package core

import "sync/atomic"

const assertions = false

var seen [phases][phases]atomic.Uint64

func assert(bool, string) {}
