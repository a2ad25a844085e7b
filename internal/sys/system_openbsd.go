package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	hasUserFilter = false
	userFilter    = 1 << 15                               // no filter has this number
	mapsIPv4      = false                                 // an IPv6 socket can't reach IPv4 addresses
	sharePort     = 0                                     // SO_REUSEPORT gives one listener all connections
	packetFlags   = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL // of a send of a datagram
)

// keepAliveTimes is empty: sockets have no such times of their own.
var keepAliveTimes []int

// All calls go through libc.

func read(fd int, p []byte) (int, syscall.Errno) {
	n, _, _, _, err := unix.Recvmsg(fd, p, nil, unix.MSG_DONTWAIT)
	if err != nil {
		return 0, asErrno(err)
	}
	return n, 0
}

func write(fd int, p []byte) (int, syscall.Errno) {
	n, err := unix.SendmsgN(fd, p, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err != nil {
		return 0, asErrno(err)
	}
	return n, 0
}

func readV(fd int, parts [][]byte) (int, syscall.Errno) {
	n, _, _, _, err := unix.RecvmsgBuffers(fd, within(parts, largest), nil, unix.MSG_DONTWAIT)
	if err != nil {
		return 0, asErrno(err)
	}
	return n, 0
}

// writeV allocates, since package unix describes the parts to libc in memory of the heap.
func writeV(fd int, parts [][]byte) (int, syscall.Errno) {
	n, err := unix.SendmsgBuffers(fd, within(parts, largest), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err != nil {
		return 0, asErrno(err)
	}
	return n, 0
}

func accept(fd int) (int, syscall.Errno) {
	n, _, err := syscall.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return -1, asErrno(err)
	}
	return n, 0
}
