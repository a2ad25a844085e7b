package porttest

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var adoptCases = []testCase{
	adoptUnsupportedLeavesAllAsItWas,
	refusedAdoptionChangesNothing,
	adoptConnKeepsBytesOnTheirWay,
	adoptConnAfterHalfClose,
	adoptConnClosesTheOriginal,
	adoptConnWithoutDescriptor,
	adoptConnOfOtherKinds,
	adoptListenerKeepsItsBacklog,
	adoptListenerClosesTheOriginal,
	unixFileGoesWithListener,
	unixFileGoesWhenListenRacesClose,
}

// twoEnds returns both ends of a connection of package net.
func (e *env) twoEnds(network string) (net.Conn, *peer) {
	e.Helper()
	l, err := e.network.Listen(network, e.address(network))
	is(e, err, nil)
	defer l.Close()
	a, err := e.network.Dial(network, l.Addr().String())
	is(e, err, nil)
	b, err := l.Accept()
	is(e, err, nil)
	e.closers = append(e.closers, a.Close, b.Close)
	return a, &peer{Conn: b, e: e}
}

// adoptUnsupportedLeavesAllAsItWas: a port that can't adopt says so, and what it was to
// adopt goes on.
func adoptUnsupportedLeavesAllAsItWas(e *env) {
	if e.adopts {
		e.Skip("the port can")
	}
	p := e.port(nil)
	c, other := e.twoEnds("tcp4")
	_, err := p.AdoptConn(c)
	is(e, err, errors.ErrUnsupported)
	talk(e, c, other)
	l, err := e.network.Listen("tcp4", "127.0.0.1:0")
	is(e, err, nil)
	defer l.Close()
	_, err = p.AdoptListener(l)
	is(e, err, errors.ErrUnsupported)
	e.dial(l.Addr())
	equal(e, "handles", p.Stats().Handles, 0)
}

// adoptConnKeepsBytesOnTheirWay: what has arrived, and what was sent and not read yet, goes
// on as if nothing had happened.
func adoptConnKeepsBytesOnTheirWay(e *env) {
	e.needsAdopt()
	p := e.port(nil)
	pool := e.pool(p, 16, 1)
	for _, network := range e.networks("tcp4", "unix") {
		c, other := e.twoEnds(network)
		other.send("waiting")
		_, err := c.Write([]byte("sent "))
		is(e, err, nil)
		s, err := p.AdoptConn(c)
		is(e, err, nil)
		read := &ops.Read{From: s, Pool: pool}
		is(e, p.Await(e.ctx, read), nil)
		equal(e, "read", string(read.Buf.Bytes()), "waiting")
		read.Buf.Release()
		is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("before")}), nil)
		equal(e, "received", other.receive(11), "sent before")
		talksTo(e, p, s, other)
	}
}

func adoptConnAfterHalfClose(e *env) {
	e.needsAdopt()
	p := e.port(nil)
	for _, network := range e.networks("tcp4", "unix") {
		c, other := e.twoEnds(network)
		other.send("last")
		other.closeWrite()
		s, err := p.AdoptConn(c)
		is(e, err, nil)
		read := &ops.Read{From: s, Buf: own(8), Full: true}
		if err := p.Await(e.ctx, read); err == nil {
			e.Fatal("a full read ended well")
		}
		equal(e, "read", string(read.Buf.Bytes()), "last")
		is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("reply")}), nil)
		equal(e, "received", other.receive(5), "reply")
	}
}

func adoptConnClosesTheOriginal(e *env) {
	e.needsAdopt()
	p := e.port(nil)
	for _, network := range e.networks("tcp4", "unix") {
		c, other := e.twoEnds(network)
		before := countDescriptors()
		s, err := p.AdoptConn(c)
		is(e, err, nil)
		equal(e, "descriptors", countDescriptors(), before)
		_, err = c.Write([]byte("no"))
		is(e, err, net.ErrClosed)
		_, err = p.AdoptConn(c)
		is(e, err, net.ErrClosed)
		talksTo(e, p, s, other)
		is(e, s.Close(), nil)
		_, err = other.Read(make([]byte, 1))
		equal(e, "end", err.Error(), "EOF")
	}
}

// unsupported checks a refused adoption.
func unsupported(e *env, p *completion.Port, err error) {
	e.Helper()
	is(e, err, errors.ErrUnsupported)
	var op *net.OpError
	equal(e, "OpError", errors.As(err, &op), true)
	equal(e, "Op", op.Op, "adopt")
	equal(e, "handles", p.Stats().Handles, 0)
}

func adoptConnWithoutDescriptor(e *env) {
	p := e.port(nil)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	_, err := p.AdoptConn(a)
	unsupported(e, p, err)
	got := make(chan string, 1)
	go func() {
		buf := make([]byte, 5)
		n, _ := b.Read(buf)
		got <- string(buf[:n])
	}()
	_, err = a.Write([]byte("hello"))
	is(e, err, nil)
	equal(e, "received", <-got, "hello")
	_, err = p.AdoptConn(nil)
	unsupported(e, p, err)
}

