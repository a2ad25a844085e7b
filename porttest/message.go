package porttest

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var messageCases = []testCase{
	controlNamesTheDestination,
	controlNamesTheDestination6,
	controlOverBothFamilies,
	controlChoosesTheSource,
	controlCarriesTTLAndECN,
	controlCarriesTTLAndECN6,
	controlHasTheTime,
	controlIsEmptyWithoutReports,
	controlOfALargerDatagram,
	controlWhileItWaits,
	controlInBatches,
	controlAfterACancel,
	controlThatIsUnsupported,
}

// reports makes a socket report r, or skips a case where it can't.
func (e *env) reports(s *completion.PacketSocket, r completion.Reports) {
	e.Helper()
	err := s.SetReports(r)
	if errors.Is(err, errors.ErrUnsupported) {
		e.Skipf("not reported here: %v", err)
	}
	is(e, err, nil)
}

// accompanied sends a datagram with c from a to b, and returns how it is received.
func accompanied(e *env, p *completion.Port, a, b *completion.PacketSocket, c completion.Control) *ops.RecvMsg {
	e.Helper()
	w := &ops.SendMsg{To: a, Buf: text("hello"), Addr: at(b), Control: c}
	err := p.Await(e.ctx, w)
	if errors.Is(err, errors.ErrUnsupported) {
		e.Skipf("not sent here: %v", err)
	}
	is(e, err, nil)
	equal(e, "sent", w.N(), 5)
	r := &ops.RecvMsg{From: b, Buf: own(10)}
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "datagram", string(r.Buf.Bytes()), "hello")
	equal(e, "received", r.N(), 5)
	return r
}

func controlNamesTheDestination(e *env) { destination(e, "udp4", "127.0.0.1:0") }

func controlNamesTheDestination6(e *env) {
	e.address("tcp6") // skips without IPv6
	destination(e, "udp6", "[::1]:0")
}

// destination: a socket on any address learns which one a datagram was sent to.
func destination(e *env, network, address string) {
	e.needsDatagrams()
	p := e.port(nil)
	a := e.packets(p, network)
	b, err := p.ListenPacket(network, ":0")
	is(e, err, nil)
	e.reports(b, completion.ReportLocal)
	local, _, _ := net.SplitHostPort(address)
	to := netip.AddrPortFrom(netip.MustParseAddr(local), at(b).Port())
	for range 2 {
		is(e, p.Await(e.ctx, &ops.SendMsg{To: a, Buf: text("hello"), Addr: to}), nil)
		r := &ops.RecvMsg{From: b, Buf: own(10)}
		is(e, p.Await(e.ctx, r), nil)
		equal(e, "destination", r.Control.Local, to.Addr())
		equal(e, "sender", r.Addr, at(a))
		if r.Control.Interface == 0 {
			e.Error("no interface")
		}
		// The answer comes from the address that was asked.
		is(e, p.Await(e.ctx, &ops.WriteTo{To: b, Buf: text("back"), Addr: r.Addr}), nil)
		back := &ops.ReadFrom{From: a, Buf: own(10)}
		is(e, p.Await(e.ctx, back), nil)
		equal(e, "sender of the answer", back.Addr.Addr(), to.Addr())
	}
}

// controlOverBothFamilies: an IPv4 address has its own form on a socket of both families.
func controlOverBothFamilies(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	six := e.packets(p, "udp6")
	both, err := p.ListenPacket("udp", ":0")
	is(e, err, nil)
	port := at(both).Port()
	if both.LocalAddr().(*net.UDPAddr).IP.To4() != nil {
		e.Skip("one socket does not support both families here")
	}
	e.reports(both, completion.ReportLocal|completion.ReportTTL)
	for _, c := range []struct {
		from *completion.PacketSocket
		to   string
	}{{e.packets(p, "udp4"), "127.0.0.1"}, {six, "::1"}} {
		to := netip.MustParseAddr(c.to)
		is(e, p.Await(e.ctx, &ops.WriteTo{To: c.from, Buf: text("x"), Addr: netip.AddrPortFrom(to, port)}), nil)
		r := &ops.RecvMsg{From: both, Buf: own(10)}
		is(e, p.Await(e.ctx, r), nil)
		// XNU leaves these out for IPv4 (ip6_savecontrol_v4): newer versions, the TTL only.
		leavesOut := e.onSystem() && runtime.GOOS == "darwin" && to.Is4()
		if !leavesOut || r.Control.Local.IsValid() {
			equal(e, "destination", r.Control.Local, to)
		}
		if r.Control.TTL == 0 && !leavesOut {
			e.Error("no TTL")
		}
		w := &ops.SendMsg{To: both, Buf: text("y"), Addr: r.Addr, Control: completion.Control{Local: to}}
		is(e, p.Await(e.ctx, w), nil)
		back := &ops.ReadFrom{From: c.from, Buf: own(10)}
		is(e, p.Await(e.ctx, back), nil)
		equal(e, "sender of the answer", back.Addr, netip.AddrPortFrom(to, port))
	}
}

