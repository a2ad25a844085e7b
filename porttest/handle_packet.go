package porttest

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Datagram sockets and files that come from package net and os, and go back to them.
var packetHandleCases = []testCase{
	adoptPacketConnKeepsWhatHasArrived,
	adoptPacketConnWithAPeer,
	adoptPacketConnClosesTheOriginal,
	adoptPacketConnOfOtherKinds,
	adoptPacketConnOfAClosedPort,
	adoptedUnixPacketsKeepTheirFile,
	detachPacketsKeepsWhatHasArrived,
	detachPacketsWithAPeer,
	detachOfBusyPacketsIsRefused,
	detachPacketsUnsupported,
	detachFile,
	detachOfABusyFileIsRefused,
	detachFileRacesClose,
}

// netPackets returns a datagram socket of package net, or of a test's network.
func (e *env) netPackets(network string) net.PacketConn {
	e.Helper()
	address := "127.0.0.1:0"
	if network == "unixgram" {
		address = e.address("unix")
	}
	c, err := e.network.ListenPacket(network, address)
	if err != nil {
		e.Skipf("no %s of package net here: %v", network, err)
	}
	e.closers = append(e.closers, c.Close)
	return c
}

// packetNetworks leaves out what package net does not have here.
func (e *env) packetNetworks() []string {
	if e.unix && hasUnixDatagrams(e) {
		return []string{"udp4", "unixgram"}
	}
	return []string{"udp4"}
}

func hasUnixDatagrams(e *env) bool {
	s, err := e.port(nil).ListenPacket("unixgram", "")
	if err != nil {
		is(e, err, errors.ErrUnsupported)
		return false
	}
	return s.Close() == nil
}

// hears checks that c receives a datagram.
func hears(e *env, c net.PacketConn, want string) net.Addr {
	e.Helper()
	got := make([]byte, 100)
	n, from, err := c.ReadFrom(got)
	is(e, err, nil)
	equal(e, "datagram", string(got[:n]), want)
	return from
}

// readsFrom checks that a socket of a port receives a datagram.
func readsFrom(e *env, p *completion.Port, s *completion.PacketSocket, want string) {
	e.Helper()
	r := &ops.ReadFrom{From: s, Buf: own(100)}
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "datagram", string(r.Buf.Bytes()), want)
}

// writeTo describes a datagram to an address of package net.
func writeTo(s *completion.PacketSocket, to net.Addr, what string) *ops.WriteTo {
	w := &ops.WriteTo{To: s, Buf: text(what)}
	switch to := to.(type) {
	case *net.UDPAddr:
		w.Addr = to.AddrPort()
	case *net.UnixAddr:
		w.Path = to.Name
	}
	return w
}

// says sends a datagram with package net.
func says(e *env, c net.PacketConn, to net.Addr, what string) {
	e.Helper()
	n, err := c.WriteTo([]byte(what), to)
	is(e, err, nil)
	equal(e, "sent", n, len(what))
}

func adoptPacketConnKeepsWhatHasArrived(e *env) {
	e.needsAdopt()
	e.needsDatagrams()
	p := e.port(nil)
	for _, network := range e.packetNetworks() {
		c, other := e.netPackets(network), e.netPackets(network)
		address := c.LocalAddr()
		says(e, other, address, "early")
		handles, descriptors := p.Stats().Handles, countDescriptors()
		s, err := p.AdoptPacketConn(c)
		is(e, err, nil)
		equal(e, "handles", p.Stats().Handles, handles+1)
		equal(e, "descriptors", countDescriptors(), descriptors)
		equal(e, "address", s.LocalAddr().String(), address.String())
		equal(e, "network", s.LocalAddr().Network(), address.Network())
		equal(e, "peer", s.RemoteAddr() == nil, true)
		readsFrom(e, p, s, "early")
		r := &ops.ReadFrom{From: s, Buf: own(100)}
		e.submit(p, r)
		e.idle(p)
		says(e, other, address, "late")
		e.expect(p, r, nil)
		equal(e, "datagram", string(r.Buf.Bytes()), "late")
		is(e, p.Await(e.ctx, writeTo(s, other.LocalAddr(), "answer")), nil)
		equal(e, "sender", hears(e, other, "answer").String(), address.String())
		is(e, s.Close(), nil)
	}
}

