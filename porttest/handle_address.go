package porttest

import (
	"errors"
	"fmt"
	"net"
	"runtime"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// addressCases ask sockets for their addresses.
var addressCases = []testCase{
	addressesOfBothEnds,
	addressesAfterReset,
	addressesAfterClose,
	addressesOfSocketNeverConnected,
	addressesWhileClosing,
}

func addressesOfBothEnds(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	accept := &ops.Accept{On: l}
	s, err := p.Socket("tcp4")
	is(e, err, nil)
	equal(e, "remote before the connect", s.RemoteAddr(), nil)
	connect := &ops.Connect{On: s, To: l.Addr()}
	e.submit(p, accept, connect)
	e.expectAll(p, nil, accept, connect)
	equal(e, "remote", s.RemoteAddr().String(), l.Addr().String())
	equal(e, "local of the accepted", accept.Conn.LocalAddr().String(), l.Addr().String())
	equal(e, "remote of the accepted", accept.Conn.RemoteAddr().String(), s.LocalAddr().String())
	equal(e, "network", s.LocalAddr().Network(), "tcp")
	if !e.unix {
		return
	}
	u := e.listen(p, "unix")
	accept = &ops.Accept{On: u}
	e.submit(p, accept)
	e.dial(u.Addr())
	e.expect(p, accept, nil)
	equal(e, "network", accept.Conn.LocalAddr().Network(), "unix")
	equal(e, "local", accept.Conn.LocalAddr().String(), u.Addr().String())
}

// mayForget tells whether the system may not know any more with whom a connection
// was that has been reset. The BSDs and macOS don't, nor does Wine.
func (e *env) mayForget() bool { return e.onSystem() && runtime.GOOS != "linux" }

// noAddr checks an address that nobody knows any more: not nil, of the right type,
// and without content.
func noAddr(e *env, addr net.Addr, network string) {
	e.Helper()
	switch a := addr.(type) {
	case *net.TCPAddr:
		equal(e, "address", a.String(), (&net.TCPAddr{}).String())
	case *net.UnixAddr:
		equal(e, "address", a.Name, "")
	default:
		e.Fatalf("the address is %T %v", addr, addr)
	}
	equal(e, "network", addr.Network(), network)
}

// addressesAfterReset: a program that says who has left must not die of it.
func addressesAfterReset(e *env) {
	p := e.port(nil)
	for _, network := range e.networks("tcp4", "unix") {
		l := e.listen(p, network)
		accept := &ops.Accept{On: l}
		e.submit(p, accept)
		other := e.dial(l.Addr())
		e.expect(p, accept, nil)
		s := accept.Conn
		local, remote := s.LocalAddr().String(), s.RemoteAddr().String()
		read := &ops.Read{From: s, Buf: own(8)}
		e.submit(p, read)
		e.idle(p)
		if network == "unix" {
			other.Close() // there is no reset
		} else {
			other.reset()
		}
		if got := e.next(p); got != completion.Operation(read) || read.Err() == nil {
			e.Fatalf("dequeued %T, %v", got, read.Err())
		}
		if s.RemoteAddr().String() != remote && e.mayForget() {
			noAddr(e, s.RemoteAddr(), l.Addr().Network())
			equal(e, "network of the local one", s.LocalAddr().Network(), l.Addr().Network())
			continue
		}
		what := fmt.Sprintf("%v of %v", s.RemoteAddr(), s.LocalAddr())
		equal(e, "the addresses", what, remote+" of "+local)
		if network == "unix" {
			continue
		}
		var op *net.OpError
		if !errors.As(read.Err(), &op) {
			e.Fatalf("a reset is %v", read.Err())
		}
		equal(e, "Source", op.Source.String(), local)
		equal(e, "Addr", op.Addr.String(), remote)
	}
}

func addressesAfterClose(e *env) {
	p := e.port(nil)
	for _, network := range e.networks("tcp4", "unix") {
		l := e.listen(p, network)
		accept := &ops.Accept{On: l}
		connect := &ops.Connect{On: e.socket(p, network), To: l.Addr()}
		e.submit(p, accept, connect)
		e.expectAll(p, nil, accept, connect)
		other, _ := e.pairOn(p, network) // adopted, where that is possible
		for _, s := range []*completion.Socket{accept.Conn, connect.On, other} {
			equal(e, "network", s.RemoteAddr().Network(), l.Addr().Network())
			is(e, s.Close(), nil)
			for range 2 {
				noAddr(e, s.LocalAddr(), l.Addr().Network())
				noAddr(e, s.RemoteAddr(), l.Addr().Network())
				is(e, s.Close(), net.ErrClosed)
			}
		}
		was := l.Addr().Network()
		is(e, l.Close(), nil)
		noAddr(e, l.Addr(), was)
	}
}

// addressesOfSocketNeverConnected: as in package net, there is nobody at the other end.
func addressesOfSocketNeverConnected(e *env) {
	p := e.port(nil)
	for _, network := range e.networks("tcp4", "unix") {
		s := e.socket(p, network)
		equal(e, "remote", s.RemoteAddr(), nil)
		is(e, s.Close(), nil)
		equal(e, "remote", s.RemoteAddr(), nil)
		equal(e, "local", s.LocalAddr(), nil)
	}
	refused := &ops.Connect{On: e.socket(p, "tcp4"), To: e.refusingAddress()}
	is(e, p.Await(e.ctx, refused), connectionRefused)
	equal(e, "remote", refused.On.RemoteAddr(), nil)
	zero := new(completion.Socket)
	equal(e, "remote", zero.RemoteAddr(), nil)
	equal(e, "local", zero.LocalAddr(), nil)
}

// addressesWhileClosing: however the two meet, there is an address.
func addressesWhileClosing(e *env) {
	p := e.port(nil)
	for range 50 {
		s, _ := e.pair(p)
		before := s.RemoteAddr().String()
		var seen [2]net.Addr
		allOf(
			func() { s.Close() },
			func() { seen[0] = s.RemoteAddr() },
			func() { seen[1] = s.RemoteAddr() },
		)
		for _, addr := range seen {
			if addr == nil || addr.String() != before && addr.String() != (&net.TCPAddr{}).String() {
				e.Fatalf("the address is %v, want %v or none", addr, before)
			}
		}
	}
}
