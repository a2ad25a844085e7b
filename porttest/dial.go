package porttest

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Which addresses of a host are tried when is tested on a Memory, in the module's root.
var dialCases = []testCase{
	dialConnects,
	dialOfName,
	dialRefused,
	dialFromLocalAddr,
	dialCancelled,
	dialTimesOut,
	dialOnClosedPort,
	dialFails,
	dialQueued,
	dialQueuedFails,
	dialQueuedCancelled,
	dialQueuedTimesOut,
	dialQueuedWhosePortIsClosed,
	dialQueuedAtShutdown,
	dialQueuedMany,
	dialQueuedCountsAsOne,
}

func dialConnects(e *env) {
	for _, network := range []string{"tcp4", "tcp6", "unix"} {
		if network == "tcp6" && !e.hasIPv6() || network == "unix" && !e.unix {
			continue
		}
		p := e.port(nil)
		l, err := e.network.Listen(network, e.address(network))
		is(e, err, nil)
		e.closers = append(e.closers, l.Close)
		dialed, address := network, l.Addr().String()
		if network != "unix" {
			dialed = "tcp"
		}
		s, err := completion.Dialer{KeepAlive: time.Minute}.Dial(e.ctx, p, dialed, address)
		is(e, err, nil)
		equal(e, "remote address", s.RemoteAddr().String(), address)
		c, err := l.Accept()
		is(e, err, nil)
		e.closers = append(e.closers, c.Close)
		_, err = c.Write([]byte("hello"))
		is(e, err, nil)
		got, err := streamRead(e, p, s, 5)
		is(e, err, nil)
		equal(e, "bytes", got, "hello")
		is(e, s.Close(), nil)
	}
}

// dialOfName: the addresses of a name are tried until one answers. "localhost" has one of
// IPv6 on some systems, which the listener has not.
func dialOfName(e *env) {
	p := e.port(nil)
	if !e.onSystem() {
		e.Skip("a Memory has the names that a test gives: TestDial in the root has some")
	}
	l, err := e.network.Listen("tcp4", "127.0.0.1:0")
	is(e, err, nil)
	e.closers = append(e.closers, l.Close)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for range 3 {
		s, err := p.Dial(e.ctx, "tcp", net.JoinHostPort("localhost", port))
		is(e, err, nil)
		equal(e, "remote address", s.RemoteAddr().String(), l.Addr().String())
		is(e, s.Close(), nil)
	}
	equal(e, "in flight", p.Stats().InFlight, 0)
	equal(e, "handles", p.Stats().Handles, 0)
}

func dialRefused(e *env) {
	p := e.port(nil)
	address := e.refusingAddress().String()
	s, err := p.Dial(e.ctx, "tcp", address)
	is(e, err, syscall.ECONNREFUSED)
	equal(e, "no socket", s == nil, true)
	dialError(e, err, address)
	equal(e, "handles", p.Stats().Handles, 0)
}

// dialError checks the form of the error.
func dialError(e *env, err error, parts ...string) {
	e.Helper()
	failure, ok := err.(*net.OpError)
	if !ok || failure.Op != "dial" {
		e.Fatalf("the error is %#v, want a *net.OpError of a dial", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			e.Fatalf("the error is %v, want %s in it", err, part)
		}
	}
}

func dialFromLocalAddr(e *env) {
	p := e.port(nil)
	l, err := e.network.Listen("tcp4", "127.0.0.1:0")
	is(e, err, nil)
	e.closers = append(e.closers, l.Close)
	first, err := p.Dial(e.ctx, "tcp", l.Addr().String())
	is(e, err, nil)
	taken := first.LocalAddr().(*net.TCPAddr)
	_, err = completion.Dialer{LocalAddr: taken}.Dial(e.ctx, p, "tcp", l.Addr().String())
	dialError(e, err)
	equal(e, "in use", errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EADDRNOTAVAIL), true)
	free := &net.TCPAddr{IP: taken.IP} // the port is the system's choice
	second, err := completion.Dialer{LocalAddr: free}.Dial(e.ctx, p, "tcp", l.Addr().String())
	is(e, err, nil)
	equal(e, "local address", second.LocalAddr().(*net.TCPAddr).IP.Equal(taken.IP), true)
	is(e, first.Close(), nil)
	is(e, second.Close(), nil)
}

