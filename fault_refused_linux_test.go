package completion_test

import (
	"net"

	"golang.org/x/sys/unix"
)

// refusingAddress is one that a socket has which does not listen. It keeps the port: that of a
// closed listener may be another process's a moment later, or the source of the connect itself.
func (w *world) refusingAddress() net.Addr {
	w.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		w.Fatal(err)
	}
	w.closers = append(w.closers, func() error { return unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		w.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		w.Fatal(err)
	}
	at := name.(*unix.SockaddrInet4)
	return &net.TCPAddr{IP: at.Addr[:], Port: at.Port}
}
