package porttest

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var datagramAddressCases = []testCase{
	errorNamesTheReceiver,
	packetAddresses,
	packetAddrPorts,
	dialPacketToAnAddress,
	connectToAnotherPeer,
	badPacketAddresses,
	multicastAddressSharesItsPort,
	datagramOverUnix,
	unixReceiverHasNoRoom,
	unixWithoutReceiver,
}

func errorNamesTheReceiver(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a := e.packets(p, "udp4")
	to := netip.MustParseAddrPort("127.0.0.1:9")
	w := &ops.WriteTo{To: a, Buf: own(70000), Addr: to}
	is(e, p.Await(e.ctx, w), syscall.EMSGSIZE)
	var op *net.OpError
	if !errors.As(w.Err(), &op) || op.Addr.String() != to.String() || op.Source.String() != a.LocalAddr().String() || op.Net != "udp" {
		e.Fatalf("the error is %#v", w.Err())
	}
}

func packetAddresses(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	s := e.packets(p, "udp4")
	local, ok := s.LocalAddr().(*net.UDPAddr)
	if !ok || local.Port == 0 || !local.IP.IsLoopback() || s.RemoteAddr() != nil {
		e.Fatalf("addresses %v, %v", s.LocalAddr(), s.RemoteAddr())
	}
	_, err := p.ListenPacket("udp4", local.String())
	is(e, err, syscall.EADDRINUSE)
	c, err := p.DialPacket("udp", local.String())
	is(e, err, nil)
	if remote, ok := c.RemoteAddr().(*net.UDPAddr); !ok || remote.Port != local.Port {
		e.Fatalf("remote address %v", c.RemoteAddr())
	}
	for _, f := range []func(int) error{s.SetReadBuffer, s.SetWriteBuffer} {
		is(e, f(1<<16), nil)
	}
	is(e, c.Connect(&net.IPAddr{}), syscall.EAFNOSUPPORT)
}

// packetAddrPorts: the same addresses as values, which compare equal to those of datagrams.
func packetAddrPorts(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	for _, network := range []string{"udp4", "udp"} {
		s := e.packets(p, network)
		equal(e, "local", s.LocalAddrPort(), at(s))
		equal(e, "remote", s.RemoteAddrPort(), netip.AddrPort{})
		c, err := p.DialPacket(network, s.LocalAddr().String())
		is(e, err, nil)
		equal(e, "remote", c.RemoteAddrPort(), s.LocalAddrPort())
		is(e, p.Await(e.ctx, &ops.WriteTo{To: c, Buf: text("hello")}), nil)
		r := &ops.ReadFrom{From: s, Buf: own(10)}
		is(e, p.Await(e.ctx, r), nil)
		equal(e, "sender", r.Addr, c.LocalAddrPort())
		is(e, s.Close(), nil)
		equal(e, "closed", s.LocalAddrPort(), netip.AddrPort{})
		equal(e, "closed", c.RemoteAddrPort() != netip.AddrPort{}, true)
	}
	s, err := p.ListenPacket("unixgram", "")
	if err == nil {
		equal(e, "unix", s.LocalAddrPort(), netip.AddrPort{})
	}
}

func dialPacketToAnAddress(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	server := e.packets(p, "udp4")
	to := server.LocalAddrPort()
	mapped := netip.AddrPortFrom(netip.AddrFrom16(to.Addr().As16()), to.Port())
	for _, to := range []netip.AddrPort{to, mapped} {
		c, err := p.DialPacketTo(to)
		is(e, err, nil)
		equal(e, "peer", c.RemoteAddrPort(), server.LocalAddrPort())
		e.sendTo(p, c, nil, "hello")
		e.receiveFrom(p, server, c, "hello")
		e.sendTo(p, server, c, "back")
		e.receiveFrom(p, c, server, "back")
	}
	handles := p.Stats().Handles
	_, err := p.DialPacketTo(netip.AddrPort{})
	is(e, err, syscall.EAFNOSUPPORT)
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" || op.Net != "udp" {
		e.Fatalf("the error is %#v", err)
	}
	equal(e, "handles", p.Stats().Handles, handles)
	is(e, p.Close(), nil)
	_, err = p.DialPacketTo(to)
	is(e, err, net.ErrClosed)
}

// connectToAnotherPeer: the socket hears the new one only, and errors leave the peer.
func connectToAnotherPeer(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	first, second := e.packets(p, "udp4"), e.packets(p, "udp4")
	c, err := p.DialPacketTo(first.LocalAddrPort())
	is(e, err, nil)
	is(e, c.ConnectTo(second.LocalAddrPort()), nil)
	equal(e, "peer", c.RemoteAddrPort(), second.LocalAddrPort())
	e.sendTo(p, c, nil, "hello")
	e.receiveFrom(p, second, c, "hello")
	r := &ops.ReadFrom{From: c, Buf: own(10)}
	e.submit(p, r)
	e.sendTo(p, first, c, "no")
	e.sendTo(p, second, c, "yes")
	e.expect(p, r, nil)
	equal(e, "datagram", string(r.Buf.Bytes()), "yes")
	err = c.ConnectTo(netip.AddrPort{})
	is(e, err, syscall.EAFNOSUPPORT)
	is(e, c.ConnectTo(netip.MustParseAddrPort("[::1]:9")), syscall.EAFNOSUPPORT)
	equal(e, "peer", c.RemoteAddrPort(), second.LocalAddrPort())
	is(e, c.Close(), nil)
	is(e, c.ConnectTo(second.LocalAddrPort()), net.ErrClosed)
}

