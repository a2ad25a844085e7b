//go:build unix

package porttest

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// highestDescriptor bounds the count: the suite opens far fewer.
const highestDescriptor = 4096

// countDescriptors asks for each number whether it is open, unless the system
// lists those that are.
func countDescriptors() int {
	if runtime.GOOS == "linux" {
		if open, err := os.ReadDir("/proc/self/fd"); err == nil {
			return len(open) - 1 // without that of the folder
		}
	}
	n := 0
	for fd := range highestDescriptor {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}
