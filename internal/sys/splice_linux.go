package sys

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

var _ backend.Splicer = (*Kernel)(nil)

// pipeBytes is the size of a pipe. A user without privileges has 64 MiB for all pipes. Above
// that, the size stays at 64 KiB, and then at 8 KiB, which is slower.
const pipeBytes = 1 << 20

// spliceFlags make the pipe non-blocking. For the socket there is no flag: see CanSplice.
const spliceFlags = unix.SPLICE_F_MOVE | unix.SPLICE_F_NONBLOCK

// OpenPipe is pipe2(2).
func (*Kernel) OpenPipe() (backend.Pipe, syscall.Errno) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return backend.Pipe{}, asErrno(err)
	}
	unix.FcntlInt(uintptr(ends[0]), unix.F_SETPIPE_SZ, pipeBytes) // if this fails, it works all the same
	return backend.Pipe{Out: int32(ends[0]), In: int32(ends[1])}, 0
}

// ClosePipe is close(2) of both ends.
func (*Kernel) ClosePipe(p backend.Pipe) {
	unix.Close(int(p.Out))
	unix.Close(int(p.In))
}

// CanSplice reports whether splice(2) may be used. It relies on O_NONBLOCK: so it is not for
// sockets whose flags others may have changed. And it never passes the place of urgent data, as
// a read does.
func (k *Kernel) CanSplice(from, to int) bool {
	return !urgent.Load() && !k.shared.has(from) && !k.shared.has(to)
}

// paysFrom is the number of bytes from which on a pipe is cheaper: as many as fill the memory of
// a Copy. Below that, the four calls of a pipe cost more than copying the bytes twice: the splice
// in, another that finds the socket empty, a send of no bytes, and the splice out.
const paysFrom = 64 << 10

// PaysToSplice compares n with a number that was measured.
func (*Kernel) PaysToSplice(n int) bool { return n >= paysFrom }

// SpliceIn is splice(2) to a pipe. EINVAL and similar errnos mean a kind of socket that the call
// does not work for. A filter of system calls (seccomp(2), as containers and services have it)
// refuses the call with ENOSYS or EPERM.
//
// It leaves the end of the stream to a read: where urgent data begins, splice(2) also returns 0 bytes
// if the end has arrived behind it, and no event may have told CanSplice yet.
func (*Kernel) SpliceIn(from int, p backend.Pipe, n int) (moved int, errno syscall.Errno, supported bool) {
	moved, errno = splice(from, int(p.In), n)
	switch errno {
	case 0:
		return moved, 0, moved > 0
	case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM:
		return 0, 0, false
	}
	return moved, errno, true
}

// SpliceOut is splice(2) from a pipe.
func (*Kernel) SpliceOut(p backend.Pipe, to, n int) (moved int, errno syscall.Errno) {
	if errno = whyBroken(to); errno != 0 {
		return 0, errno
	}
	return splice(int(p.Out), to, n)
}

func splice(from, to, n int) (int, syscall.Errno) {
	moved, _, errno := unix.Syscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n), spliceFlags)
	if errno != 0 {
		return 0, errno
	}
	return int(moved), 0
}
