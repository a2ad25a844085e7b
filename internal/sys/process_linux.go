package sys

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// AwaitExit waits until a child has exited, without holding a thread, and leaves its status to
// a wait(2). It returns the error of ctx if that ends first. If the system has no descriptors
// of processes that Go's poller can wait for, it returns nil at once, and the wait(2) blocks.
//
// The descriptor is not that of p: O_NONBLOCK, which Go's poller needs, would change the waits
// of package os.
func AwaitExit(ctx context.Context, p *os.Process) error {
	fd, err := -1, error(nil)
	// Once p is done its number may be another process's.
	if p.WithHandle(func(uintptr) { fd, err = unix.PidfdOpen(p.Pid, unix.PIDFD_NONBLOCK) }) != nil || err != nil {
		return nil // the wait reports it
	}
	file := os.NewFile(uintptr(fd), "pidfd")
	defer file.Close()
	c, err := file.SyscallConn()
	if err != nil || file.SetReadDeadline(time.Time{}) != nil {
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

// hasExited reports whether the process of a descriptor has exited: it is readable then.
func hasExited(fd uintptr) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n > 0 || err != nil && err != unix.EINTR
}