// adoptPacketConnWithAPeer: a *net.UDPConn of net.Dial.
func adoptPacketConnWithAPeer(e *env) {
	e.needsSystem("a test's network does not connect datagram sockets")
	e.needsAdopt()
	e.needsDatagrams()
	p := e.port(nil)
	other := e.netPackets("udp4")
	c, err := net.Dial("udp4", other.LocalAddr().String())
	is(e, err, nil)
	s, err := p.AdoptPacketConn(c.(*net.UDPConn))
	is(e, err, nil)
	equal(e, "peer", s.RemoteAddr().String(), other.LocalAddr().String())
	is(e, p.Await(e.ctx, &ops.WriteTo{To: s, Buf: text("hello")}), nil)
	from := hears(e, other, "hello")
	equal(e, "sender", from.String(), s.LocalAddr().String())
	says(e, other, from, "back")
	readsFrom(e, p, s, "back")
}

func adoptPacketConnClosesTheOriginal(e *env) {
	e.needsAdopt()
	e.needsDatagrams()
	p := e.port(nil)
	c := e.netPackets("udp4")
	s, err := p.AdoptPacketConn(c)
	is(e, err, nil)
	_, _, err = c.ReadFrom(make([]byte, 1))
	is(e, err, net.ErrClosed)
	_, err = p.AdoptPacketConn(c)
	is(e, err, net.ErrClosed)
	is(e, s.Close(), nil)
	is(e, s.Close(), net.ErrClosed)
}

// adoptPacketConnOfOtherKinds: streams, and what has no descriptor.
func adoptPacketConnOfOtherKinds(e *env) {
	p := e.port(nil)
	_, err := p.AdoptPacketConn(nil)
	unsupported(e, p, err)
	_, err = p.AdoptPacketConn(struct{ net.PacketConn }{})
	unsupported(e, p, err)
	e.needsAdopt()
	c, other := e.twoEnds("tcp4")
	_, err = p.AdoptPacketConn(streamAsPackets{c})
	unsupported(e, p, err)
	talk(e, c, other)
	datagrams := e.netPackets("udp4")
	if conn, ok := datagrams.(net.Conn); ok {
		_, err = p.AdoptConn(conn)
		unsupported(e, p, err)
	}
}

// streamAsPackets is a connection that pretends to be a datagram socket.
type streamAsPackets struct{ net.Conn }

func (streamAsPackets) ReadFrom([]byte) (int, net.Addr, error)      { return 0, nil, io.EOF }
func (streamAsPackets) WriteTo([]byte, net.Addr) (n int, err error) { return 0, io.EOF }

func adoptPacketConnOfAClosedPort(e *env) {
	e.needsAdopt()
	e.needsDatagrams()
	p := e.port(nil)
	c, other := e.netPackets("udp4"), e.netPackets("udp4")
	is(e, p.Close(), nil)
	_, err := p.AdoptPacketConn(c)
	is(e, err, net.ErrClosed)
	says(e, other, c.LocalAddr(), "hello") // still the caller's
	hears(e, c, "hello")
}

func adoptedUnixPacketsKeepTheirFile(e *env) {
	e.needsSystem("there are files")
	e.needsAdopt()
	p := e.port(nil)
	c := e.netPackets("unixgram")
	path := c.LocalAddr().String()
	before, err := os.Lstat(path)
	is(e, err, nil)
	s, err := p.AdoptPacketConn(c)
	is(e, err, nil)
	is(e, s.Close(), nil)
	stays(e, path, before)
}

func detachPacketsKeepsWhatHasArrived(e *env) {
	e.needsDetach()
	p := e.port(nil)
	for _, network := range e.packetNetworks() {
		s, other := e.packets(p, network), e.netPackets(network)
		address := s.LocalAddr()
		says(e, other, address, "early")
		handles, descriptors := p.Stats().Handles, countDescriptors()
		c, err := s.Detach()
		is(e, err, nil)
		equal(e, "handles", p.Stats().Handles, handles-1)
		equal(e, "descriptors", countDescriptors(), descriptors)
		equal(e, "address", c.LocalAddr().String(), address.String())
		hears(e, c, "early")
		says(e, c, other.LocalAddr(), "hello")
		equal(e, "sender", hears(e, other, "hello").String(), address.String())
		is(e, p.Await(e.ctx, writeTo(s, other.LocalAddr(), "no")), net.ErrClosed)
		_, err = s.Detach()
		is(e, err, net.ErrClosed)
		is(e, c.SetReadDeadline(time.Unix(1, 0)), nil)
		_, _, err = c.ReadFrom(make([]byte, 1))
		is(e, err, os.ErrDeadlineExceeded)
		is(e, c.Close(), nil)
		if network == "unixgram" && e.onSystem() {
			is(e, os.Remove(address.String()), nil) // package net leaves the file
		}
	}
}

