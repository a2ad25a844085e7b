//go:build linux || darwin || dragonfly || freebsd

package sys

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

var _ backend.FileSender = (*Kernel)(nil)

// sendFile is a variable for tests of its arguments, and of errnos.
var sendFile = func(fd, file int, at int64, n int) (int, error) { return unix.Sendfile(fd, file, &at, n) }

// SendFile is sendfile(2). It has no flag that makes it non-blocking, and relies on
// O_NONBLOCK: so it is not for a socket whose flags others may have changed. It blocks until
// the bytes have come from the disk.
func (k *Kernel) SendFile(fd int, file uintptr, at int64, n int) (moved int, errno syscall.Errno, supported bool) {
	if k.shared.has(fd) {
		return 0, 0, false
	}
	if errno = whyBroken(fd); errno != 0 {
		return 0, errno, true
	}
	moved, err := sendFile(fd, int(file), at, upToEnd(file, at, n))
	errno = asErrno(err)
	switch {
	case moved > 0: // the BSDs return what was sent before the errno
		return moved, 0, true
	case refusesFile(errno):
		return 0, 0, false
	}
	_, errno = sent(fd, 0, errno)
	return 0, errno, true
}

// refusesFile reports whether an errno of sendfile(2) means a kind of file that the call does
// not work for, or, for EOVERFLOW, a place where the file system has no files: a read finds
// the end there. EPERM is of a filter of system calls: if it is not, a write returns it, too. On
// macOS, ENOTSUP and EOPNOTSUPP are two errnos.
func refusesFile(errno syscall.Errno) bool {
	switch errno {
	case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, unix.ENOTSOCK, unix.EOVERFLOW, unix.EPERM:
		return true
	}
	return errno == unix.ENOTSUP
}
