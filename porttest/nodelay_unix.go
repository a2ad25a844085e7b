//go:build unix

package porttest

import "golang.org/x/sys/unix"

// noDelay tells whether Nagle's algorithm is off for a socket.
func noDelay(fd uintptr) (bool, error) {
	on, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY)
	return on != 0, err
}