// controlChoosesTheSource: all of 127.0.0.0/8 are addresses of this machine on Linux.
func controlChoosesTheSource(e *env) {
	e.needsControl()
	source := netip.MustParseAddr("127.0.0.3")
	if e.onSystem() {
		c, err := net.ListenPacket("udp4", "127.0.0.3:0")
		if err != nil {
			e.Skipf("one loopback address: %v", err)
		}
		c.Close()
	}
	p := e.port(nil)
	a, err := p.ListenPacket("udp4", ":0")
	is(e, err, nil)
	b := e.packets(p, "udp4")
	r := accompanied(e, p, a, b, completion.Control{Local: source})
	equal(e, "sender", r.Addr, netip.AddrPortFrom(source, at(a).Port()))
	// Also in the form of IPv6, and together with the interface that b names.
	e.reports(b, completion.ReportLocal)
	r = accompanied(e, p, a, b, completion.Control{Local: netip.AddrFrom16(source.As16())})
	equal(e, "sender", r.Addr.Addr(), source)
	r = accompanied(e, p, a, b, completion.Control{Local: source, Interface: r.Control.Interface})
	equal(e, "sender", r.Addr.Addr(), source)
	w := &ops.SendMsg{To: a, Buf: text("x"), Addr: at(b), Control: completion.Control{Local: netip.MustParseAddr("192.0.2.1")}}
	if err := p.Await(e.ctx, w); e.onSystem() && err == nil {
		e.Error("sent from an address that this machine does not have")
	}
}

func controlCarriesTTLAndECN(e *env) { carries(e, "udp4") }

func controlCarriesTTLAndECN6(e *env) { carries(e, "udp6") }

// needsControl skips a case where control messages that are sent get lost.
func (e *env) needsControl() {
	e.Helper()
	e.needsDatagrams()
	if e.onSystem() && dropsControl() {
		e.Skip("Wine sends no control messages")
	}
}

func carries(e *env, network string) {
	e.needsControl()
	p := e.port(nil)
	a, b := e.packets(p, network), e.packets(p, network)
	e.reports(b, completion.ReportTTL|completion.ReportECN)
	for i, ecn := range []completion.ECN{completion.CE, completion.ECT0, completion.ECT1, completion.NotECT} {
		r := accompanied(e, p, a, b, completion.Control{TTL: 7 + i, ECN: ecn})
		equal(e, "TTL", r.Control.TTL, 7+i)
		equal(e, "ECN", r.Control.ECN, ecn)
		equal(e, "destination", r.Control.Local, netip.Addr{})
	}
	r := accompanied(e, p, a, b, completion.Control{})
	equal(e, "ECN", r.Control.ECN, completion.NotECT)
	if r.Control.TTL <= 10 {
		e.Errorf("the usual TTL is %d", r.Control.TTL)
	}
}

func controlHasTheTime(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	e.reports(b, completion.ReportTime)
	before := time.Now()
	r := accompanied(e, p, a, b, completion.Control{})
	// The clock may be set meanwhile, but hardly by an hour.
	if d := r.Control.Time.Sub(before); r.Control.Time.IsZero() || d.Abs() > time.Hour {
		e.Errorf("%v after it was sent", d)
	}
}

func controlIsEmptyWithoutReports(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	r := accompanied(e, p, a, b, completion.Control{})
	equal(e, "control", r.Control, completion.Control{})
	e.reports(b, completion.ReportTTL)
	r = accompanied(e, p, a, b, completion.Control{})
	equal(e, "destination", r.Control.Local, netip.Addr{})
	if r.Control.TTL == 0 {
		e.Error("no TTL")
	}
	e.reports(b, 0)
	r = accompanied(e, p, a, b, completion.Control{})
	equal(e, "control", r.Control, completion.Control{})
	other, err := completion.PacketConfig{Reports: completion.ReportTTL}.Listen(p, "udp4", "127.0.0.1:0")
	is(e, err, nil)
	r = accompanied(e, p, a, other, completion.Control{})
	if r.Control.TTL == 0 {
		e.Error("no TTL")
	}
}

