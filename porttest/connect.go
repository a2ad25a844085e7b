package porttest

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var connectCases = []testCase{
	connectTCP4,
	connectTCP6,
	connectUnix,
	connectDualToIPv4,
	connectDualToIPv6,
	connectToNoAddressInParticular,
	connectRefused,
	connectUnixRefused,
	connectUnixNoSuchFile,
	connectedSocketHasAddresses,
	batchBehindConnectGoesOn,
	batchBehindConnectSharesFailure,
	batchBehindConnectSharesCancel,
	batchBehindConnectSharesDeadline,
	ownDeadlineBehindConnect,
	ownCancelBehindConnect,
	emptyWriteWaitsForConnect,
	cancelPendingConnect,
	deadlineOfPendingConnect,
	batchBehindConnectSharesClose,
	batchBehindConnectSharesPortClose,
	failedSocketCanOnlyBeClosed,
	connectOnConnectedSocket,
	connectOnAdoptedSocket,
	connectOnAcceptedSocket,
	secondConnectRightBehindFirst,
	secondConnectSharesFirstsFailure,
	cancelSecondConnectSparesFirst,
	connectToNil,
	connectToNilTCPAddr,
	connectToNilUnixAddr,
	connectToNilUnixAddrOnUnix,
	connectToUnknownType,
	connectToOtherFamily,
	connectToUnixOnTCP,
	connectToTCPOnUnix,
	connectByAwait,
	connectRacesClose,
	peerSendsAndClosesAtOnce,
	manyConnects,
}

func connectTCP4(e *env) { connectEcho(e, "tcp4", "tcp4") }

func connectTCP6(e *env) { connectEcho(e, "tcp6", "tcp6") }

func connectUnix(e *env) { connectEcho(e, "unix", "unix") }

func connectDualToIPv4(e *env) { connectEcho(e, "tcp", "tcp4") }

// serve is a server of package net. Its goroutines end with the connections.
func (e *env) serve(network string, handle func(net.Conn)) net.Addr {
	e.Helper()
	l, err := e.network.Listen(network, e.address(network))
	if err != nil {
		e.Fatalf("listen %s: %v", network, err)
	}
	e.closers = append(e.closers, l.Close)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return l.Addr()
}

// abandonedAddress is one where nobody listens any more.
func (e *env) abandonedAddress() *net.TCPAddr {
	e.Helper()
	l, err := e.network.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		e.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr)
}

// echo is no io.Copy: that would keep pipes for its splices.
func echo(c net.Conn) {
	b := make([]byte, 4096)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		c.Write(b[:n])
	}
}

// echoes checks that a connected socket works.
func (e *env) echoes(p *completion.Port, s *completion.Socket, message string) {
	e.Helper()
	w := &ops.Write{To: s, Buf: text(message)}
	r := &ops.Read{From: s, Buf: own(len(message)), Full: true}
	e.submit(p, w)
	e.expect(p, w, nil)
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "echo", string(r.Buf.Bytes()), message)
}

func connectEcho(e *env, network, to string) {
	p := e.port(nil)
	addr := e.serve(to, echo)
	c := &ops.Connect{On: e.socket(p, network), To: addr}
	e.submit(p, c)
	e.expect(p, c, nil)
	equal(e, "N", c.N(), 0)
	equal(e, "remote", c.On.RemoteAddr().String(), addr.String())
	e.echoes(p, c.On, "over "+network)
}

func connectRefused(e *env) {
	p := e.port(nil)
	to := e.refusingAddress()
	c := &ops.Connect{On: e.socket(p, "tcp4"), To: to}
	e.submit(p, c)
	e.expect(p, c, errnoRefused)
	var oe *net.OpError
	if !errors.As(c.Err(), &oe) {
		e.Fatalf("%T is no OpError", c.Err())
	}
	equal(e, "Op", oe.Op, "connect")
	var se *os.SyscallError
	if !errors.As(c.Err(), &se) {
		e.Fatal("no SyscallError inside")
	}
	equal(e, "N", c.N(), 0)
}

func connectDualToIPv6(e *env) {
	if runtime.GOOS == "openbsd" || runtime.GOOS == "dragonfly" {
		e.needsOwnNetwork("a socket speaks IPv4 or IPv6, not both")
	}
	connectEcho(e, "tcp", "tcp6")
}

