package porttest

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// How operations on datagrams end is in datagram_end.go, and unix datagrams and addresses are
// in datagram_address.go.
var datagramCases = append([]testCase{
	datagramOverUDP4,
	datagramOverUDP6,
	datagramOverBothFamilies,
	datagramsKeepTheirBounds,
	datagramsFillQueuedReads,
	emptyDatagramIsDelivered,
	emptyDatagramTakesNoBuffer,
	largerDatagramIsShortBuffer,
	largerDatagramBeforeAWait,
	largerDatagramInPooledRead,
	tooLargeToSend,
	connectedSendsToItsPeer,
	connectedHearsItsPeerOnly,
	refusalIsOneOutcome,
	noReceiverIsAnError,
	awaitedDatagrams,
	broadcastNeedsPermission,
}, append(append(datagramEndCases, datagramAddressCases...), append(append(messageCases, segmentCases...), rightsCases...)...)...)

// needsDatagrams skips a case where a port has no datagram sockets.
func (e *env) needsDatagrams() {
	e.Helper()
	s, err := e.port(nil).ListenPacket("udp4", "127.0.0.1:0")
	if errors.Is(err, errors.ErrUnsupported) {
		e.Skipf("no datagrams here: %v", err)
	}
	is(e, err, nil)
	s.Close()
}

// packets returns a socket on a free address of this machine.
func (e *env) packets(p *completion.Port, network string) *completion.PacketSocket {
	e.Helper()
	address := "127.0.0.1:0"
	switch network {
	case "udp6":
		e.address("tcp6") // skips without IPv6
		address = "[::1]:0"
	case "unixgram":
		address = e.address("unix")
	}
	s, err := p.ListenPacket(network, address)
	if errors.Is(err, errors.ErrUnsupported) {
		e.Skipf("no %s here: %v", network, err)
	}
	if err != nil {
		e.Fatalf("listen %s: %v", network, err)
	}
	return s
}

// at returns the address of a UDP socket.
func at(s *completion.PacketSocket) netip.AddrPort {
	a := s.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// sendTo sends a datagram, which must succeed.
func (e *env) sendTo(p *completion.Port, from, to *completion.PacketSocket, s string) {
	e.Helper()
	w := &ops.WriteTo{To: from, Buf: text(s)}
	if to != nil {
		w.Addr = at(to)
	}
	is(e, p.Await(e.ctx, w), nil)
	equal(e, "sent", w.N(), len(s))
}

// receiveFrom receives a datagram, which must be this one.
func (e *env) receiveFrom(p *completion.Port, s, from *completion.PacketSocket, want string) {
	e.Helper()
	r := &ops.ReadFrom{From: s, Buf: own(100)}
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "datagram", string(r.Buf.Bytes()), want)
	equal(e, "count", r.N(), len(want))
	equal(e, "sender", r.Addr, at(from))
}

func datagramOverUDP4(e *env) { datagramEcho(e, "udp4") }

func datagramOverUDP6(e *env) { datagramEcho(e, "udp6") }

func datagramEcho(e *env, network string) {
	p := e.port(nil)
	a, b := e.packets(p, network), e.packets(p, network)
	r := &ops.ReadFrom{From: b, Buf: own(100)}
	e.submit(p, r)
	e.idle(p)
	w := &ops.WriteTo{To: a, Buf: text("hello"), Addr: at(b)}
	e.submit(p, w)
	e.expectAll(p, nil, r, w)
	equal(e, "datagram", string(r.Buf.Bytes()), "hello")
	equal(e, "received and sent", r.N()+w.N(), 10)
	equal(e, "sender", r.Addr, at(a))
	equal(e, "path", r.Path, "")
	back := &ops.WriteTo{To: b, Buf: r.Buf, Addr: r.Addr}
	e.submit(p, back)
	e.expect(p, back, nil)
	e.receiveFrom(p, a, b, "hello")
}

func datagramOverBothFamilies(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	six := e.packets(p, "udp6")
	both, err := p.ListenPacket("udp", ":0")
	is(e, err, nil)
	port := at(both).Port()
	if strings.HasPrefix(both.LocalAddr().String(), "0.0.0.0") {
		e.Skip("one socket does not support both families here")
	}
	four := e.packets(p, "udp4")
	for _, c := range []struct {
		from *completion.PacketSocket
		to   string
	}{{four, "127.0.0.1"}, {six, "::1"}} {
		w := &ops.WriteTo{To: c.from, Buf: text(c.to), Addr: netip.AddrPortFrom(netip.MustParseAddr(c.to), port)}
		is(e, p.Await(e.ctx, w), nil)
		e.receiveFrom(p, both, c.from, c.to)
		// And back: an address in its own form, or in that of IPv6.
		for _, to := range []netip.AddrPort{at(c.from), netip.AddrPortFrom(netip.AddrFrom16(at(c.from).Addr().As16()), at(c.from).Port())} {
			w = &ops.WriteTo{To: both, Buf: text("back"), Addr: to}
			is(e, p.Await(e.ctx, w), nil)
			r := &ops.ReadFrom{From: c.from, Buf: own(10)}
			is(e, p.Await(e.ctx, r), nil)
			equal(e, "datagram", string(r.Buf.Bytes()), "back")
			equal(e, "sender's port", r.Addr.Port(), port)
		}
	}
}

