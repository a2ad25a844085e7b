package backend

import (
	"net"
	"net/netip"
	"os"
	"time"
)

// Calls is a Kernel with the other calls that handles need: they open and adopt sockets,
// return addresses and set options. The engine makes none of them, and none is on the path
// of an operation.
type Calls interface {
	Kernel

	// MapsIPv4 reports whether an IPv6 socket can reach IPv4 addresses.
	MapsIPv4() bool
	Socket(Family) (fd int, err error)
	// Bind binds a socket to a local address before it is connected.
	Bind(fd int, local Address) error
	Listen(Family, Address, ListenOptions) (fd int, err error)
	// PacketSocket opens a datagram socket, and binds it unless the address is zero.
	PacketSocket(Family, Address, PacketOptions) (fd int, err error)
	// ConnectPackets sets the only peer of a datagram socket.
	ConnectPackets(fd int, to Address) error
	// Adopt returns a descriptor of our own for the socket behind c, which is one of package
	// net and of this kind. c stays as it is.
	Adopt(c any, kind SocketKind) (fd int, err error)
	// AdoptStream returns a descriptor of our own for a file that is a stream and no socket,
	// such as a pipe. The file stays as it is.
	AdoptStream(file *os.File) (fd int, err error)
	// Watch returns a descriptor of our own for one of another owner, who keeps it. Close of
	// it changes nothing for the owner.
	Watch(descriptor uintptr) (fd int, err error)
	// Disown closes a descriptor that Adopt has returned and leaves the socket as it
	// is: it still belongs to c. Close might change what both share.
	Disown(fd int)
	// Share returns a connection, a listener or a net.PacketConn for the socket of fd. It has
	// a descriptor of its own, so Disown of fd leaves the socket open.
	Share(fd int, kind SocketKind) (any, error)
	// Descriptor returns the system's number for fd, to be shared with others.
	Descriptor(fd int) (uintptr, error)
	// FileRemover returns a function that removes the file of a unix listener: the
	// file that is at path now, and none that takes its place later.
	FileRemover(path string) (remove func())

	// LocalAddr and RemoteAddr return an address of a stream socket, also for a datagram
	// socket, and nil if there is none, or none that the system knows. RemoteAddr is called
	// for sockets that are or were connected.
	LocalAddr(fd int) net.Addr
	RemoteAddr(fd int) net.Addr
	// LocalAddrPort and RemoteAddrPort return an address of a datagram socket in the form of
	// Message.Addr, and the zero AddrPort where LocalAddr returns nil, or for a unix socket.
	LocalAddrPort(fd int) netip.AddrPort
	RemoteAddrPort(fd int) netip.AddrPort

	SetNoDelay(fd int, on bool) error
	// AcceptNoDelay sets the option on each connection that an adopted listener
	// accepts from now on: they do not inherit it.
	AcceptNoDelay(fd int)
	SetKeepAlive(fd int, idle time.Duration) error
	SetReadBuffer(fd, bytes int) error
	SetWriteBuffer(fd, bytes int) error
	SetResetOnClose(fd int, on bool) error
	SetBroadcast(fd int, on bool) error
	// JoinGroup and LeaveGroup change the membership of a datagram socket.
	JoinGroup(fd int, g Group) error
	LeaveGroup(fd int, g Group) error
	// SetReports selects what the Control of a message that is received contains. An error
	// that matches errors.ErrUnsupported changes nothing.
	SetReports(fd int, r Reports) error
}

// NamedPipes is a Calls of a system with named pipes, whose ends are streams. Addresses are
// returned as they were given; their String is the name of the pipe.
type NamedPipes interface {
	Calls
	// ListenPipe makes a pipe, with so many instances that wait for clients.
	ListenPipe(at net.Addr, instances int) (fd int, err error)
	// OpenPipe opens the client's end of a pipe. busy reports that no instance waits for a
	// client just now.
	OpenPipe(at net.Addr) (fd int, busy bool, err error)
	// AwaitPipe waits for a short time until an instance waits for a client. It blocks.
	AwaitPipe(at net.Addr)
	// PipeCall returns the name of the system call for an operation of a pipe, and "" for any
	// other descriptor.
	PipeCall(fd int, kind Kind) string
}

// Family is the address family of a socket.
type Family uint8

const (
	IPv4 Family = iota + 1
	IPv6        // v6 only
	Dual        // v6 that accepts v4, too, or v4 where there is no v6
	Unix
)

// ListenOptions are set before a socket is bound.
type ListenOptions struct {
	Backlog   int
	ReusePort bool
}
