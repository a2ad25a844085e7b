package porttest

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var pollCases = []testCase{
	pollForReading,
	pollForWriting,
	pollsEndTogether,
	pollKeepsItsPlace,
	pollIsEnded,
	pollAtTheEnd,
	pollWithoutASocket,
	pollBeforeAConnect,
}

// polls reports whether readiness can be waited for. With TLS it can't, since readiness of a
// socket says nothing about plain bytes: then a Poll is unsupported, at once, and changes
// nothing.
func (e *env) polls(p *completion.Port) bool {
	e.Helper()
	if !e.secure {
		return true
	}
	s, other := e.pair(p)
	for _, write := range []bool{false, true} {
		is(e, p.Await(e.ctx, &ops.Poll{On: s, Write: write}), errors.ErrUnsupported)
	}
	talksTo(e, p, s, other)
	return false
}

// pollForReading: a Poll ends when there are bytes, and takes none.
func pollForReading(e *env) {
	p := e.port(nil)
	if !e.polls(p) {
		return
	}
	for _, network := range e.networks("tcp4", "unix") {
		s, other := e.pairOn(p, network)
		poll := &ops.Poll{On: s}
		for range 3 {
			e.submit(p, poll)
			e.idle(p)
			other.send("hello")
			e.expect(p, poll, nil)
			equal(e, "N", poll.N(), 0)
			read := &ops.Read{From: s, Buf: own(2)}
			is(e, p.Await(e.ctx, read), nil)
			is(e, p.Await(e.ctx, poll), nil) // there are more
			rest := &ops.Read{From: s, Buf: own(3), Full: true}
			is(e, p.Await(e.ctx, rest), nil)
			equal(e, "read", string(read.Buf.Bytes())+string(rest.Buf.Bytes()), "hello")
		}
	}
}

// pollForWriting: a Poll ends when there is room, or says that the system can't tell.
func pollForWriting(e *env) {
	p := e.port(nil)
	if !e.polls(p) {
		return
	}
	s, other := e.pairOn(p, e.quick()) // TCP may find more room a moment after it had none
	if !e.unix {
		e.setWriteBuffer(s, 64<<10)
	}
	poll := &ops.Poll{On: s, Write: true}
	if p.Backend() == "iocp" {
		is(e, p.Await(e.ctx, poll), errors.ErrUnsupported)
		is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("hello")}), nil)
		equal(e, "received", other.receive(5), "hello")
		return
	}
	is(e, p.Await(e.ctx, poll), nil)
	for range 3 {
		write := &ops.Write{To: s, Buf: own(tooMuch)}
		e.fill(p, write, other, false)
		equal(e, "cancelled", p.Cancel(write), true)
		e.expect(p, write, completion.ErrCanceled)
		e.submit(p, poll)
		e.idle(p)
		other.receive(other.ahead + write.N())
		other.ahead = 0
		e.expect(p, poll, nil)
	}
	is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("hello")}), nil)
	equal(e, "received", other.receive(5), "hello")
}

// pollsEndTogether: one readiness is for all that wait for it.
func pollsEndTogether(e *env) {
	p := e.port(nil)
	if !e.polls(p) {
		return
	}
	s, other := e.pair(p)
	var polls []completion.Operation
	for range 100 {
		polls = append(polls, &ops.Poll{On: s})
	}
	e.submit(p, polls...)
	e.idle(p)
	other.send("x")
	e.expectAll(p, nil, polls...)
}

// pollKeepsItsPlace: what is queued behind a Poll waits for it.
func pollKeepsItsPlace(e *env) {
	p := e.port(nil)
	if !e.polls(p) {
		return
	}
	s, other := e.pair(p)
	first := &ops.Read{From: s, Buf: own(3), Full: true}
	poll := &ops.Poll{On: s}
	last := &ops.Read{From: s, Buf: own(3), Full: true}
	e.submit(p, first, poll, last)
	other.send("abc")
	e.expect(p, first, nil)
	e.idle(p)
	other.send("d")
	e.expect(p, poll, nil)
	other.send("ef")
	e.expect(p, last, nil)
	equal(e, "read", string(last.Buf.Bytes()), "def")
}

