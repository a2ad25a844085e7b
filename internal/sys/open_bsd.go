//go:build freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

// openSocket opens a non-blocking socket of a kind.
func openSocket(domain, kind int) (int, error) {
	return unix.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}
