//go:build !windows && !plan9

package sys

import "syscall"

// ErrorOf returns an errno as an error whose Temporary is correct. Package syscall reports
// EMFILE as temporary, ENFILE only on some systems, and a lack of memory on none.
// epoll_ctl returns ENOSPC at the user's limit of registrations (max_user_watches). The
// only other call that returns ENOSPC is a bind to a path on a full disk, which is
// temporary, too.
func ErrorOf(errno syscall.Errno) error {
	switch errno {
	case syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ENOSPC:
		if !errno.Temporary() {
			return shortage{errno}
		}
	}
	return errno
}

// shortage is a lack of descriptors, memory or registrations.
type shortage struct{ syscall.Errno }

// Temporary returns true.
func (shortage) Temporary() bool { return true }

// Unwrap returns the errno.
func (e shortage) Unwrap() error { return e.Errno }
