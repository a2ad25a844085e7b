package sys

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// UringAlarm is the request that Alarm ends. It waits until the pipe has room, whose write end is
// the only registered file.
var UringAlarm = UringEntry{
	Op: UringPollAdd, Flags: uringFixedFile, FD: 0, OpFlags: UringPollOut,
}

// uringFixedFile says that FD is the number of a registered file (IOSQE_FIXED_FILE).
const uringFixedFile = 1 << 0

// UringEnded reports whether an errno of io_uring_enter(2) means that no call for this io_uring will
// succeed any more. The others say that a signal came, that the time is over, or what the system
// lacks now: memory, or room for results.
func UringEnded(errno syscall.Errno) bool {
	switch errno {
	case 0, unix.EINTR, unix.EAGAIN, unix.EBUSY, unix.ENOMEM, unix.ETIME:
		return false
	}
	return true
}

// OpenEnd returns the read end of a pipe whose write end only the io_uring has: when a read of it
// returns that there is no more, the system has let go of the io_uring and of all requests. Until
// then they may write to memory: the end of the io_uring, which begins with the close of its
// descriptor and of its mappings, goes on in a thread of the kernel, and waits for devices.
//
// The pipe is full, so that Alarm can end UringAlarm.
func (u *Uring) OpenEnd() (*os.File, error) {
	if errno := u.failures.of("pipe2"); errno != 0 {
		return nil, os.NewSyscallError("pipe2", errno)
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	defer unix.Close(ends[1])
	unix.FcntlInt(uintptr(ends[1]), unix.F_SETPIPE_SZ, os.Getpagesize()) // the smallest one, to save memory
	for full := make([]byte, os.Getpagesize()); ; {
		if _, err := unix.Write(ends[1], full); err == unix.EAGAIN {
			break
		} else if err != nil && err != unix.EINTR {
			unix.Close(ends[0])
			return nil, os.NewSyscallError("write", err)
		}
	}
	const registerFiles = 2
	file := int32(ends[1])
	if err := u.register("io_uring_register", registerFiles, unsafe.Pointer(&file), 1); err != nil {
		unix.Close(ends[0])
		return nil, err
	}
	u.end = ends[0]
	return os.NewFile(uintptr(u.end), "io_uring"), nil
}

// Alarm ends UringAlarm, without a call for the io_uring.
func (u *Uring) Alarm() {
	for left := make([]byte, os.Getpagesize()); ; {
		if n, err := unix.Read(u.end, left); n <= 0 && err != unix.EINTR {
			return
		}
	}
}

// CancelAll cancels all requests inside, as far as this version of Linux (6.0) and its filters let
// it (IORING_REGISTER_SYNC_CANCEL). Then an accept takes no connection any more, and a receive no
// data. The results of some of them may come later. errno is why the io_uring has ended.
func (u *Uring) CancelAll(errno syscall.Errno) {
	if uringIsForeign(errno) {
		return
	}
	const registerSyncCancel, all, anyOne = 24, 1 << 0, 1 << 2
	about := struct {
		addr                 uint64
		fd                   int32
		flags                uint32
		seconds, nanoseconds int64
		_                    [4]uint64
	}{fd: -1, flags: all | anyOne}
	unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(u.FD), registerSyncCancel, uintptr(unsafe.Pointer(&about)), 1, 0, 0)
}

// uringIsForeign reports whether an errno of io_uring_enter(2) says that another part of the program has
// closed the descriptor. Its number belongs to somebody else now, or soon.
func uringIsForeign(errno syscall.Errno) bool { return errno == unix.EBADF || errno == unix.EOPNOTSUPP }

// Bury closes the io_uring: OpenEnd tells when the system has let go of it. Other goroutines may use
// u meanwhile and later. They find rings that are empty, and a descriptor that is none of an
// io_uring: a copy of other. errno is why the io_uring has ended. The caller has the lock of the
// submission queue.
func (u *Uring) Bury(errno syscall.Errno, other int) {
	for _, m := range [][]byte{u.rings, u.entries} {
		// Only without memory for a few pages, this fails: then the io_uring stays.
		unix.MmapPtr(-1, 0, unsafe.Pointer(unsafe.SliceData(m)), uintptr(len(m)),
			unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED)
	}
	u.isForeign = uringIsForeign(errno)
	if !u.isForeign && unix.Dup3(other, u.FD, unix.O_CLOEXEC) != nil {
		unix.Close(u.FD)
		u.isForeign = true
	}
}