func connectedSocketHasAddresses(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	s := e.socket(p, "tcp4")
	if s.RemoteAddr() != nil {
		e.Fatalf("remote address %v before the connect", s.RemoteAddr())
	}
	c, a := &ops.Connect{On: s, To: l.Addr()}, &ops.Accept{On: l}
	e.submit(p, c, a)
	e.expectAll(p, nil, c, a)
	equal(e, "remote", s.RemoteAddr().String(), l.Addr().String())
	equal(e, "local", s.LocalAddr().String(), a.Conn.RemoteAddr().String())
}

func batchBehindConnectGoesOn(e *env) {
	p := e.port(nil)
	s := e.socket(p, "tcp4")
	c := &ops.Connect{On: s, To: e.serve("tcp4", echo)}
	r1 := &ops.Read{From: s, Buf: own(5), Full: true}
	r2 := &ops.Read{From: s, Buf: own(6), Full: true}
	w1 := &ops.Write{To: s, Buf: text("first")}
	w2 := &ops.Write{To: s, Buf: text("second")}
	fin := &ops.CloseWrite{On: s}
	end := &ops.Read{From: s, Buf: own(1)}
	e.submit(p, c, r1, r2, w1, w2, fin, end)
	e.expect(p, c, nil)
	place := make(map[completion.Operation]int)
	for i := range 6 {
		place[e.next(p)] = i
	}
	for _, op := range []completion.Operation{r1, r2, w1, w2, fin} {
		e.outcome(op, nil)
	}
	e.outcome(end, io.EOF)
	equal(e, "dequeued", len(place), 6)
	if place[w1] > place[w2] || place[w2] > place[fin] || place[r1] > place[r2] || place[r2] > place[end] {
		e.Fatalf("out of order: %v", place)
	}
	equal(e, "echo", string(r1.Buf.Bytes())+string(r2.Buf.Bytes()), "firstsecond")
}

// behind makes one of each operation that can wait for a connect.
func behind(s *completion.Socket, pool *completion.Pool) []completion.Operation {
	return []completion.Operation{
		&ops.Read{From: s, Buf: own(1)},
		&ops.Read{From: s, Pool: pool},
		&ops.Read{From: s, Buf: own(9), Full: true},
		&ops.Write{To: s, Buf: text("never sent")},
		&ops.CloseWrite{On: s},
	}
}

func batchBehindConnectSharesFailure(e *env) {
	p := e.port(nil)
	s := e.socket(p, "tcp4")
	c := &ops.Connect{On: s, To: e.refusingAddress()}
	waiting := behind(s, e.pool(p, 16, 1))
	e.submit(p, append([]completion.Operation{c}, waiting...)...)
	e.expect(p, c, errnoRefused)
	e.expectAll(p, errnoRefused, waiting...)
	for _, op := range waiting {
		equal(e, "error", op.Err().Error(), c.Err().Error())
	}
	late := waiting[1].(*ops.Read)
	if late.Buf != nil {
		e.Fatal("a failed pooled read has a buffer")
	}
}

// sharesEnd ends a pending connect and checks what waited behind it.
func sharesEnd(e *env, end func(p *completion.Port, c *ops.Connect), want error) {
	p := e.port(nil)
	c := e.pendingConnect(p)
	waiting := behind(c.On, e.pool(p, 16, 1))
	e.submit(p, waiting...)
	e.idle(p)
	end(p, c)
	e.expectAll(p, want, append(waiting, c)...)
	for _, op := range waiting {
		equal(e, "N", op.N(), 0)
	}
}

func batchBehindConnectSharesCancel(e *env) {
	sharesEnd(e, func(p *completion.Port, c *ops.Connect) {
		equal(e, "Cancel", p.Cancel(c), true)
	}, completion.ErrCanceled)
}

func batchBehindConnectSharesDeadline(e *env) {
	sharesEnd(e, func(p *completion.Port, c *ops.Connect) {
		equal(e, "SetDeadline", p.SetDeadline(c, soon()), true)
	}, os.ErrDeadlineExceeded)
}

func batchBehindConnectSharesClose(e *env) {
	sharesEnd(e, func(p *completion.Port, c *ops.Connect) {
		is(e, c.On.Close(), nil)
		is(e, c.On.Close(), net.ErrClosed)
	}, net.ErrClosed)
}

