package porttest

import (
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var datagramEndCases = []testCase{
	pooledReadFromHoldsNoBuffer,
	pooledReadFromWaitsForItsPool,
	cancelledReadFromLosesNothing,
	readFromDeadline,
	datagramBeforeTheDeadlineCounts,
	closedPacketSocket,
	closedPortRefusesDatagrams,
	shutdownEndsReadFroms,
	packetMistakes,
}

func pooledReadFromHoldsNoBuffer(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	pool := e.pool(p, 10, 1)
	r := &ops.ReadFrom{From: b, Pool: pool}
	e.submit(p, r)
	e.idle(p)
	equal(e, "lent while it waits", pool.Lent(), 0)
	e.sendTo2(p, a, b, "hello")
	e.expect(p, r, nil)
	equal(e, "datagram", string(r.Buf.Bytes()), "hello")
	equal(e, "sender", r.Addr, at(a))
	equal(e, "lent", pool.Lent(), 1)
	r.Release()
	equal(e, "lent", pool.Lent(), 0)
}

func pooledReadFromWaitsForItsPool(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	pool := e.pool(p, 10, 1)
	taken := pool.Take()
	r := &ops.ReadFrom{From: b, Pool: pool}
	e.submit(p, r)
	e.sendTo2(p, a, b, "hello")
	e.idle(p)
	taken.Release()
	e.expect(p, r, nil)
	equal(e, "datagram", string(r.Buf.Bytes()), "hello")
	r.Release()
}

func cancelledReadFromLosesNothing(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	for _, pool := range []*completion.Pool{nil, e.pool(p, 10, 1)} {
		r := &ops.ReadFrom{From: b, Pool: pool}
		if pool == nil {
			r.Buf = own(10)
		}
		e.submit(p, r)
		e.idle(p)
		if !p.Cancel(r) {
			e.Fatal("not in flight")
		}
		e.expect(p, r, completion.ErrCanceled)
		equal(e, "count", r.N(), 0)
		equal(e, "sender", r.Addr, netip.AddrPort{})
		e.sendTo(p, a, b, "kept")
		e.receiveFrom(p, b, a, "kept")
	}
}

func readFromDeadline(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	r := &ops.ReadFrom{From: b, Buf: own(10), Op: completion.Op{Timeout: time.Millisecond}}
	e.submit(p, r)
	e.expect(p, r, os.ErrDeadlineExceeded)
	e.sendTo(p, a, b, "next")
	e.receiveFrom(p, b, a, "next")
}

// As for a Read: what has arrived before the deadline counts, however late the port looks.
func datagramBeforeTheDeadlineCounts(e *env) {
	e.needsDatagrams()
	e.needsRealTime("nobody polls while the time passes")
	p, q := e.port(nil), e.port(nil)
	a, b := e.packets(q, "udp4"), e.packets(p, "udp4")
	r := &ops.ReadFrom{From: b, Buf: own(10)}
	e.submit(p, r)
	e.idle(p)
	if !p.SetDeadline(r, completion.After(20*time.Millisecond)) {
		e.Fatal("not in flight")
	}
	e.sendTo(q, a, b, "early")
	for limit := completion.After(30 * time.Millisecond); completion.Now() < limit; {
		time.Sleep(time.Millisecond)
	}
	e.expect(p, r, nil)
	equal(e, "datagram", string(r.Buf.Bytes()), "early")
}

func closedPacketSocket(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	s := e.packets(p, "udp4")
	reads := []completion.Operation{
		&ops.ReadFrom{From: s, Buf: own(10)}, &ops.ReadFrom{From: s, Pool: e.pool(p, 10, 1)}, &ops.ReadFrom{From: s, Buf: own(10)},
	}
	e.submit(p, reads...)
	e.idle(p)
	is(e, s.Close(), nil)
	e.expectAll(p, net.ErrClosed, reads...)
	is(e, s.Close(), net.ErrClosed)
	w := &ops.WriteTo{To: s, Buf: text("x"), Addr: netip.MustParseAddrPort("127.0.0.1:9")}
	is(e, p.Await(e.ctx, w), net.ErrClosed)
	is(e, s.SetBroadcast(true), net.ErrClosed)
	equal(e, "address", s.LocalAddr().String(), (&net.UDPAddr{}).String())
}

func closedPortRefusesDatagrams(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	pool := e.pool(p, 10, 1)
	r, pooled := &ops.ReadFrom{From: b, Buf: own(10)}, &ops.ReadFrom{From: b, Pool: pool}
	for _, r := range []*ops.ReadFrom{r, pooled} {
		e.submit(p, r)
		e.sendTo2(p, a, b, "x")
		e.expect(p, r, nil)
	}
	pooled.Release()
	w := &ops.WriteTo{To: a, Buf: text("x"), Addr: at(b)}
	p.Close()
	is(e, p.Submit(r, pooled, w), net.ErrClosed)
	for _, r := range []*ops.ReadFrom{r, pooled} {
		is(e, r.Err(), net.ErrClosed)
		equal(e, "count", r.N(), 0)
		equal(e, "sender", r.Addr, netip.AddrPort{})
	}
	equal(e, "length", r.Buf.Len(), 0)
	if pooled.Buf != nil {
		e.Error("a refused ReadFrom has a buffer")
	}
	is(e, w.Err(), net.ErrClosed)
	equal(e, "what was to be sent", string(w.Buf.Bytes()), "x")
}

func shutdownEndsReadFroms(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	s := e.packets(p, "udp4")
	r := &ops.ReadFrom{From: s, Buf: own(10)}
	e.submit(p, r)
	e.idle(p)
	is(e, p.Shutdown(e.ctx), nil)
	e.expect(p, r, net.ErrClosed)
}

func packetMistakes(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	s := e.packets(p, "udp4")
	pool := e.pool(p, 10, 1)
	shared := text("x")
	shared.Share()
	for _, c := range []struct {
		op   completion.Operation
		says string
	}{
		{&ops.ReadFrom{Buf: own(1)}, "without a handle"},
		{&ops.ReadFrom{From: s}, "neither a buffer nor a pool"},
		{&ops.ReadFrom{From: s, Buf: own(1), Pool: pool}, "both a buffer and a pool"},
		{&ops.ReadFrom{From: s, Buf: own(0)}, "without memory"},
		{&ops.ReadFrom{From: s, Buf: shared}, "shared"},
		{&ops.ReadFrom{From: s, Pool: e.pool(e.port(nil), 10, 1)}, "another port"},
		{&ops.WriteTo{To: s}, "without a buffer"},
		{&ops.WriteTo{Buf: own(1)}, "without a handle"},
	} {
		good := &ops.ReadFrom{From: s, Buf: own(1)}
		submitSentence(e, panics(e, func() { p.Submit(good, c.op) }), c.says)
		good.Buf.Resize(0) // it was given back
	}
	equal(e, "submitted", p.Stats().Submitted, 0)
	shared.Release()
	r := &ops.ReadFrom{From: s, Buf: own(1)}
	e.submit(p, r)
	bufferRefuses(e, r.Buf, "port")
	submitSentence(e, panics(e, func() { r.N() }), "belongs to the port")
	submitSentence(e, panics(e, func() { p.Submit(r) }), "belongs to the port")
	p.Cancel(r)
	e.expect(p, r, completion.ErrCanceled)
}
