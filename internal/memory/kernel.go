package memory

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var _ backend.Kernel = Kernel{}

// Kernel performs the calls of ports on a network, with the faults that a test has
// ordered.
type Kernel struct{ network *Network }

// Kernel returns the kernel for ports on this network.
func (n *Network) Kernel() Kernel { return Kernel{n} }

// Now returns the time of package sys, which in a bubble is that of the bubble.
func (k Kernel) Now() int64 { return sys.Now() }

// enter takes the network's lock and returns the fault that was ordered for a call.
func (k Kernel) enter(call string) (*Network, backend.Errno) {
	k.network.lock()
	return k.network, k.network.fault(call)
}

// Read is System.Read.
func (k Kernel) Read(fd int, p []byte) (int, backend.Errno) {
	n, errno := k.enter("read")
	defer n.mu.Unlock()
	if errno != 0 {
		return 0, n.failed(fd, errno)
	}
	count, errno := n.system.Read(fd, n.cut(p))
	n.limited(fd, count, len(p))
	return count, errno
}

// Write is System.Write.
func (k Kernel) Write(fd int, p []byte) (int, backend.Errno) {
	n, errno := k.enter("write")
	defer n.mu.Unlock()
	if errno != 0 {
		return 0, n.failed(fd, errno)
	}
	count, errno := n.system.Write(fd, n.cut(p))
	n.limited(fd, count, len(p))
	return count, errno
}

// cut returns the part of p that one call may move. mu is held.
func (n *Network) cut(p []byte) []byte {
	if n.mostBytes > 0 && len(p) > n.mostBytes {
		return p[:n.mostBytes]
	}
	return p
}

// limited makes an edge if a call has moved less than it was asked to because of the
// limit: the engine waits for an edge after a short count. mu is held.
func (n *Network) limited(fd, count, wanted int) {
	if n.mostBytes > 0 && count < wanted && count == n.mostBytes {
		n.system.Nudge(fd)
	}
}

// failed makes an edge if the ordered errno is EAGAIN, since the engine waits for an edge
// then. mu is held.
func (n *Network) failed(fd int, errno backend.Errno) backend.Errno {
	if errno == errAgain {
		n.system.Nudge(fd)
	}
	return errno
}

// Probe is Socket.Probe.
func (k Kernel) Probe(fd int, kind backend.Kind) bool {
	k.network.lock()
	defer k.network.mu.Unlock()
	s := k.network.system.Lookup(fd)
	return s == nil || s.Probe(kind)
}

// Accept is System.Accept.
func (k Kernel) Accept(fd int) (int, backend.Errno) {
	n, errno := k.enter("accept")
	defer n.mu.Unlock()
	if errno != 0 {
		return -1, n.failed(fd, errno)
	}
	return n.system.Accept(fd)
}

// Connect is System.Connect. A connect that is interrupted goes on.
func (k Kernel) Connect(fd int, to backend.Address) backend.Errno {
	n, errno := k.enter("connect")
	defer n.mu.Unlock()
	switch errno {
	case 0:
		return n.system.Connect(fd, to)
	case errInterrupted:
		if other := n.system.Connect(fd, to); other != errInProgress {
			return other
		}
	}
	return errno
}

// Connected is System.Connected.
func (k Kernel) Connected(fd int) backend.Errno {
	k.network.lock()
	defer k.network.mu.Unlock()
	return k.network.system.Connected(fd)
}

// CloseWrite is System.CloseWrite.
func (k Kernel) CloseWrite(fd int) backend.Errno {
	n, errno := k.enter("closewrite")
	defer n.mu.Unlock()
	if errno != 0 {
		return errno
	}
	return n.system.CloseWrite(fd)
}

// Close is System.Close.
func (k Kernel) Close(fd int) backend.Errno {
	k.network.lock()
	defer k.network.mu.Unlock()
	return k.network.system.Close(fd)
}

// Classify is the function Classify.
func (Kernel) Classify(kind backend.Kind, errno backend.Errno) backend.Class {
	return Classify(kind, errno)
}

// MapsIPv4 returns true on every system.
func (Kernel) MapsIPv4() bool { return true }

// Socket opens a stream socket.
func (k Kernel) Socket(family backend.Family) (int, error) {
	n, errno := k.enter("socket")
	defer n.mu.Unlock()
	if errno != 0 {
		return -1, os.NewSyscallError("socket", errno)
	}
	return n.system.Socket(family), nil
}

// Bind gives a socket that is to be connected its local address.
func (k Kernel) Bind(fd int, local backend.Address) error {
	k.network.lock()
	defer k.network.mu.Unlock()
	if errno := k.network.system.Bind(fd, local); errno != 0 {
		return os.NewSyscallError("bind", errno)
	}
	return nil
}