// adoptConnOfOtherKinds: no streams, or not connected, or not listening.
func adoptConnOfOtherKinds(e *env) {
	e.needsAdopt()
	p := e.port(nil)
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		e.Skipf("package net has no UDP here: %v", err)
	}
	defer udp.Close()
	sender, err := net.Dial("udp4", udp.LocalAddr().String())
	is(e, err, nil)
	defer sender.Close()
	_, err = p.AdoptConn(sender)
	unsupported(e, p, err)
	_, err = p.AdoptConn(udp.(*net.UDPConn))
	unsupported(e, p, err)
	_, err = sender.Write([]byte("hello")) // still the caller's
	is(e, err, nil)
	buf := make([]byte, 8)
	udp.SetReadDeadline(time.Now().Add(time.Hour))
	n, _, err := udp.ReadFrom(buf)
	is(e, err, nil)
	equal(e, "received", string(buf[:n]), "hello")

	l, err := e.network.Listen("tcp4", "127.0.0.1:0")
	is(e, err, nil)
	defer l.Close()
	_, err = p.AdoptListener(struct{ net.Listener }{l})
	unsupported(e, p, err)
}

func adoptListenerKeepsItsBacklog(e *env) {
	e.needsAdopt()
	p := e.port(nil)
	for _, network := range e.networks("tcp4", "unix") {
		l, err := e.network.Listen(network, e.address(network))
		is(e, err, nil)
		other := e.dial(l.Addr())
		other.send("early")
		adopted, err := p.AdoptListener(l)
		is(e, err, nil)
		accept := &ops.Accept{On: adopted}
		e.submit(p, accept)
		e.expect(p, accept, nil)
		read := &ops.Read{From: accept.Conn, Buf: own(5), Full: true}
		is(e, p.Await(e.ctx, read), nil)
		equal(e, "read", string(read.Buf.Bytes()), "early")
		connected(e, p, adopted)
	}
}

func adoptListenerClosesTheOriginal(e *env) {
	e.needsAdopt()
	p := e.port(nil)
	for _, network := range e.networks("tcp4", "unix") {
		l, err := e.network.Listen(network, e.address(network))
		is(e, err, nil)
		want := l.Addr().String()
		adopted, err := p.AdoptListener(l)
		is(e, err, nil)
		equal(e, "address", adopted.Addr().String(), want)
		_, err = l.Accept()
		is(e, err, net.ErrClosed)
		_, err = p.AdoptListener(l)
		is(e, err, net.ErrClosed)
		connected(e, p, adopted)
	}
}

// gone checks that a listener's file was removed.
func gone(e *env, path string) {
	e.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		e.Fatalf("the file of a closed listener: %v", err)
	}
}

func unixFileGoesWithListener(e *env) {
	e.needsSystem("there are files")
	e.needsUnix()
	for _, closePort := range []bool{false, true} {
		p := e.port(nil)
		ours := e.listen(p, "unix")
		l, err := e.network.Listen("unix", e.address("unix"))
		is(e, err, nil)
		adopted, err := p.AdoptListener(l)
		is(e, err, nil)
		var paths []string
		for _, l := range []*completion.Listener{ours, adopted} {
			paths = append(paths, l.Addr().String())
			_, err := os.Lstat(paths[len(paths)-1])
			is(e, err, nil)
			e.submit(p, &ops.Accept{On: l})
		}
		if closePort {
			is(e, p.Close(), nil)
		} else {
			is(e, ours.Close(), nil)
			is(e, adopted.Close(), nil)
			// An Accept inside the kernel keeps its listener open until it has ended.
			e.outcome(e.next(p), net.ErrClosed)
			e.outcome(e.next(p), net.ErrClosed)
		}
		for _, path := range paths {
			gone(e, path)
		}
		if closePort {
			e.outcome(e.next(p), net.ErrClosed)
			e.outcome(e.next(p), net.ErrClosed)
		}
	}
}

// unixFileGoesWhenListenRacesClose: whoever comes first, a listener of a closed port
// leaves no file.
func unixFileGoesWhenListenRacesClose(e *env) {
	e.needsSystem("there are files")
	e.needsUnix()
	path := e.address("unix")
	for turn := range 1000 {
		p := e.port(nil)
		var ready atomic.Int32
		together(2, func(i int) {
			ready.Add(1)
			until(func() bool { return ready.Load() == 2 })
			if i == 0 {
				if _, err := p.Listen("unix", path); err != nil && !errors.Is(err, net.ErrClosed) {
					e.Errorf("listen: %v", err)
				}
				return
			}
			// The listener needs some steps of its own: meet each of them.
			for range turn % 100 {
				p.Stats()
			}
			p.Close()
		})
		gone(e, path)
	}
}
