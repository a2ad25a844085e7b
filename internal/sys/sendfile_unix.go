//go:build linux || darwin || dragonfly || freebsd

package sys

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

var _ backend.FileSender = (*Kernel)(nil)

// SendFile is sendfile(2). It has no flag that makes it non-blocking, and relies on
// O_NONBLOCK: so it is not for a socket whose flags others may have changed. It blocks until
// the bytes have come from the disk. EINVAL and similar errnos mean a kind of file that the
// call does not work for.
func (k *Kernel) SendFile(fd int, file uintptr, at int64, n int) (moved int, errno syscall.Errno, supported bool) {
	if k.shared.has(fd) {
		return 0, 0, false
	}
	moved, err := unix.Sendfile(fd, int(file), &at, n)
	if moved > 0 { // the BSDs return what was sent before the errno
		return moved, 0, true
	}
	switch errno = asErrno(err); errno {
	case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, unix.ENOTSOCK:
		return 0, 0, false
	}
	return 0, errno, true
}
