package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	hasUserFilter = true
	userFilter    = unix.EVFILT_USER
	mapsIPv4      = false                        // an IPv6 socket can't reach IPv4 addresses
	sharePort     = unix.SO_REUSEPORT            // spreads connections
	packetFlags   = dontWait | unix.MSG_NOSIGNAL // of a send of a datagram
	dontWait      = unix.MSG_DONTWAIT            // of a send
)

// openSocket opens a non-blocking socket of a kind, with local ports of the high range, as in
// package net. The default range has fewer than 4,000 ports. A program that connects to
// the same address again and again would soon use them up.
func openSocket(domain, kind int) (int, error) {
	fd, err := unix.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	switch domain { // if setting the range fails, the socket works all the same
	case unix.AF_INET:
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PORTRANGE, unix.IP_PORTRANGE_HIGH)
	case unix.AF_INET6:
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_PORTRANGE, unix.IPV6_PORTRANGE_HIGH)
	}
	return fd, nil
}

func accept(fd int) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}