func datagramsKeepTheirBounds(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	for _, s := range []string{"a", "bcd", "", "ef"} {
		e.sendTo(p, a, b, s)
	}
	for _, s := range []string{"a", "bcd", "", "ef"} {
		e.receiveFrom(p, b, a, s)
	}
}

func datagramsFillQueuedReads(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	reads := make([]*ops.ReadFrom, 3)
	for i := range reads {
		reads[i] = &ops.ReadFrom{From: b, Buf: own(10)}
		e.submit(p, reads[i])
	}
	w := make([]completion.Operation, 3)
	for i := range w {
		w[i] = &ops.WriteTo{To: a, Buf: text(string(rune('x' + i))), Addr: at(b)}
	}
	e.submit(p, w...)
	e.expectAll(p, nil, append(w, reads[0], reads[1], reads[2])...)
	for i, r := range reads {
		equal(e, "datagram", string(r.Buf.Bytes()), string(rune('x'+i)))
	}
}

func emptyDatagramIsDelivered(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	r := &ops.ReadFrom{From: b, Buf: own(10)}
	e.submit(p, r)
	e.idle(p)
	w := &ops.WriteTo{To: a, Buf: own(0), Addr: at(b)}
	e.submit(p, w)
	e.expectAll(p, nil, r, w)
	equal(e, "count", r.N()+r.Buf.Len(), 0)
	equal(e, "sender", r.Addr, at(a))
}

func emptyDatagramTakesNoBuffer(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	pool := e.pool(p, 10, 1)
	r := &ops.ReadFrom{From: b, Pool: pool}
	e.submit(p, r)
	e.idle(p)
	e.start(p, &ops.WriteTo{To: a, Buf: own(0), Addr: at(b)})
	e.expect(p, r, nil)
	if r.Buf != nil || pool.Lent() != 0 {
		e.Fatalf("a datagram of 0 bytes has buffer %p, and %d are lent", r.Buf, pool.Lent())
	}
	equal(e, "sender", r.Addr, at(a))
	r.Release() // does nothing
	e.submit(p, r)
	e.sendTo2(p, a, b, "x")
	e.expect(p, r, nil)
	equal(e, "datagram", string(r.Buf.Bytes()), "x")
	r.Release()
}

// sendTo2 is sendTo while others are in the queue.
func (e *env) sendTo2(p *completion.Port, from, to *completion.PacketSocket, s string) {
	e.Helper()
	w := &ops.WriteTo{To: from, Buf: text(s), Addr: at(to)}
	e.start(p, w)
	is(e, p.Wait(e.ctx, w), nil)
}

func largerDatagramIsShortBuffer(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	for _, waits := range []bool{true, false} {
		r := &ops.ReadFrom{From: b, Buf: own(3)}
		if waits {
			e.submit(p, r)
			e.idle(p)
		}
		e.sendTo2(p, a, b, "abcdef")
		e.sendTo2(p, a, b, "xyz")
		if !waits {
			e.submit(p, r)
		}
		e.expect(p, r, io.ErrShortBuffer)
		equal(e, "bytes", string(r.Buf.Bytes()), "abc")
		equal(e, "count", r.N(), 3)
		equal(e, "sender", r.Addr, at(a))
		e.submit(p, r) // which is exactly as large
		e.expect(p, r, nil)
		equal(e, "bytes", string(r.Buf.Bytes()), "xyz")
	}
}

// largerDatagramBeforeAWait: Windows may report the end of a receive once more whose call has
// returned it, when the next receive waits already.
func largerDatagramBeforeAWait(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	r := &ops.ReadFrom{From: b, Buf: own(3)}
	for range 3 {
		e.sendTo2(p, a, b, "abcdef")
		e.submit(p, r)
		e.expect(p, r, io.ErrShortBuffer)
		e.submit(p, r)
		e.idle(p)
		e.sendTo2(p, a, b, "xyz")
		e.expect(p, r, nil)
		equal(e, "bytes", string(r.Buf.Bytes()), "xyz")
		equal(e, "sender", r.Addr, at(a))
	}
}

func largerDatagramInPooledRead(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	r := &ops.ReadFrom{From: b, Pool: e.pool(p, 3, 1)}
	e.submit(p, r)
	e.idle(p)
	e.sendTo2(p, a, b, "abcdef")
	e.expect(p, r, io.ErrShortBuffer)
	equal(e, "bytes", string(r.Buf.Bytes()), "abc")
	equal(e, "sender", r.Addr, at(a))
	r.Release()
}

func tooLargeToSend(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	w := &ops.WriteTo{To: a, Buf: own(70000), Addr: at(b)}
	is(e, p.Await(e.ctx, w), syscall.EMSGSIZE)
	equal(e, "count", w.N(), 0)
	e.sendTo(p, a, b, "next")
	e.receiveFrom(p, b, a, "next")
}

