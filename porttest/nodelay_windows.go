package porttest

import "golang.org/x/sys/windows"

// noDelay tells whether Nagle's algorithm is off for a socket.
func noDelay(fd uintptr) (bool, error) {
	on, err := windows.GetsockoptInt(windows.Handle(fd), windows.IPPROTO_TCP, windows.TCP_NODELAY)
	return on != 0, err
}