// Listen opens a listening socket.
func (k Kernel) Listen(family backend.Family, at backend.Address, o backend.ListenOptions) (int, error) {
	n, errno := k.enter("listen")
	defer n.mu.Unlock()
	if errno != 0 {
		return -1, os.NewSyscallError("listen", errno)
	}
	l, errno := n.system.Listen(family, at, o)
	if errno != 0 {
		return -1, os.NewSyscallError("bind", errno)
	}
	return n.system.Install(l), nil
}

// PacketSocket opens a datagram socket.
func (k Kernel) PacketSocket(family backend.Family, at backend.Address, o backend.PacketOptions) (int, error) {
	n, errno := k.enter("socket")
	defer n.mu.Unlock()
	if errno != 0 {
		return -1, os.NewSyscallError("socket", errno)
	}
	s, errno := n.system.OpenDatagrams(family, at, o)
	if errno != 0 {
		return -1, os.NewSyscallError("bind", errno)
	}
	return n.system.Install(s), nil
}

// ConnectPackets is Socket.ConnectDatagrams.
func (k Kernel) ConnectPackets(fd int, to backend.Address) error {
	n, errno := k.enter("connect")
	defer n.mu.Unlock()
	s := n.system.Lookup(fd)
	switch {
	case errno != 0:
	case s == nil:
		errno = errBadDescriptor
	case to.BadPort:
		errno = errInvalid
	default:
		errno = s.ConnectDatagrams(to)
	}
	if errno != 0 {
		return os.NewSyscallError("connect", errno)
	}
	return nil
}

// Receive is Socket.Receive for each message.
func (k Kernel) Receive(fd int, messages []backend.Message) (count int, errno backend.Errno) {
	n, errno := k.enter("receive")
	defer n.mu.Unlock()
	if errno != 0 {
		return 0, n.failed(fd, errno)
	}
	s := n.system.Lookup(fd)
	if s == nil {
		return 0, errBadDescriptor
	}
	for count < len(messages) {
		if errno = s.Receive(&messages[count]); errno != 0 {
			break
		}
		count++
	}
	if count > 0 && errno == errAgain {
		errno = 0
	}
	return count, errno
}

// Send is Socket.Send for each message.
func (k Kernel) Send(fd int, messages []backend.Message) (count int, errno backend.Errno) {
	n, errno := k.enter("send")
	defer n.mu.Unlock()
	if errno != 0 {
		return 0, n.failed(fd, errno)
	}
	s := n.system.Lookup(fd)
	if s == nil {
		return 0, errBadDescriptor
	}
	for count < len(messages) && s.errno == 0 { // an error that is there is for the next call
		if errno = s.sendAll(&messages[count]); errno != 0 || messages[count].N < len(messages[count].Data) {
			break
		}
		count++
	}
	switch {
	case count > 0:
		errno = 0
	case errno == 0:
		errno = s.takeErrno(0)
	}
	return count, errno
}

// SetBroadcast allows a datagram socket to send to broadcast addresses.
func (k Kernel) SetBroadcast(fd int, on bool) error {
	return k.setDatagrams(fd, func(s *Socket) backend.Errno { s.datagrams.broadcast = on; return 0 })
}

// JoinGroup is Socket.JoinGroup.
func (k Kernel) JoinGroup(fd int, g backend.Group) error {
	return k.setDatagrams(fd, func(s *Socket) backend.Errno { return s.JoinGroup(g.Addr) })
}

// LeaveGroup is Socket.LeaveGroup.
func (k Kernel) LeaveGroup(fd int, g backend.Group) error {
	return k.setDatagrams(fd, func(s *Socket) backend.Errno { return s.LeaveGroup(g.Addr) })
}

// setDatagrams runs f on an open datagram socket of IP.
func (k Kernel) setDatagrams(fd int, f func(s *Socket) backend.Errno) error {
	k.network.lock()
	defer k.network.mu.Unlock()
	s, errno := k.network.system.Lookup(fd), errBadDescriptor
	switch {
	case s == nil:
	case s.datagrams == nil || s.family == backend.Unix:
		errno = errNotSupported
	default:
		errno = f(s)
	}
	if errno != 0 {
		return os.NewSyscallError("setsockopt", errno)
	}
	return nil
}

// FileRemover returns a function that does nothing: a path is only a name here.
func (Kernel) FileRemover(string) func() { return func() {} }

// Adopt returns another descriptor for the socket of a test's Conn, Listener or PacketConn.
func (k Kernel) Adopt(c any, kind backend.SocketKind) (int, error) {
	n := k.network
	n.lock()
	defer n.mu.Unlock()
	var e *end
	switch c := c.(type) {
	case *Conn:
		e = &c.end
	case *Listener:
		e = &c.end
	case *PacketConn:
		e = &c.end
	}
	switch {
	case e == nil || e.network != n || e.socket.kind() != kind:
		return -1, fmt.Errorf("%T is no end of this network: %w", c, errors.ErrUnsupported)
	case e.closed:
		return -1, net.ErrClosed
	}
	return n.system.Install(e.socket), nil
}

