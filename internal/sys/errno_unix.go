//go:build !windows && !plan9

package sys

import "syscall"

// ErrorOf returns an errno as an error that tells whether it is temporary.
// Package syscall knows that of a lack of descriptors, though not everywhere of
// ENFILE, and not of one of memory. ENOSPC is epoll's word for the user's limit of
// registrations (max_user_watches); besides, only a bind to a path on a full disk
// says it, and that may pass, too.
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

// Temporary says that it may pass.
func (shortage) Temporary() bool { return true }

// Unwrap returns the errno.
func (e shortage) Unwrap() error { return e.Errno }
