package porttest

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var detachCases = []testCase{
	detachUnsupportedLeavesAllAsItWas,
	detachKeepsBytesOnTheirWay,
	detachLeavesTheRestOfAReadUntil,
	detachOfBusySocketIsRefused,
	detachListenerKeepsItsBacklog,
	detachedListenerRemovesItsFile,
	detachRacesSubmit,
	detachRacesClose,
}

// needsDetach skips a case where a socket does not leave its port.
func (e *env) needsDetach() {
	e.Helper()
	if !e.detaches() {
		e.Skip("a socket here does not leave its port")
	}
}

func (e *env) detaches() bool {
	p := e.port(nil)
	s, _ := e.pair(p)
	c, err := s.Detach()
	if errors.Is(err, errors.ErrUnsupported) && p.Backend() == "iocp" {
		return false
	}
	is(e, err, nil)
	is(e, c.Close(), nil)
	return true
}

func detachUnsupportedLeavesAllAsItWas(e *env) {
	if e.detaches() {
		e.Skip("the port can")
	}
	p := e.port(nil)
	s, other := e.pair(p)
	_, err := s.Detach()
	is(e, err, errors.ErrUnsupported)
	talksTo(e, p, s, other)
	l := e.listen(p, "tcp4")
	_, err = l.Detach()
	is(e, err, errors.ErrUnsupported)
	e.dial(l.Addr())
	is(e, p.Await(e.ctx, &ops.Accept{On: l}), nil)
}

// detachKeepsBytesOnTheirWay: what has arrived and what was written is not lost, and
// afterwards the port has nothing of the socket.
func detachKeepsBytesOnTheirWay(e *env) {
	e.needsDetach()
	p := e.port(nil)
	for _, network := range e.networks("tcp4", "unix") {
		s, other := e.pairOn(p, network)
		is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("before")}), nil)
		other.send("firstwaiting")
		read := &ops.Read{From: s, Buf: own(5), Full: true}
		is(e, p.Await(e.ctx, read), nil)
		equal(e, "read", string(read.Buf.Bytes()), "first")
		handles, descriptors := p.Stats().Handles, countDescriptors()
		remote := s.RemoteAddr().String()
		c, err := s.Detach()
		is(e, err, nil)
		equal(e, "handles", p.Stats().Handles, handles-1)
		equal(e, "descriptors", countDescriptors(), descriptors)
		equal(e, "remote", c.RemoteAddr().String(), remote)
		got := make([]byte, 7)
		_, err = io.ReadFull(c, got)
		is(e, err, nil)
		equal(e, "read", string(got), "waiting")
		equal(e, "received", other.receive(6), "before")
		talk(e, c, other)
		is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("no")}), net.ErrClosed)
		is(e, s.Close(), net.ErrClosed)
		_, err = s.Detach()
		is(e, err, net.ErrClosed)
		talk(e, c, other)
		is(e, c.Close(), nil)
		_, err = other.Read(got)
		is(e, err, io.EOF)
	}
}

// detachLeavesTheRestOfAReadUntil: it stays with the program when the socket leaves its port.
func detachLeavesTheRestOfAReadUntil(e *env) {
	e.needsDetach()
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(8), Delimiter: "\n"}
	peer.send("a\nbc")
	is(e, p.Await(e.ctx, r), nil)
	e.holds(r, "a\n")
	peer.send("def")
	c, err := s.Detach()
	is(e, err, nil)
	defer c.Close()
	left := "bcdef"[len(r.Rest()):]
	got := make([]byte, len(left))
	_, err = io.ReadFull(c, got)
	is(e, err, nil)
	equal(e, "stream", string(r.Rest())+string(got), "bcdef")
}

