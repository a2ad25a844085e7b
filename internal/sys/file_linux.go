package sys

import (
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tryFile reads what is in the page cache, with preadv2(2) and RWF_NOWAIT.
type tryFile struct {
	fd          int
	canTry      bool
	canStart    bool        // an io_uring may read it
	isDirect    bool        // it is opened for direct I/O
	unsupported atomic.Bool // the file system has refused the flag
}

// init finds out whether a read of the file may succeed: of a regular file or a block device,
// unless it is opened for direct I/O. There the flag would not prevent a wait for the device.
//
// Android ends a process that makes a call which is not on its list. preadv2 is on it from
// Android 13, and nothing tells without the call.
func (t *tryFile) init(file *os.File) {
	if runtime.GOOS == "android" {
		return
	}
	c, err := file.SyscallConn()
	if err != nil {
		return
	}
	c.Control(func(fd uintptr) {
		var is unix.Stat_t
		t.fd = int(fd)
		if unix.Fstat(t.fd, &is) != nil || is.Mode&unix.S_IFMT != unix.S_IFREG && is.Mode&unix.S_IFMT != unix.S_IFBLK {
			return
		}
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		t.isDirect = err == nil && flags&unix.O_DIRECT != 0
		t.canTry = err == nil && !t.isDirect
		t.canStart = err == nil && flags&unix.O_NONBLOCK == 0 // else a request may end with EAGAIN
	})
}

func (t *tryFile) can() bool { return t.canTry }

// starts reports whether an io_uring is to read so many bytes. From a page cache, it copies them in
// the call that submits the request, so a read that is too long for readAt is left to others.
func (t *tryFile) starts(bytes int) bool { return t.canStart && (t.isDirect || bytes <= rawLimit) }

// readAt reads until p is full or the file ends. An errno leaves the read, and the errno, to
// the call that blocks. The caller keeps the descriptor open.
func (t *tryFile) readAt(p []byte, offset int64) (n int, err error, ok bool) {
	if len(p) > rawLimit || offset < 0 || t.unsupported.Load() {
		return 0, nil, false
	}
	for n < len(p) {
		got, errno := readNoWait(t.fd, p[n:], offset+int64(n))
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EOPNOTSUPP, unix.ENOSYS:
			t.unsupported.Store(true)
			return 0, nil, false
		default:
			return 0, nil, false
		}
		if got == 0 {
			if !t.endsAt(offset + int64(n)) {
				return 0, nil, false
			}
			return n, io.EOF, true
		}
		n += got
	}
	return n, nil, true
}

// endsAt reports whether the file has no byte from this place on. Linux 5.9 and 5.10 may also
// return 0 for bytes that are not in the page cache (readv(2), BUGS). The size of a device is
// not known here.
func (t *tryFile) endsAt(place int64) bool {
	var is unix.Stat_t
	return unix.Fstat(t.fd, &is) == nil && is.Mode&unix.S_IFMT == unix.S_IFREG && place >= is.Size
}

var readNoWait = preadNoWait // a variable for a test of what it returns

// preadNoWait is preadv2(2) with RWF_NOWAIT. Go's scheduler is not told of the call, since it
// does not wait: see rawLimit. The kernel takes the offset in two registers, of which 64-bit
// systems ignore the second.
func preadNoWait(fd int, p []byte, offset int64) (int, syscall.Errno) {
	iov := unix.Iovec{Base: unsafe.SliceData(p)}
	iov.SetLen(len(p))
	low, high := uintptr(offset), uintptr(uint64(offset)>>32)
	n, _, errno := syscall.RawSyscall6(unix.SYS_PREADV2, uintptr(fd), uintptr(unsafe.Pointer(&iov)), 1, low, high, unix.RWF_NOWAIT)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