func dialCancelled(e *env) {
	p := e.port(nil)
	to := e.silentAddress()
	ctx, cancel := context.WithCancel(e.ctx)
	go func() {
		until(func() bool { return p.Stats().InFlight == 1 })
		cancel()
	}()
	_, err := p.Dial(ctx, to.Network(), to.String())
	is(e, err, context.Canceled)
	is(e, err, completion.ErrCanceled)
	dialError(e, err, to.String())
	equal(e, "handles", p.Stats().Handles, 0)
}

func dialTimesOut(e *env) {
	p := e.port(nil)
	to := e.silentAddress()
	for _, d := range []completion.Dialer{{Timeout: time.Millisecond}, {AttemptTimeout: time.Millisecond}} {
		_, err := d.Dial(e.ctx, p, to.Network(), to.String())
		is(e, err, os.ErrDeadlineExceeded)
		if d.Timeout != 0 {
			dialError(e, err) // without the address, if the time was over before the first connect
		} else {
			dialError(e, err, to.String())
		}
		equal(e, "timeout", err.(net.Error).Timeout(), true)
	}
	equal(e, "handles", p.Stats().Handles, 0)
}

func dialOnClosedPort(e *env) {
	p := e.port(nil)
	is(e, p.Close(), nil)
	_, err := p.Dial(e.ctx, "tcp", "127.0.0.1:1")
	is(e, err, net.ErrClosed)
	dialError(e, err)
}

func dialFails(e *env) {
	p := e.port(nil)
	for _, bad := range [][2]string{{"udp", "127.0.0.1:1"}, {"tcp", "127.0.0.1"}, {"tcp4", "[::1]:1"}, {"tcp", "127.0.0.1:70000"}} {
		_, err := p.Dial(e.ctx, bad[0], bad[1])
		dialError(e, err)
	}
	_, err := completion.Dialer{LocalAddr: &net.UnixAddr{Name: "x"}}.Dial(e.ctx, p, "tcp", "127.0.0.1:1")
	dialError(e, err)
	equal(e, "handles", p.Stats().Handles, 0)
}

// dialed checks that d has ended with a connection, and returns that.
func dialed(e *env, p *completion.Port, d *ops.Dial) *completion.Socket {
	e.Helper()
	e.expect(p, d, nil)
	if d.Conn == nil || d.N() != 0 {
		e.Fatalf("the connection is %v, N is %d", d.Conn, d.N())
	}
	return d.Conn
}

func dialQueued(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	d := &ops.Dial{Network: "tcp", Address: l.Addr().String()}
	for range 2 { // it may be used again
		e.submit(p, d)
		s := dialed(e, p, d)
		equal(e, "remote address", s.RemoteAddr().String(), d.Address)
		accept := &ops.Accept{On: l}
		is(e, p.Await(e.ctx, accept), nil)
		is(e, p.Await(e.ctx, &ops.Write{To: accept.Conn, Buf: text("hello")}), nil)
		got, err := streamRead(e, p, s, 5)
		is(e, err, nil)
		equal(e, "bytes", got, "hello")
		is(e, s.Close(), nil)
		is(e, accept.Conn.Close(), nil)
	}
	is(e, p.Await(e.ctx, d), nil)
	is(e, d.Conn.Close(), nil)
}

func dialQueuedFails(e *env) {
	p := e.port(nil)
	address := e.refusingAddress().String()
	d := &ops.Dial{Network: "tcp", Address: address}
	e.submit(p, d)
	e.expect(p, d, syscall.ECONNREFUSED)
	dialError(e, d.Err(), address)
	equal(e, "no connection", d.Conn == nil, true)
	d.Network = "udp"
	e.submit(p, d)
	e.next(p)
	dialError(e, d.Err())
	equal(e, "handles", p.Stats().Handles, 0)
}

