//go:build unix

package porttest

import "golang.org/x/sys/unix"

// descriptorLimit is above what a case with one port has open.
const descriptorLimit = 64

// limitDescriptors lets this process open descriptorLimit descriptors. The
// case does it in a process of its own.
func limitDescriptors() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = descriptorLimit
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}
