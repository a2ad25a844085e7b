package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// whyBroken returns the errno of a socket that is broken. Other than a send, sendfile(2) and
// splice(2) have no flag against SIGPIPE, which a program with its own handler would see, so a
// send of no bytes comes first. A socket that breaks later raises the signal: between the two calls,
// or when the first bytes of the second one are answered by a reset.
func whyBroken(fd int) syscall.Errno {
	_, errno := (*Kernel)(nil).Write(fd, nil)
	return errno
}

// upToEnd returns how many bytes, of n behind a place, a file has, or n if its size does not
// tell. Up to Linux 6.4, sendfile(2) takes a file that ends before the count for one whose rest
// will come: the last segment waits for it, up to 200 ms.
func upToEnd(file uintptr, place int64, n int) int {
	var is unix.Stat_t
	if unix.Fstat(int(file), &is) != nil || is.Size <= place {
		return n
	}
	return int(min(is.Size-place, int64(n)))
}

// sent returns the result of a send. Linux returns the reason why a connection is gone.
func sent(_, n int, errno syscall.Errno) (int, syscall.Errno) { return n, errno }
