package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	hasUserFilter = true
	userFilter    = unix.EVFILT_USER
	mapsIPv4      = true // an IPv6 socket can reach IPv4 addresses
	sharePort     = 0    // SO_REUSEPORT gives one listener all connections
)

// keepAliveTimes are the options for the time before the first probe, and
// between probes.
var keepAliveTimes = []int{unix.TCP_KEEPALIVE, unix.TCP_KEEPINTVL}

// All calls go through libc.

func read(fd int, p []byte) (int, syscall.Errno) {
	n, _, _, _, err := unix.Recvmsg(fd, p, nil, unix.MSG_DONTWAIT)
	if err != nil {
		return 0, asErrno(err)
	}
	return n, 0
}

// write needs no flag against a signal: see noSignal. This kernel lets send(2) wait
// whatever MSG_DONTWAIT says, so a write relies on O_NONBLOCK. If that was cleared
// it waits, and with it one thread.
func write(fd int, p []byte) (int, syscall.Errno) {
	n, err := unix.Write(fd, p)
	if err != nil {
		return 0, asErrno(err)
	}
	return n, 0
}

// There is no call that opens a descriptor and keeps it from children in one go.
// Whoever forks waits for ForkLock, which openStream holds, as it does not wait.

func openStream(domain int) (int, error) {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(domain, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, err
	}
	return own(fd)
}

// accept may wait, for others can make a listener blocking that they share: see
// Kernel.Accept. So it is not inside of ForkLock, which would keep the whole program
// from forking meanwhile. As in package net a child that is forked in between may
// inherit the connection.
func accept(fd int) (int, syscall.Errno) {
	conn, _, err := unix.Accept(fd)
	if err == nil {
		unix.CloseOnExec(conn)
		conn, err = own(conn)
	}
	if err != nil {
		return -1, asErrno(err)
	}
	return conn, 0
}

// own makes a new socket what the engine expects, or closes it.
func own(fd int) (int, error) {
	err := unix.SetNonblock(fd, true)
	if err == nil {
		if errno := noSignal(fd); errno != 0 {
			err = errno
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// noSignal is SO_NOSIGPIPE: a broken pipe is an errno and no signal. Setting it
// on a connection that has been reset fails with EINVAL; that one's writes fail
// before they could raise a signal, or with one that Go ignores.
func noSignal(fd int) syscall.Errno {
	errno := asErrno(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1))
	if errno == unix.EINVAL {
		return 0
	}
	return errno
}