func connectedSendsToItsPeer(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	b := e.packets(p, "udp4")
	a, err := p.DialPacket("udp", b.LocalAddr().String())
	is(e, err, nil)
	equal(e, "peer", a.RemoteAddr().String(), b.LocalAddr().String())
	e.sendTo(p, a, nil, "hello")
	e.receiveFrom(p, b, a, "hello")
	e.sendTo(p, b, a, "back")
	e.receiveFrom(p, a, b, "back")
	c := e.packets(p, "udp4")
	is(e, a.Connect(c.LocalAddr()), nil)
	e.sendTo(p, a, nil, "there")
	r := &ops.ReadFrom{From: c, Buf: own(10)}
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "datagram", string(r.Buf.Bytes()), "there")
}

func connectedHearsItsPeerOnly(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	b, stranger := e.packets(p, "udp4"), e.packets(p, "udp4")
	a, err := p.DialPacket("udp4", b.LocalAddr().String())
	is(e, err, nil)
	w := &ops.WriteTo{To: stranger, Buf: text("wrong"), Addr: at(a)}
	p.Await(e.ctx, w) // whether it hears that nobody wants it or not
	e.sendTo(p, b, a, "right")
	e.receiveFrom(p, a, b, "right")
}

// A datagram that nobody has received is the outcome of one later operation.
func refusalIsOneOutcome(e *env) {
	e.needsRefusals()
	p := e.port(nil)
	b := e.packets(p, "udp4")
	to := b.LocalAddr().String()
	a, err := p.DialPacket("udp4", to)
	is(e, err, nil)
	b.Close()
	for _, pooled := range []bool{false, true} {
		r := &ops.ReadFrom{From: a, Buf: own(10)}
		if pooled {
			r = &ops.ReadFrom{From: a, Pool: e.pool(p, 10, 1)}
		}
		e.submit(p, r)
		e.idle(p)
		w := &ops.WriteTo{To: a, Buf: text("anybody?")}
		e.start(p, w)
		is(e, p.Wait(e.ctx, w), nil)
		e.expect(p, r, syscall.ECONNREFUSED)
		equal(e, "count", r.N(), 0)
		equal(e, "sender", r.Addr, netip.AddrPort{})
		var op *net.OpError
		if !errors.As(r.Err(), &op) || op.Net != "udp" || op.Addr.String() != to || op.Source.String() != a.LocalAddr().String() {
			e.Errorf("the error is %+v", r.Err())
		}
	}
	b, err = p.ListenPacket("udp4", to)
	is(e, err, nil)
	e.sendTo(p, a, nil, "again")
	e.receiveFrom(p, b, a, "again")
	e.sendTo(p, b, a, "yes")
	e.receiveFrom(p, a, b, "yes")
}

// needsRefusals skips a case where no socket hears of ports that nobody has. Package net
// tells.
func (e *env) needsRefusals() {
	e.Helper()
	e.needsDatagrams()
	if !e.onSystem() {
		return
	}
	c, err := net.Dial("udp4", "127.0.0.1:9")
	if err != nil {
		e.Skipf("no datagrams of package net: %v", err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		return
	}
	c.SetReadDeadline(time.Now().Add(time.Second))
	if _, err = c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		e.Skip("the system does not tell that nobody has a port")
	}
}

func noReceiverIsAnError(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a := e.packets(p, "udp4")
	w := &ops.WriteTo{To: a, Buf: text("x")}
	is(e, p.Await(e.ctx, w), syscall.EDESTADDRREQ)
	equal(e, "count", w.N(), 0)
}

func awaitedDatagrams(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	done := make(chan error, 1)
	go func() { // sends back what it gets
		r := &ops.ReadFrom{From: b, Pool: p.NewPool(100, 1)}
		var err error
		for range 100 {
			if err = p.Await(e.ctx, r); err != nil {
				break
			}
			if err = p.Await(e.ctx, &ops.WriteTo{To: b, Buf: r.Buf, Addr: r.Addr}); err != nil {
				break
			}
			r.Release()
		}
		done <- err
	}()
	for range 100 {
		e.sendTo(p, a, b, "ping")
		e.receiveFrom(p, a, b, "ping")
	}
	is(e, <-done, nil)
}

func broadcastNeedsPermission(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	s, err := p.ListenPacket("udp4", ":0")
	is(e, err, nil)
	to := netip.AddrPortFrom(netip.MustParseAddr("255.255.255.255"), at(s).Port())
	is(e, p.Await(e.ctx, &ops.WriteTo{To: s, Buf: text("x"), Addr: to}), syscall.EACCES)
	is(e, s.SetBroadcast(true), nil)
	if err := p.Await(e.ctx, &ops.WriteTo{To: s, Buf: text("x"), Addr: to}); errors.Is(err, syscall.EACCES) {
		e.Fatalf("with permission: %v", err)
	}
	allowed, err := completion.PacketConfig{Broadcast: true}.Listen(p, "udp4", ":0")
	is(e, err, nil)
	if err := p.Await(e.ctx, &ops.WriteTo{To: allowed, Buf: text("x"), Addr: to}); errors.Is(err, syscall.EACCES) {
		e.Fatalf("with permission: %v", err)
	}
}
