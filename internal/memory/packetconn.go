package memory

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var (
	_ net.PacketConn = (*PacketConn)(nil)
	_ net.Conn       = (*PacketConn)(nil)
)

// PacketConn is a test's own datagram socket: a blocking net.PacketConn, and a net.Conn if it
// has a peer.
type PacketConn struct {
	end
	// The deadlines of reads and of writes; Never for no limit.
	readUntil, writeUntil int64
}

func newPacketConn(n *Network, k *Socket) *PacketConn {
	c := &PacketConn{readUntil: Never, writeUntil: Never}
	name := "udp"
	if k.family == backend.Unix {
		name = "unixgram"
	}
	c.init(n, k, name)
	c.local, c.remote = packetAddr(c.local), packetAddr(c.remote)
	return c
}

// ListenPacket returns a datagram socket for the test itself.
func (n *Network) ListenPacket(family backend.Family, at backend.Address) (*PacketConn, error) {
	n.lock()
	defer n.mu.Unlock()
	k, errno := n.system.OpenDatagrams(family, at, backend.PacketOptions{Broadcast: true})
	if errno != 0 {
		return nil, os.NewSyscallError("bind", errno)
	}
	return newPacketConn(n, k), nil
}

// packetAddr returns the address of a datagram socket for one of a stream.
func packetAddr(a net.Addr) net.Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		return &net.UDPAddr{IP: a.IP, Port: a.Port, Zone: a.Zone}
	case *net.UnixAddr:
		return &net.UnixAddr{Net: "unixgram", Name: a.Name}
	}
	return nil
}

// ReadFrom waits for a datagram. What does not fit into p is lost.
func (c *PacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	c.network.lock()
	defer c.network.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, nil, c.errorOf("read", net.ErrClosed)
		case c.readUntil <= sys.Now():
			return 0, nil, c.errorOf("read", os.ErrDeadlineExceeded)
		}
		m := backend.Message{Data: p}
		switch errno := c.socket.Receive(&m); {
		case errno == 0:
			return m.N, senderOf(&m), nil
		case errno != errAgain:
			return 0, nil, c.errorOf("read", errno)
		}
		c.network.wait(&c.changed, c.readUntil)
	}
}

// senderOf returns the sender of a datagram, nil if it has no address.
func senderOf(m *backend.Message) net.Addr {
	switch {
	case m.Path != "":
		return &net.UnixAddr{Net: "unixgram", Name: m.Path}
	case m.Addr.IsValid():
		return net.UDPAddrFromAddrPort(m.Addr)
	}
	return nil
}

// WriteTo sends one datagram.
func (c *PacketConn) WriteTo(p []byte, to net.Addr) (int, error) {
	m := backend.Message{Data: p}
	switch to := to.(type) {
	case *net.UDPAddr:
		m.Addr = netip.AddrPortFrom(to.AddrPort().Addr().Unmap(), to.AddrPort().Port())
	case *net.UnixAddr:
		m.Path = to.Name
	default:
		return 0, c.errorOf("write", fmt.Errorf("%T is no address of a datagram socket", to))
	}
	return c.send(&m)
}

func (c *PacketConn) send(m *backend.Message) (int, error) {
	c.network.lock()
	defer c.network.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.errorOf("write", net.ErrClosed)
		case c.writeUntil <= sys.Now():
			return 0, c.errorOf("write", os.ErrDeadlineExceeded)
		}
		switch errno := c.socket.Send(m); {
		case errno == 0:
			return m.N, nil
		case errno != errAgain:
			return 0, c.errorOf("write", errno)
		}
		c.network.wait(&c.changed, c.writeUntil)
	}
}

// Read is ReadFrom without the sender.
func (c *PacketConn) Read(p []byte) (int, error) {
	n, _, err := c.ReadFrom(p)
	return n, err
}

// Write sends one datagram to the peer.
func (c *PacketConn) Write(p []byte) (int, error) { return c.send(&backend.Message{Data: p}) }

// Close closes the socket at once. Datagrams that it has sent still arrive.
func (c *PacketConn) Close() error { return c.close() }

// LocalAddr returns the address of the socket, nil if it has none yet.
func (c *PacketConn) LocalAddr() net.Addr {
	c.network.lock()
	defer c.network.mu.Unlock()
	if !c.closed {
		c.local = packetAddr(c.socket.LocalAddr())
	}
	return c.local
}

// RemoteAddr returns the peer, nil if there is none.
func (c *PacketConn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *PacketConn) SetDeadline(t time.Time) error {
	return c.set(func() { c.readUntil, c.writeUntil = moment(t), moment(t) })
}

// SetReadDeadline sets the deadline of reads, also of a read that waits.
func (c *PacketConn) SetReadDeadline(t time.Time) error {
	return c.set(func() { c.readUntil = moment(t) })
}

// SetWriteDeadline sets the deadline of writes, also of a write that waits.
func (c *PacketConn) SetWriteDeadline(t time.Time) error {
	return c.set(func() { c.writeUntil = moment(t) })
}
