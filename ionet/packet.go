package ionet

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var (
	_ net.PacketConn = (*PacketConn)(nil)
	_ net.Conn       = (*PacketConn)(nil)
	_ syscall.Conn   = (*PacketConn)(nil)
)

// PacketConn is a net.PacketConn on a datagram socket of a port. It has the methods that
// *net.UDPConn and *net.UnixConn have in common, and those with a netip.AddrPort. On a connected
// socket it is a net.Conn, too.
type PacketConn struct {
	base
	socket *completion.PacketSocket
	read   ops.ReadFrom
	in     completion.Buffer
	none   [1]byte // what a read of no bytes receives into
	write  ops.WriteTo
	out    completion.Buffer
}

// ListenPacket returns a *PacketConn on an address, on DefaultPort. It is net.ListenPacket.
func ListenPacket(network, address string) (net.PacketConn, error) {
	return ListenConfig{}.ListenPacket(context.Background(), network, address)
}

// ListenPacket returns a *PacketConn on an address, as net.ListenConfig.ListenPacket does. The
// networks are those of completion.Port.ListenPacket. The socket may send to broadcast
// addresses, as in package net. Backlog and KeepAlive have no effect.
func (c ListenConfig) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	port, err := portOr(c.Port)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	config := completion.PacketConfig{ReusePort: c.ReusePort, Broadcast: true}
	socket, err := config.Listen(port, network, address)
	if err != nil {
		return nil, err
	}
	return NewPacketConn(port, socket), nil
}

// NewPacketConn returns a PacketConn for a socket of port, connected or not. The PacketConn
// owns the socket: Close closes it. Operations that the program submits on the socket by
// itself take turns with those of the PacketConn.
func NewPacketConn(port *completion.Port, socket *completion.PacketSocket) *PacketConn {
	c := &PacketConn{base: base{port: port, local: socket.LocalAddr(), remote: socket.RemoteAddr()}, socket: socket}
	c.read.From, c.write.To = socket, socket
	return c
}

// Socket returns the socket, for operations of package ops and for socket options.
func (c *PacketConn) Socket() *completion.PacketSocket { return c.socket }

// ReadFrom receives a datagram, as net.PacketConn says: what does not fit into p is lost, and
// is no error. The address is a *net.UDPAddr, or a *net.UnixAddr, nil if the sender has none.
func (c *PacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	n, addr, path, err := c.receive(p)
	switch {
	case addr.IsValid():
		return n, net.UDPAddrFromAddrPort(addr), err
	case path != "":
		return n, &net.UnixAddr{Net: "unixgram", Name: path}, err
	}
	return n, nil, err
}

// ReadFromUDPAddrPort is ReadFrom without an allocation. As in package ops, an IPv4 address
// never has the form of an IPv6 address.
func (c *PacketConn) ReadFromUDPAddrPort(p []byte) (int, netip.AddrPort, error) {
	n, addr, _, err := c.receive(p)
	return n, addr, err
}

// Read is ReadFrom without the address.
func (c *PacketConn) Read(p []byte) (int, error) {
	n, _, _, err := c.receive(p)
	return n, err
}

func (c *PacketConn) receive(p []byte) (int, netip.AddrPort, string, error) {
	c.reads.turn.Lock()
	defer c.reads.turn.Unlock()
	memory := p
	if len(p) == 0 {
		memory = c.none[:]
	}
	c.in.Set(memory)
	c.read.Buf = &c.in
	err := c.reads.await(c.port, &c.read, &c.read.Op)
	c.in.Set(nil) // the memory is the caller's again
	if errors.Is(err, io.ErrShortBuffer) {
		err = nil
	}
	return min(c.read.N(), len(p)), c.read.Addr, c.read.Path, opError("read", c.local, c.remote, err)
}

// WriteTo sends a datagram to a *net.UDPAddr or a *net.UnixAddr. For any other, and for a
// Port that is not between 0 and 65535, it returns EINVAL, and on a connected socket
// net.ErrWriteToConnected. As in package net, a *net.UDPAddr without an IP means this machine.
func (c *PacketConn) WriteTo(p []byte, addr net.Addr) (int, error) {
	switch addr := addr.(type) {
	case *net.UDPAddr:
		if addr != nil && addr.Port == int(uint16(addr.Port)) {
			return c.sendTo(p, c.receiver(addr), "")
		}
	case *net.UnixAddr:
		if addr != nil {
			return c.sendTo(p, netip.AddrPort{}, addr.Name)
		}
	}
	return 0, opError("write", c.local, addr, syscall.EINVAL)
}

// receiver returns the address that a means for this socket.
func (c *PacketConn) receiver(a *net.UDPAddr) netip.AddrPort {
	if len(a.IP) > 0 {
		return a.AddrPort()
	}
	ip := netip.IPv6Unspecified()
	if local, ok := c.local.(*net.UDPAddr); ok && local.IP.To4() != nil {
		ip = netip.IPv4Unspecified()
	}
	return netip.AddrPortFrom(ip, uint16(a.Port))
}

// WriteToUDPAddrPort is WriteTo without an allocation.
func (c *PacketConn) WriteToUDPAddrPort(p []byte, addr netip.AddrPort) (int, error) {
	return c.sendTo(p, addr, "")
}

func (c *PacketConn) sendTo(p []byte, addr netip.AddrPort, path string) (int, error) {
	if c.remote != nil {
		return 0, opError("write", c.local, c.remote, net.ErrWriteToConnected)
	}
	return c.send(p, addr, path)
}

// Write sends a datagram to the peer of a connected socket.
func (c *PacketConn) Write(p []byte) (int, error) { return c.send(p, netip.AddrPort{}, "") }

func (c *PacketConn) send(p []byte, addr netip.AddrPort, path string) (int, error) {
	c.writes.turn.Lock()
	defer c.writes.turn.Unlock()
	c.out.Set(p)
	c.write.Buf, c.write.Addr, c.write.Path = &c.out, addr, path
	err := c.writes.await(c.port, &c.write, &c.write.Op)
	c.out.Set(nil) // the memory is the caller's again
	return c.write.N(), opError("write", c.local, c.remote, err)
}

// Close closes the socket. Reads and writes that wait, and those to come, return an error that
// matches net.ErrClosed, and so does Close itself if the socket was closed before.
func (c *PacketConn) Close() error {
	c.close()
	return opError("close", c.local, c.remote, c.socket.Close())
}

// SetReadBuffer is completion.PacketSocket.SetReadBuffer.
func (c *PacketConn) SetReadBuffer(bytes int) error { return c.socket.SetReadBuffer(bytes) }

// SetWriteBuffer is completion.PacketSocket.SetWriteBuffer.
func (c *PacketConn) SetWriteBuffer(bytes int) error { return c.socket.SetWriteBuffer(bytes) }

// SyscallConn returns access to the descriptor, as completion.PacketSocket.SyscallConn does.
func (c *PacketConn) SyscallConn() (syscall.RawConn, error) { return c.socket.SyscallConn() }