func batchBehindConnectSharesPortClose(e *env) {
	sharesEnd(e, func(p *completion.Port, c *ops.Connect) { is(e, p.Close(), nil) }, net.ErrClosed)
}

func ownDeadlineBehindConnect(e *env) {
	p := e.port(nil)
	c := e.pendingConnect(p)
	r := &ops.Read{From: c.On, Buf: own(1)}
	r.Deadline = soon()
	w := &ops.Write{To: c.On, Buf: text("x")}
	w.Deadline = long
	e.submit(p, r, w)
	e.expect(p, w, os.ErrDeadlineExceeded)
	e.expect(p, r, os.ErrDeadlineExceeded)
	e.idle(p)
	equal(e, "Cancel of the connect", p.Cancel(c), true)
	e.expect(p, c, completion.ErrCanceled)
}

func ownCancelBehindConnect(e *env) {
	p := e.port(nil)
	c := e.pendingConnect(p)
	waiting := behind(c.On, e.pool(p, 16, 1))
	e.submit(p, waiting...)
	for _, op := range waiting {
		equal(e, "Cancel", p.Cancel(op), true)
		e.expect(p, op, completion.ErrCanceled)
	}
	e.idle(p)
	equal(e, "Cancel of the connect", p.Cancel(c), true)
	e.expect(p, c, completion.ErrCanceled)
}

func emptyWriteWaitsForConnect(e *env) {
	p := e.port(nil)
	c := e.pendingConnect(p)
	w := &ops.Write{To: c.On, Buf: own(0)}
	e.submit(p, w)
	e.idle(p)
	equal(e, "Cancel", p.Cancel(c), true)
	e.expect(p, c, completion.ErrCanceled)
	e.expect(p, w, completion.ErrCanceled)
}

func cancelPendingConnect(e *env) {
	p := e.port(nil)
	c := e.pendingConnect(p)
	equal(e, "Cancel", p.Cancel(c), true)
	equal(e, "second Cancel", p.Cancel(c), false)
	e.expect(p, c, completion.ErrCanceled)
	equal(e, "N", c.N(), 0)
	e.onlyClosable(p, c.On)
}

func deadlineOfPendingConnect(e *env) {
	p := e.port(nil)
	c := e.unansweredConnect(p)
	c.Deadline = soon()
	e.submit(p, c)
	e.expect(p, c, os.ErrDeadlineExceeded)
	e.onlyClosable(p, c.On)
}

func failedSocketCanOnlyBeClosed(e *env) {
	p := e.port(nil)
	c := &ops.Connect{On: e.socket(p, "tcp4"), To: e.refusingAddress()}
	e.submit(p, c)
	e.expect(p, c, errnoRefused)
	e.onlyClosable(p, c.On)
}

// onlyClosable checks that a socket whose connect did not succeed refuses
// everything, a connect to a good address included, and can be closed.
func (e *env) onlyClosable(p *completion.Port, s *completion.Socket) {
	e.Helper()
	all := append(behind(s, e.pool(p, 16, 1)), &ops.Connect{On: s, To: e.serve("tcp4", echo)})
	e.submit(p, all...)
	for range all {
		if op := e.next(p); op.Err() == nil {
			e.Fatalf("%T succeeded on a socket whose connect failed", op)
		}
	}
	is(e, s.Close(), nil)
	after := &ops.Read{From: s, Buf: own(1)}
	e.submit(p, after)
	e.expect(p, after, net.ErrClosed)
}

func connectOnConnectedSocket(e *env) {
	p := e.port(nil)
	addr := e.serve("tcp4", echo)
	c := &ops.Connect{On: e.socket(p, "tcp4"), To: addr}
	e.submit(p, c)
	e.expect(p, c, nil)
	for range 2 {
		e.submit(p, c)
		e.expect(p, c, errnoIsConnected)
	}
	e.echoes(p, c.On, "still there")
}

func connectOnAdoptedSocket(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	e.refusesConnect(p, s, peer)
}

func connectOnAcceptedSocket(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	peer := e.dial(l.Addr())
	a := &ops.Accept{On: l}
	e.submit(p, a)
	e.expect(p, a, nil)
	e.refusesConnect(p, a.Conn, peer)
}