func badPacketAddresses(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	for _, c := range [][2]string{{"tcp", "127.0.0.1:0"}, {"udp5", "127.0.0.1:0"}, {"udp4", "127.0.0.1"}, {"udp4", "[::1]:0"}} {
		for _, open := range []func(string, string) (*completion.PacketSocket, error){p.ListenPacket, p.DialPacket} {
			s, err := open(c[0], c[1])
			var op *net.OpError
			if s != nil || !errors.As(err, &op) || op.Net != c[0] {
				e.Errorf("%v: %v, %#v", c, s, err)
			}
		}
	}
}

// A multicast address means its port on every address, and others may have it, too.
func multicastAddressSharesItsPort(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	for _, network := range []string{"udp4", "udp"} {
		s, err := p.ListenPacket(network, "239.77.66.55:0")
		is(e, err, nil)
		a, to := e.packets(p, "udp4"), at(s).Port()
		w := &ops.WriteTo{To: a, Buf: text("hi"), Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), to)}
		is(e, p.Await(e.ctx, w), nil)
		e.receiveFrom(p, s, a, "hi")
		other, err := p.ListenPacket(network, netip.AddrPortFrom(netip.MustParseAddr("239.77.66.55"), to).String())
		is(e, err, nil)
		equal(e, "port", at(other).Port(), to)
	}
}

func datagramOverUnix(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "unixgram"), e.packets(p, "unixgram")
	pathOf := func(s *completion.PacketSocket) string { return s.LocalAddr().(*net.UnixAddr).Name }
	for _, s := range []string{"hello", ""} {
		w := &ops.WriteTo{To: a, Buf: text(s), Path: pathOf(b)}
		is(e, p.Await(e.ctx, w), nil)
		r := &ops.ReadFrom{From: b, Buf: own(10)}
		is(e, p.Await(e.ctx, r), nil)
		equal(e, "datagram", string(r.Buf.Bytes()), s)
		equal(e, "sender", r.Path, pathOf(a))
		equal(e, "address", r.Addr, netip.AddrPort{})
	}
	c, err := p.DialPacket("unixgram", pathOf(b))
	is(e, err, nil)
	equal(e, "peer", c.RemoteAddr().String(), pathOf(b))
	equal(e, "network", c.RemoteAddr().Network(), "unixgram")
	is(e, p.Await(e.ctx, &ops.WriteTo{To: c, Buf: text("nameless")}), nil)
	r := &ops.ReadFrom{From: b, Buf: own(4)}
	is(e, p.Await(e.ctx, r), io.ErrShortBuffer)
	equal(e, "datagram", string(r.Buf.Bytes()), "name")
	equal(e, "sender", r.Path, "")
	again := pathOf(b)
	is(e, b.Close(), nil)
	_, err = p.ListenPacket("unixgram", again) // its file is gone
	is(e, err, nil)
}

// A send to a unix socket that receives nothing ends, or waits, and then goes on.
func unixReceiverHasNoRoom(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	b := e.packets(p, "unixgram")
	to := b.LocalAddr().(*net.UnixAddr).Name
	a, err := p.ListenPacket("unixgram", "")
	is(e, err, nil)
	sent := e.fillMailbox(p, a, to)
	c, err := p.DialPacket("unixgram", to)
	is(e, err, nil)
	last := &ops.WriteTo{To: c, Buf: text("last")}
	e.submit(p, last)
	e.poll0(p)
	r := &ops.ReadFrom{From: b, Buf: own(1000)}
	for range sent {
		e.start(p, r)
		is(e, p.Wait(e.ctx, r), nil)
		equal(e, "bytes", r.N(), 1000)
	}
	if op := e.next(p); op != completion.Operation(last) || last.Err() != nil && !errors.Is(last.Err(), syscall.ENOBUFS) {
		e.Fatalf("%T: %v", op, last.Err())
	}
	if last.Err() == nil {
		e.start(p, r)
		is(e, p.Wait(e.ctx, r), nil)
		equal(e, "datagram", string(r.Buf.Bytes()), "last")
	}
}

// fillMailbox sends datagrams of 1,000 bytes until there is no room, and returns their
// number.
func (e *env) fillMailbox(p *completion.Port, from *completion.PacketSocket, to string) (sent int) {
	e.Helper()
	w := &ops.WriteTo{To: from, Buf: own(1000), Path: to}
	err := p.Await(e.ctx, w)
	for ; err == nil; sent++ {
		err = p.Await(e.ctx, w)
	}
	is(e, err, syscall.ENOBUFS)
	var failure *net.OpError
	if !errors.As(err, &failure) || !failure.Temporary() {
		e.Errorf("%v is not temporary", err)
	}
	return sent
}

// poll0 lets the port work once, whatever is dequeued later.
func (e *env) poll0(p *completion.Port) {
	e.Helper()
	is(e, p.Await(e.ctx, &ops.Timer{After: time.Millisecond}), nil)
}

func unixWithoutReceiver(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a := e.packets(p, "unixgram")
	w := &ops.WriteTo{To: a, Buf: text("x"), Path: a.LocalAddr().(*net.UnixAddr).Name + "2"}
	is(e, p.Await(e.ctx, w), syscall.ENOENT)
	_, err := p.DialPacket("unixgram", w.Path)
	is(e, err, syscall.ENOENT)
}
