//go:build unix

package porttest

import "golang.org/x/sys/unix"

// isOpen asks the system whether a descriptor is open.
func isOpen(fd uintptr) bool {
	_, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
	return err == nil
}