// refusesConnect checks that a connected socket stays with its peer when it is
// told to connect to somebody else.
func (e *env) refusesConnect(p *completion.Port, s *completion.Socket, peer *peer) {
	e.Helper()
	c := &ops.Connect{On: s, To: e.serve("tcp4", echo)}
	e.submit(p, c)
	e.expect(p, c, errnoIsConnected)
	peer.send("still there")
	r := &ops.Read{From: s, Buf: own(11), Full: true}
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "text", string(r.Buf.Bytes()), "still there")
}

func secondConnectRightBehindFirst(e *env) {
	p := e.port(nil)
	addr := e.serve("tcp4", echo)
	s := e.socket(p, "tcp4")
	first, second := &ops.Connect{On: s, To: addr}, &ops.Connect{On: s, To: addr}
	e.submit(p, first, second)
	e.expect(p, first, nil)
	e.expect(p, second, errnoIsConnected)
	e.echoes(p, s, "one connection")
}

func secondConnectSharesFirstsFailure(e *env) {
	p := e.port(nil)
	s := e.socket(p, "tcp4")
	first := &ops.Connect{On: s, To: e.refusingAddress()}
	second := &ops.Connect{On: s, To: e.serve("tcp4", echo)}
	e.submit(p, first, second)
	e.expect(p, first, errnoRefused)
	e.expect(p, second, errnoRefused)
}

func cancelSecondConnectSparesFirst(e *env) {
	p := e.port(nil)
	first := e.pendingConnect(p)
	second := &ops.Connect{On: first.On, To: first.To}
	e.submit(p, second)
	equal(e, "Cancel of the second", p.Cancel(second), true)
	e.expect(p, second, completion.ErrCanceled)
	e.idle(p) // nobody has ended the first
	equal(e, "Cancel of the first", p.Cancel(first), true)
	e.expect(p, first, completion.ErrCanceled)
}

func connectByAwait(e *env) {
	p := e.port(nil)
	c := &ops.Connect{On: e.socket(p, "tcp4"), To: e.serve("tcp4", echo)}
	is(e, p.Await(e.ctx, c), nil)
	is(e, p.Await(e.ctx, &ops.Write{To: c.On, Buf: text("hi")}), nil)
	r := &ops.Read{From: c.On, Buf: own(2), Full: true}
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "echo", string(r.Buf.Bytes()), "hi")
	bad := &ops.Connect{On: e.socket(p, "tcp4"), To: e.refusingAddress()}
	is(e, p.Await(e.ctx, bad), errnoRefused)
}

func peerSendsAndClosesAtOnce(e *env) {
	p := e.port(nil)
	addr := e.serve("tcp4", func(c net.Conn) { c.Write([]byte("bye")) })
	for range 100 {
		s := e.socket(p, "tcp4")
		c := &ops.Connect{On: s, To: addr}
		data := &ops.Read{From: s, Buf: own(16)}
		end := &ops.Read{From: s, Buf: own(16)}
		e.submit(p, c, data, end)
		e.expect(p, c, nil)
		e.expect(p, data, nil)
		equal(e, "data", string(data.Buf.Bytes()), "bye")
		e.expect(p, end, io.EOF)
		equal(e, "N at the end", end.N(), 0)
		s.Close()
	}
}

func manyConnects(e *env) {
	p := e.port(nil)
	const count = 2 * backlogRoom
	accepted := make(chan bool, count)
	addr := e.serve("tcp4", func(c net.Conn) {
		accepted <- true
		echo(c)
	})
	want := make([]completion.Operation, count)
	for i := range want {
		c := &ops.Connect{On: e.socket(p, "tcp4"), To: addr}
		c.Deadline = never()
		want[i] = c
	}
	for i := 0; i < count; i += backlogRoom {
		e.submit(p, want[i:i+backlogRoom]...)
		e.expectAll(p, nil, want[i:i+backlogRoom]...)
		for range backlogRoom {
			<-accepted
		}
	}
	locals := make(map[string]bool)
	for _, op := range want {
		s := op.(*ops.Connect).On
		locals[s.LocalAddr().String()] = true
		s.Close()
	}
	equal(e, "local addresses", len(locals), count)
}
