//go:build unix

package sys

import (
	"os"
	"syscall"
)

// AllSignals returns all signals but SIGURG, which Go's runtime sends to its own threads all
// the time.
func AllSignals() (all []os.Signal) {
	const behindLast = 65 // of Go's runtime, on every system
	for s := syscall.Signal(1); s < behindLast; s++ {
		if s != syscall.SIGURG {
			all = append(all, s)
		}
	}
	return all
}
