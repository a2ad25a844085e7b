//go:build freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

// openStream opens a non-blocking stream socket.
func openStream(domain int) (int, error) {
	return unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}
