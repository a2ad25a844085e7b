//go:build linux || windows

package completion_test

import (
	"runtime"
	"runtime/debug"
)

// collectAndAllocate collects the garbage, and returns memory that would be where ports that the
// program has dropped had theirs, if that was garbage: pieces of so many bytes, and small ones.
func collectAndAllocate(size int) (mine [][]byte) {
	for range 3 {
		runtime.GC()
		debug.FreeOSMemory()
	}
	for range 2000 {
		mine = append(mine, make([]byte, size), make([]byte, 256))
	}
	return mine
}