// AdoptStream fails: a file is one of the system.
func (Kernel) AdoptStream(*os.File) (int, error) {
	return -1, fmt.Errorf("a network in memory has no streams of the system: %w", errors.ErrUnsupported)
}

// Watch fails: a descriptor is one of the system.
func (Kernel) Watch(uintptr) (int, error) {
	return -1, fmt.Errorf("a network in memory has no descriptors of the system: %w", errors.ErrUnsupported)
}

// Disown is Close: the socket has another owner, so only the descriptor is closed.
func (k Kernel) Disown(fd int) { k.Close(fd) }

// Share returns a Conn, a Listener or a PacketConn for the socket of fd.
func (k Kernel) Share(fd int, kind backend.SocketKind) (any, error) {
	n := k.network
	n.lock()
	defer n.mu.Unlock()
	s := n.system.Lookup(fd)
	name := "tcp"
	if s.family == backend.Unix {
		name = "unix"
	}
	switch kind {
	case backend.ListeningSocket:
		l := &Listener{}
		l.init(n, s, name)
		return l, nil
	case backend.DatagramSocket:
		return newPacketConn(n, s), nil
	}
	return newConn(n, s, name), nil
}

// AcceptNoDelay has no effect: see SetNoDelay.
func (Kernel) AcceptNoDelay(int) {}

// Descriptor fails: the system knows no descriptor of a socket in memory.
func (Kernel) Descriptor(int) (uintptr, error) {
	return 0, fmt.Errorf("a socket in memory has no descriptor: %w", errors.ErrUnsupported)
}

// LocalAddr is Socket.LocalAddr.
func (k Kernel) LocalAddr(fd int) net.Addr {
	k.network.lock()
	defer k.network.mu.Unlock()
	if s := k.network.system.Lookup(fd); s != nil {
		return s.LocalAddr()
	}
	return nil
}

// RemoteAddr is Socket.RemoteAddr.
func (k Kernel) RemoteAddr(fd int) net.Addr {
	k.network.lock()
	defer k.network.mu.Unlock()
	if s := k.network.system.Lookup(fd); s != nil {
		return s.RemoteAddr()
	}
	return nil
}

// LocalAddrPort is the address that others see.
func (k Kernel) LocalAddrPort(fd int) netip.AddrPort {
	return k.addrPort(fd, func(s *Socket) netip.AddrPort { return s.local.Inet })
}

// RemoteAddrPort is the address of the peer.
func (k Kernel) RemoteAddrPort(fd int) netip.AddrPort {
	return k.addrPort(fd, func(s *Socket) netip.AddrPort { return s.remote.Inet })
}

func (k Kernel) addrPort(fd int, which func(*Socket) netip.AddrPort) netip.AddrPort {
	k.network.lock()
	defer k.network.mu.Unlock()
	s := k.network.system.Lookup(fd)
	if s == nil {
		return netip.AddrPort{}
	}
	a := which(s)
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// set runs f on an open socket of one of the families; no families means all.
func (k Kernel) set(fd int, f func(s *Socket), families ...backend.Family) error {
	k.network.lock()
	defer k.network.mu.Unlock()
	switch s := k.network.system.Lookup(fd); {
	case s == nil:
		return os.NewSyscallError("setsockopt", errBadDescriptor)
	case families != nil && !slices.Contains(families, s.Family()):
		return os.NewSyscallError("setsockopt", errNotSupported)
	default:
		f(s)
	}
	return nil
}

// SetNoDelay has no effect: writes are never held back.
func (k Kernel) SetNoDelay(fd int, _ bool) error {
	return k.set(fd, func(*Socket) {}, backend.IPv4, backend.IPv6, backend.Dual)
}

// SetKeepAlive has no effect: no peer disappears.
func (k Kernel) SetKeepAlive(fd int, _ time.Duration) error {
	return k.set(fd, func(*Socket) {}, backend.IPv4, backend.IPv6, backend.Dual)
}

// SetReadBuffer sets the size of the receive buffer.
func (k Kernel) SetReadBuffer(fd, bytes int) error {
	return k.set(fd, func(s *Socket) { s.SetBuffers(0, bytes) })
}

// SetWriteBuffer sets the size of the send buffer.
func (k Kernel) SetWriteBuffer(fd, bytes int) error {
	return k.set(fd, func(s *Socket) { s.SetBuffers(bytes, 0) })
}

// SetResetOnClose makes closing send a reset.
func (k Kernel) SetResetOnClose(fd int, on bool) error {
	return k.set(fd, func(s *Socket) { s.SetResetOnClose(on) })
}
