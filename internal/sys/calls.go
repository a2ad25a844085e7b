package sys

import (
	"net"
	"time"

	"github.com/completionport/completion/internal/backend"
)

// Calls are all the calls a backend makes: the engine's, and those that handles
// need besides, none of which is on the path of an operation.
type Calls interface {
	backend.Kernel

	// MapsIPv4 tells whether an IPv6 socket can reach IPv4 addresses.
	MapsIPv4() bool
	Socket(Family) (fd int, err error)
	Listen(Family, backend.Address, ListenOptions) (fd int, err error)
	// Adopt returns a descriptor of our own for what c, of package net, stands
	// for. c stays as it is.
	Adopt(c any, listening bool) (fd int, err error)
	// Disown closes what Adopt has returned, and leaves the socket as it is: it is
	// still c's. What Close would change others would notice.
	Disown(fd int)
	// Descriptor is the number to show to others.
	Descriptor(fd int) (uintptr, error)
	// FileRemover returns what removes the file of a unix listener: the one that is
	// at path now, and none that takes its place later.
	FileRemover(path string) (remove func())

	// The addresses are nil where there is none, or none that the system knows.
	// RemoteAddr is asked of sockets that are or have been connected.
	LocalAddr(fd int) net.Addr
	RemoteAddr(fd int) net.Addr

	SetNoDelay(fd int, on bool) error
	// AcceptNoDelay sets it on each connection from now on that an adopted listener
	// accepts: they do not inherit it.
	AcceptNoDelay(fd int)
	SetKeepAlive(fd int, idle time.Duration) error
	SetReadBuffer(fd, bytes int) error
	SetWriteBuffer(fd, bytes int) error
	SetResetOnClose(fd int, on bool) error
}
