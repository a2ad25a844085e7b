package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	hasUserFilter = true
	userFilter    = unix.EVFILT_USER
	mapsIPv4      = true              // an IPv6 socket can reach IPv4 addresses
	sharePort     = 0                 // SO_REUSEPORT gives one listener all connections
	packetFlags   = unix.MSG_DONTWAIT // of a send of a datagram
)

// keepAliveTimes are the options for the time before the first probe and for the time
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

// write needs no flag against a signal: see noSignal. This kernel ignores MSG_DONTWAIT in
// send(2), so a write relies on O_NONBLOCK. If others have cleared that flag, the call
// waits and blocks one thread.
func write(fd int, p []byte) (int, syscall.Errno) {
	n, err := unix.Write(fd, p)
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

// writeV relies on O_NONBLOCK, as write does. It allocates, since package unix describes
// the parts to libc in memory of the heap.
func writeV(fd int, parts [][]byte) (int, syscall.Errno) {
	n, err := unix.Writev(fd, within(parts, largest))
	if err != nil {
		return 0, asErrno(err)
	}
	return n, 0
}

// No call opens a descriptor and sets close-on-exec in one step. So openSocket holds
// ForkLock, for which every fork waits. It may do so, since it does not wait itself.

func openSocket(domain, kind int) (int, error) {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(domain, kind, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, err
	}
	return own(fd)
}

// accept may wait, since others that share a listener can make it blocking: see
// Kernel.Accept. So it does not hold ForkLock, which would keep the whole program from
// forking in that time. As in package net, a child that is forked between accept and
// close-on-exec may inherit the connection.
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

// own makes a new socket non-blocking and calls noSignal. If that fails, it closes the
// socket.
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

// noSignal is SO_NOSIGPIPE: a broken pipe is an errno and no signal. On a connection that
// was reset, setting the option fails with EINVAL, which is ignored: writes of such a
// connection fail before they could raise a signal, or raise one that Go ignores.
func noSignal(fd int) syscall.Errno {
	errno := asErrno(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1))
	if errno == unix.EINVAL {
		return 0
	}
	return errno
}
