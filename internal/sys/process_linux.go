package sys

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// AwaitExit waits until a child has exited, without holding a thread, and leaves its status to
// a wait(2). It returns the error of ctx if that ends first, and an error if the system has no
// descriptor or memory left: a wait(2) could not be ended early. If p is no child, or the system
// has no descriptors of processes that Go's poller can wait for, it returns nil at once, and
// the wait(2) reports that, or blocks.
//
// The descriptor is not that of p: O_NONBLOCK, which Go's poller needs, would change the waits
// of package os.
func AwaitExit(ctx context.Context, p *os.Process) error {
	fd, err := -1, error(nil)
	// Once p is done its number may be another process's.
	if p.WithHandle(func(uintptr) { fd, err = unix.PidfdOpen(p.Pid, unix.PIDFD_NONBLOCK) }) != nil {
		return nil // the wait reports it
	}
	switch err {
	case nil:
	case unix.EMFILE, unix.ENFILE, unix.ENOMEM:
		return os.NewSyscallError("pidfd_open", err)
	default:
		return nil
	}
	file := os.NewFile(uintptr(fd), "pidfd")
	defer file.Close()
	c, err := file.SyscallConn()
	if err != nil || !isChild(fd) || file.SetReadDeadline(time.Time{}) != nil {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = c.Read(hasExited)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

// isChild reports whether a wait(2) for the process of a descriptor would not fail at once. It
// leaves the status.
func isChild(fd int) bool {
	for {
		err := unix.Waitid(unix.P_PIDFD, fd, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err != unix.ECHILD
		}
	}
}

// hasExited reports whether the process of a descriptor has exited: it is readable then.
func hasExited(fd uintptr) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n > 0 || err != nil && err != unix.EINTR
}
