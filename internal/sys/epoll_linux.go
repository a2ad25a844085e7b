package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// EpollEvent is struct epoll_event.
type EpollEvent = unix.EpollEvent

const (
	EpollIn  = unix.EPOLLIN
	EpollOut = unix.EPOLLOUT
	// EpollHangUp says that the peer has sent its last byte.
	EpollHangUp = unix.EPOLLRDHUP
	// EpollFailed concerns both directions. It can't be masked, and a socket
	// that was never connected shows it too.
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

// EpollAdd registers fd for both directions, edge-triggered, for its life. The
// event carries fd and a generation.
func EpollAdd(epoll, fd int, generation uint32) syscall.Errno {
	event := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
		Fd:     int32(fd),
		Pad:    int32(generation),
	}
	return asErrno(unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event))
}

// EpollDel ends EpollAdd. It must come before close: a duplicate of the
// descriptor elsewhere would keep sending events that nobody can remove.
func EpollDel(epoll, fd int) syscall.Errno {
	return asErrno(unix.EpollCtl(epoll, unix.EPOLL_CTL_DEL, fd, nil))
}

// EpollPoll looks once, without waiting.
func EpollPoll(epoll int, events []EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 { // EINTR: the next look finds it
		return 0
	}
	return int(n)
}
