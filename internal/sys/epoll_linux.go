package sys

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// EpollEvent is struct epoll_event.
type EpollEvent = unix.EpollEvent

const (
	EpollIn  = unix.EPOLLIN
	EpollOut = unix.EPOLLOUT
	// EpollHangUp means that the peer has sent its last byte.
	EpollHangUp = unix.EPOLLRDHUP
	// EpollUrgent means that a read will stop at urgent data. It is set as long as
	// urgent data is ahead and was not received with MSG_OOB.
	EpollUrgent = unix.EPOLLPRI
	// EpollFailed concerns both directions. It can't be masked, and a socket that was
	// never connected has it, too.
	EpollFailed = unix.EPOLLHUP | unix.EPOLLERR
)

// EpollCreate opens an epoll descriptor that Go's own poller can watch.
func EpollCreate() (int, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// EpollAdd registers fd for both directions, edge-triggered, for its life. Its events
// carry fd, the generation, and whether its reads stop at the ends of messages.
func EpollAdd(epoll, fd int, generation uint32) syscall.Errno {
	target := int32(fd)
	if messages(fd) {
		target = ^target
	}
	event := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
		Fd:     target,
		Pad:    int32(generation),
	}
	return asErrno(unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event))
}

// EpollTarget returns the descriptor of an event. messages reports whether reads of the
// descriptor stop at the ends of messages.
func EpollTarget(event *EpollEvent) (fd int, messages bool) {
	if event.Fd < 0 {
		return int(^event.Fd), true
	}
	return int(event.Fd), false
}

// messages reports whether reads of a stream socket stop at the ends of messages. Reads of
// a unix socket do: behind a message with descriptors, at urgent data and, if the socket
// has SO_PASSCRED, where another sender begins. TCP has no messages. A socket of any other
// family counts as one with messages, to be safe.
func messages(fd int) bool {
	family, err := familyOf(fd)
	return err != nil || family != unix.AF_INET && family != unix.AF_INET6
}

// EpollDel removes the registration of fd. It must come before close: with a duplicate of
// the descriptor elsewhere, the registration would remain and report events, and it could
// not be removed any more.
func EpollDel(epoll, fd int) syscall.Errno {
	return asErrno(unix.EpollCtl(epoll, unix.EPOLL_CTL_DEL, fd, nil))
}

// EventCreate opens an eventfd and adds it to an epoll descriptor. Its events carry the
// generation 0, which no handle has. It is edge-triggered, so it need not be read.
func EventCreate(epoll int) (int, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, os.NewSyscallError("eventfd2", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: int32(fd)}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("epoll_ctl", err)
	}
	return fd, nil
}

// EventSignal adds one to an eventfd, which makes an edge. It would only fail after 2^64
// calls.
func EventSignal(fd int) {
	one := uint64(1)
	unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&one)), 8)
}

// EpollWait waits in the system for so many nanoseconds, rounded up to milliseconds, or
// without a limit if they are negative.
func EpollWait(epoll int, events []EpollEvent, nanoseconds int64) int {
	timeout := -1
	if nanoseconds >= 0 {
		const most = 1<<31 - 1
		timeout = int(min((nanoseconds+999_999)/1_000_000, most))
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(timeout), 0, 0)
	if errno != 0 { // EINTR: the next wait finds the events
		return 0
	}
	return int(n)
}

// EpollPoll takes the events that are there, without waiting.
func EpollPoll(epoll int, events []EpollEvent) int {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 { // EINTR: the next look finds the events
		return 0
	}
	return int(n)
}
