//go:build dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// openStream opens a non-blocking stream socket.
func openStream(domain int) (int, error) {
	return unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}

// noSignal has nothing to do: every write says MSG_NOSIGNAL.
func noSignal(int) syscall.Errno { return 0 }