// detachOfBusySocketIsRefused: an operation in flight goes on. When it has ended, the socket
// can be detached, although the end was not dequeued.
func detachOfBusySocketIsRefused(e *env) {
	e.needsDetach()
	p := e.port(nil)
	s, other := e.pair(p)
	read := &ops.Read{From: s, Buf: own(5), Full: true}
	e.submit(p, read)
	for range 2 {
		_, err := s.Detach()
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "detach" || errors.Is(err, errors.ErrUnsupported) {
			e.Fatalf("detached with a read in flight: %v", err)
		}
	}
	other.send("hello")
	e.expect(p, read, nil)
	read = &ops.Read{From: s, Buf: own(5)}
	e.submit(p, read)
	p.Cancel(read)
	e.expect(p, read, completion.ErrCanceled)
	c, err := s.Detach()
	is(e, err, nil)
	talk(e, c, other)
	is(e, c.Close(), nil)
}

func detachListenerKeepsItsBacklog(e *env) {
	e.needsDetach()
	p := e.port(nil)
	for _, network := range e.networks("tcp4", "unix") {
		l := e.listen(p, network)
		address := l.Addr()
		early := e.dial(address)
		early.send("early")
		detached, err := l.Detach()
		is(e, err, nil)
		equal(e, "address", detached.Addr().String(), address.String())
		c, err := detached.Accept()
		is(e, err, nil)
		got := make([]byte, 5)
		_, err = io.ReadFull(c, got)
		is(e, err, nil)
		equal(e, "read", string(got), "early")
		is(e, c.Close(), nil)
		is(e, p.Await(e.ctx, &ops.Accept{On: l}), net.ErrClosed)
		is(e, detached.Close(), nil)
	}
}

// detachedListenerRemovesItsFile if the listener of the port would have removed it.
func detachedListenerRemovesItsFile(e *env) {
	e.needsSystem("there are files")
	e.needsUnix()
	e.needsDetach()
	p := e.port(nil)
	for _, removes := range []bool{true, false} {
		l := e.listen(p, "unix")
		path := l.Addr().String()
		l.SetUnlinkOnClose(removes)
		detached, err := l.Detach()
		is(e, err, nil)
		_, err = os.Lstat(path)
		is(e, err, nil)
		is(e, detached.Close(), nil)
		if removes {
			gone(e, path)
		} else {
			_, err = os.Lstat(path)
			is(e, err, nil)
		}
	}
}

// detachRacesSubmit: either the read is in flight and the socket stays, or the socket is
// gone and the read has ended as closed.
func detachRacesSubmit(e *env) {
	e.needsDetach()
	p := e.port(nil)
	for range 300 {
		s, other := e.pairOn(p, e.quick())
		read := &ops.Read{From: s, Buf: own(4)}
		var ready atomic.Int32
		var c net.Conn
		var err error
		together(2, func(i int) {
			ready.Add(1)
			until(func() bool { return ready.Load() == 2 })
			if i == 0 {
				c, err = s.Detach()
				return
			}
			if err := p.Submit(read); err != nil {
				e.Errorf("submit: %v", err)
			}
		})
		if err != nil { // the read was there first
			other.send("data")
			e.expect(p, read, nil)
			is(e, s.Close(), nil)
			continue
		}
		e.expect(p, read, net.ErrClosed)
		talk(e, c, other)
		is(e, c.Close(), nil)
	}
}

// detachRacesClose: the port is closed, and whoever detaches has the socket or an error.
func detachRacesClose(e *env) {
	e.needsDetach()
	for turn := range 300 {
		p := e.port(nil)
		s, other := e.pairOn(p, e.quick())
		var ready atomic.Int32
		var c net.Conn
		var err error
		together(2, func(i int) {
			ready.Add(1)
			until(func() bool { return ready.Load() == 2 })
			if i == 0 {
				c, err = s.Detach()
				return
			}
			for range turn % 50 { // meet each step of the other
				p.Stats()
			}
			p.Close()
		})
		if err != nil {
			is(e, err, net.ErrClosed)
			continue
		}
		talk(e, c, other)
		is(e, c.Close(), nil)
	}
}