func controlOfALargerDatagram(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	e.reports(b, completion.ReportLocal)
	e.sendTo(p, a, b, "abcdef")
	r := &ops.RecvMsg{From: b, Buf: own(3)}
	is(e, p.Await(e.ctx, r), io.ErrShortBuffer)
	equal(e, "datagram", string(r.Buf.Bytes()), "abc")
	equal(e, "destination", r.Control.Local, at(b).Addr())
	equal(e, "sender", r.Addr, at(a))
}

// controlWhileItWaits: the operation is in flight before the datagram is there, with a buffer
// and pooled.
func controlWhileItWaits(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	e.reports(b, completion.ReportLocal)
	pool := e.pool(p, 10, 1)
	for _, r := range []*ops.RecvMsg{{From: b, Buf: own(10)}, {From: b, Pool: pool}} {
		e.submit(p, r)
		e.idle(p)
		equal(e, "lent", pool.Lent(), 0)
		e.sendTo2(p, a, b, "x")
		e.expect(p, r, nil)
		equal(e, "datagram", string(r.Buf.Bytes()), "x")
		equal(e, "destination", r.Control.Local, at(b).Addr())
		equal(e, "sender", r.Addr, at(a))
		r.Release()
	}
}

func controlInBatches(e *env) {
	e.needsControl()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	e.reports(b, completion.ReportLocal|completion.ReportTTL)
	const n = 40 // more than one call moves
	w, r := &ops.WriteBatch{To: a}, &ops.ReadBatch{From: b, Messages: room(n, 10)}
	for i := range n {
		w.Messages = append(w.Messages, ops.Message{Buf: text("x"), Addr: at(b)})
		if i%3 != 0 {
			w.Messages[i].Control = &completion.Control{TTL: 10 + i}
			r.Messages[i].Control = new(completion.Control)
		}
	}
	err := p.Await(e.ctx, w)
	if errors.Is(err, errors.ErrUnsupported) {
		e.Skipf("not sent here: %v", err)
	}
	is(e, err, nil)
	equal(e, "sent", w.Count, n)
	for got := 0; got < n; got += r.Count {
		r.Messages = r.Messages[:n-got]
		is(e, p.Await(e.ctx, r), nil)
		checkControls(e, r, got, at(b).Addr())
	}
}

// checkControls checks what accompanies the datagrams of a batch, the first of which is the
// one with this number.
func checkControls(e *env, r *ops.ReadBatch, first int, local netip.Addr) {
	e.Helper()
	for i, m := range r.Messages {
		switch {
		case m.Control == nil:
		case i >= r.Count:
			equal(e, "behind the last", *m.Control, completion.Control{})
		default:
			equal(e, "destination", m.Control.Local, local)
			if n := first + i; n%3 != 0 {
				equal(e, "TTL", m.Control.TTL, 10+n)
			}
		}
	}
}

func controlAfterACancel(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	e.reports(b, completion.ReportLocal)
	r := &ops.RecvMsg{From: b, Buf: own(10)}
	e.submit(p, r)
	e.sendTo2(p, a, b, "x")
	e.expect(p, r, nil)
	e.submit(p, r)
	p.Cancel(r)
	e.expect(p, r, completion.ErrCanceled)
	equal(e, "control", r.Control, completion.Control{})
	equal(e, "sender", r.Addr, netip.AddrPort{})
	e.sendTo2(p, a, b, "y")
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "datagram", string(r.Buf.Bytes()), "y")
	is(e, b.Close(), nil)
	is(e, p.Await(e.ctx, r), net.ErrClosed)
	equal(e, "control", r.Control, completion.Control{})
}

// controlThatIsUnsupported: nothing is dropped without notice.
func controlThatIsUnsupported(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a := e.packets(p, "unixgram")
	is(e, a.SetReports(completion.ReportTTL), errors.ErrUnsupported)
	w := &ops.SendMsg{To: a, Buf: text("x"), Path: a.LocalAddr().String(), Control: completion.Control{TTL: 1}}
	is(e, p.Await(e.ctx, w), errors.ErrUnsupported)
	equal(e, "count", w.N(), 0)
	var op *net.OpError
	if !errors.As(w.Err(), &op) || op.Op != "send" {
		e.Errorf("the error is %v", w.Err())
	}
}