func detachPacketsWithAPeer(e *env) {
	e.needsDetach()
	e.needsDatagrams()
	p := e.port(nil)
	other := e.netPackets("udp4")
	s, err := p.DialPacket("udp4", other.LocalAddr().String())
	is(e, err, nil)
	detached, err := s.Detach()
	is(e, err, nil)
	c := detached.(net.Conn)
	equal(e, "peer", c.RemoteAddr().String(), other.LocalAddr().String())
	_, err = c.Write([]byte("hello"))
	is(e, err, nil)
	says(e, other, hears(e, other, "hello"), "back")
	got := make([]byte, 10)
	n, err := c.Read(got)
	is(e, err, nil)
	equal(e, "datagram", string(got[:n]), "back")
	is(e, c.Close(), nil)
}

func detachOfBusyPacketsIsRefused(e *env) {
	e.needsDetach()
	e.needsDatagrams()
	p := e.port(nil)
	s, other := e.packets(p, "udp4"), e.packets(p, "udp4")
	r := &ops.ReadFrom{From: s, Buf: own(10)}
	e.submit(p, r)
	_, err := s.Detach()
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "detach" || errors.Is(err, errors.ErrUnsupported) {
		e.Fatalf("detached with a read in flight: %v", err)
	}
	e.sendTo(p, other, s, "hello")
	e.expect(p, r, nil)
	c, err := s.Detach()
	is(e, err, nil)
	is(e, c.Close(), nil)
}

func detachPacketsUnsupported(e *env) {
	if e.detaches() {
		e.Skip("the port can")
	}
	e.needsDatagrams()
	p := e.port(nil)
	s, other := e.packets(p, "udp4"), e.packets(p, "udp4")
	_, err := s.Detach()
	is(e, err, errors.ErrUnsupported)
	e.sendTo(p, other, s, "hello")
	e.receiveFrom(p, s, other, "hello")
}

// detachFile: on every system, and the descriptor is the same.
func detachFile(e *env) {
	p := e.port(nil)
	f := e.file(p, creating)
	is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: text("hello")}), nil)
	handles, descriptors := p.Stats().Handles, countDescriptors()
	file, err := f.Detach()
	is(e, err, nil)
	equal(e, "handles", p.Stats().Handles, handles-1)
	equal(e, "descriptors", countDescriptors(), descriptors)
	r := &ops.ReadAt{From: f, Buf: own(5)}
	is(e, p.Await(e.ctx, r), fs.ErrClosed)
	isClosed(e, r)
	is(e, f.Close(), net.ErrClosed)
	_, err = f.Detach()
	is(e, err, fs.ErrClosed)
	is(e, err, net.ErrClosed)
	_, err = file.WriteAt([]byte("y"), 4)
	is(e, err, nil)
	again, err := p.AdoptFile(file)
	is(e, err, nil)
	equal(e, "content", content(e, again), "helly")
	is(e, p.Await(e.ctx, &ops.CloseFile{On: again}), nil)
	_, err = again.Detach()
	is(e, err, fs.ErrClosed)
	_, err = new(completion.File).Detach()
	is(e, err, fs.ErrClosed)
}

func detachOfABusyFileIsRefused(e *env) {
	p := e.oneWorker()
	f := e.file(p, creating)
	first := e.occupy(p)
	stat := &ops.Stat{On: f}
	e.submit(p, stat)
	_, err := f.Detach()
	var path *fs.PathError
	if !errors.As(err, &path) || path.Op != "detach" || path.Path != f.Name() || errors.Is(err, fs.ErrClosed) {
		e.Fatalf("detached with an operation in flight: %v", err)
	}
	first.goOn <- nil
	e.expectAll(p, nil, first, stat)
	o, c := e.sendFileFrom(p)
	_, err = o.From.Detach()
	equal(e, "a PathError", errors.As(err, &path), true)
	is(e, o.To.Close(), nil)
	e.expect(p, o, net.ErrClosed)
	e.gets(c, o.N(), stuckBytes-o.N())
	for _, f := range []*completion.File{f, o.From} {
		file, err := f.Detach()
		is(e, err, nil)
		is(e, file.Close(), nil)
	}
}

// detachFileRacesClose: the port is closed, and whoever detaches has the file or an error.
func detachFileRacesClose(e *env) {
	path := filepath.Join(e.folder(), "file")
	for turn := range often(100) {
		p := e.port(nil)
		f, err := p.OpenFile(path, creating, 0o600)
		is(e, err, nil)
		var ready atomic.Int32
		var file *os.File
		together(2, func(i int) {
			ready.Add(1)
			until(func() bool { return ready.Load() == 2 })
			if i == 0 {
				file, err = f.Detach()
				return
			}
			for range turn % 50 { // meet each step of the other
				p.Stats()
			}
			p.Close()
		})
		equal(e, "handles", p.Stats().Handles, 0)
		if err != nil {
			is(e, err, net.ErrClosed)
			continue
		}
		_, err = file.Stat()
		is(e, err, nil)
		is(e, file.Close(), nil)
	}
}