// pollIsEnded by a cancel, a deadline, a close, and the closes of the port.
func pollIsEnded(e *env) {
	p := e.port(nil)
	if !e.polls(p) {
		return
	}
	s, other := e.pair(p)
	poll := &ops.Poll{On: s}
	e.submit(p, poll)
	e.idle(p)
	equal(e, "cancelled", p.Cancel(poll), true)
	e.expect(p, poll, completion.ErrCanceled)
	poll.Timeout = time.Millisecond
	is(e, p.Await(e.ctx, poll), os.ErrDeadlineExceeded)
	poll.Timeout = 0
	other.send("hello")
	is(e, p.Await(e.ctx, poll), nil)
	is(e, p.Await(e.ctx, &ops.Read{From: s, Buf: own(5), Full: true}), nil)
	e.submit(p, poll)
	is(e, s.Close(), nil)
	e.expect(p, poll, net.ErrClosed)
	is(e, p.Await(e.ctx, poll), net.ErrClosed)
	for _, end := range []func(p *completion.Port) error{
		(*completion.Port).Close,
		func(p *completion.Port) error { return p.Shutdown(e.ctx) },
	} {
		p := e.port(nil)
		s, _ := e.pair(p)
		poll := &ops.Poll{On: s}
		e.submit(p, poll)
		is(e, end(p), nil)
		e.expect(p, poll, net.ErrClosed)
		is(e, p.Submit(poll), net.ErrClosed)
		is(e, poll.Err(), net.ErrClosed)
	}
}

// pollAtTheEnd: the end of the stream is ready to be read, and so is a reset.
func pollAtTheEnd(e *env) {
	p := e.port(nil)
	if !e.polls(p) {
		return
	}
	for _, end := range []func(*peer){(*peer).closeWrite, (*peer).reset} {
		for _, early := range []bool{false, true} {
			s, other := e.pair(p)
			poll := &ops.Poll{On: s}
			if early {
				end(other)
			}
			e.submit(p, poll)
			if !early {
				e.idle(p)
				end(other)
			}
			e.expect(p, poll, nil)
			read := &ops.Read{From: s, Buf: own(1)}
			if err := p.Await(e.ctx, read); err == nil {
				e.Fatal("there was a byte")
			} else if slices.Contains([]error{io.ErrUnexpectedEOF, net.ErrClosed}, err) {
				e.Fatalf("the read ended with %v", err)
			}
			is(e, s.Close(), nil)
		}
	}
}

func pollWithoutASocket(e *env) {
	p := e.port(nil)
	equal(e, "panic", panics(e, func() { p.Submit(&ops.Poll{}) }), "completion: poll without a handle: its On, From or To is nil")
}

// watchUnsupported: where a port can't watch a descriptor of another owner, it says so.
func watchUnsupported(e *env) {
	p := e.port(nil)
	if e.onSystem() && p.Backend() != "iocp" {
		e.Skip("the port can")
	}
	_, err := p.Watch(1)
	is(e, err, errors.ErrUnsupported)
}

// pollBeforeAConnect: systems disagree on whether a socket that is not connected is writable. A
// Poll that finds it so, or not, does not keep a Connect from being made.
func pollBeforeAConnect(e *env) {
	p := e.port(nil)
	if !e.polls(p) {
		return
	}
	s := e.socket(p, "tcp4")
	poll := &ops.Poll{On: s, Write: true}
	e.submit(p, poll)
	p.Cancel(poll)
	equal(e, "delivered", e.next(p), completion.Operation(poll))
	is(e, p.Await(e.ctx, &ops.Connect{On: s, To: e.serve("tcp4", echo)}), nil)
}