func dialQueuedCancelled(e *env) {
	p := e.port(nil)
	to := e.silentAddress()
	d := &ops.Dial{Network: to.Network(), Address: to.String()}
	for i := range often(50) {
		e.submit(p, d)
		if i%2 == 0 { // else it has hardly begun
			until(func() bool { return p.Stats().InFlight == 2 }) // its connect
		}
		equal(e, "cancelled", p.Cancel(d), true)
		equal(e, "cancelled again", p.Cancel(d), false)
		e.expect(p, d, completion.ErrCanceled)
	}
	until(func() bool { return p.Stats().Handles == 0 })
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	is(e, p.Await(ctx, d), context.Canceled)
}

func dialQueuedTimesOut(e *env) {
	p := e.port(nil)
	to := e.silentAddress()
	d := &ops.Dial{Network: to.Network(), Address: to.String(), Op: completion.Op{Timeout: time.Millisecond}}
	e.submit(p, d)
	e.expect(p, d, os.ErrDeadlineExceeded)
	d.Timeout, d.Dialer.Timeout = 0, time.Millisecond
	e.submit(p, d)
	e.expect(p, d, os.ErrDeadlineExceeded)
	dialError(e, d.Err()) // without the address, if the time was over before the first connect
	d.Dialer.Timeout, d.Deadline = 0, completion.After(-time.Second)
	e.submit(p, d)
	e.expect(p, d, os.ErrDeadlineExceeded)
}

func dialQueuedWhosePortIsClosed(e *env) {
	to := e.silentAddress()
	for i := range 10 {
		p := e.port(nil)
		d := &ops.Dial{Network: to.Network(), Address: to.String()}
		e.submit(p, d)
		if i%2 == 0 {
			until(func() bool { return p.Stats().InFlight == 2 })
		}
		is(e, p.Close(), nil)
		is(e, e.next(p).Err(), net.ErrClosed)
		is(e, p.Submit(d), net.ErrClosed)
		is(e, d.Err(), net.ErrClosed)
	}
}

func dialQueuedAtShutdown(e *env) {
	to := e.silentAddress()
	for i := range 10 {
		p := e.port(nil)
		e.submit(p, &ops.Dial{Network: to.Network(), Address: to.String()})
		if i%2 == 0 {
			until(func() bool { return p.Stats().InFlight == 2 })
		}
		is(e, p.Shutdown(e.ctx), nil)
		is(e, e.next(p).Err(), net.ErrClosed)
	}
}

// dialQueuedMany: as many at once as there are, each of which ends once.
func dialQueuedMany(e *env) {
	const n = 50
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	dials := make([]ops.Dial, n)
	for i := range dials {
		dials[i].Network, dials[i].Address = "tcp", l.Addr().String()
		e.submit(p, &dials[i])
	}
	for i := range dials {
		if i%5 == 0 {
			p.Cancel(&dials[i])
		}
	}
	for range dials {
		d := e.next(p).(*ops.Dial)
		if d.Err() != nil {
			is(e, d.Err(), completion.ErrCanceled)
			continue
		}
		is(e, d.Conn.Close(), nil)
	}
}

// dialQueuedCountsAsOne: Config.MaxInFlight does not count the connects of a Dial, but the
// Dial.
func dialQueuedCountsAsOne(e *env) {
	p := e.port(&completion.Config{MaxInFlight: 2})
	l := e.listen(p, "tcp4")
	to := e.silentAddress()
	silent := &ops.Dial{Network: to.Network(), Address: to.String()}
	e.submit(p, silent)
	until(func() bool { return p.Stats().InFlight == 2 }) // its connect
	d := &ops.Dial{Network: "tcp", Address: l.Addr().String()}
	e.submit(p, d)
	is(e, dialed(e, p, d).Close(), nil)
	timer := &ops.Timer{After: time.Hour}
	e.submit(p, timer, d)
	e.expect(p, d, completion.ErrLimit)
	p.Cancel(timer)
	e.expect(p, timer, completion.ErrCanceled)
	p.Cancel(silent)
	e.expect(p, silent, completion.ErrCanceled)
}
