package porttest

import (
	"errors"
	"io"
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var rightsCases = append([]testCase{
	messageOnAStream,
	rightsWhereThereAreNone,
	rightsWithoutAByte,
	readMsgEnds,
}, rightsSystemCases...)

// unixPair returns two sockets of p that are connected to each other.
func unixPair(e *env, p *completion.Port, network string) (a, b *completion.Socket) {
	e.Helper()
	l := e.listen(p, network)
	accept := &ops.Accept{On: l}
	e.submit(p, accept)
	a, err := e.connected(p, network, l.Addr())
	is(e, err, nil)
	e.expect(p, accept, nil)
	is(e, l.Close(), nil)
	return a, accept.Conn
}

// messageOnAStream: without descriptors, a ReadRights is a Read, and a WriteRights a Write.
func messageOnAStream(e *env) {
	p := e.port(nil)
	a, b := unixPair(e, p, "tcp4")
	r := &ops.ReadRights{From: b, Buf: own(10)}
	e.submit(p, r)
	e.idle(p)
	w := &ops.WriteRights{To: a, Buf: text("hello")}
	e.submit(p, w)
	e.expectAll(p, nil, r, w)
	equal(e, "read", string(r.Buf.Bytes()), "hello")
	equal(e, "read and written", r.N()+w.N(), 10)
	equal(e, "descriptors", len(r.Rights.Descriptors), 0)
	big := make([]byte, 1<<20)
	w.Buf = completion.Own(big)
	e.submit(p, w)
	for got := 0; got < len(big); got += r.N() {
		r.Buf = own(1 << 16)
		e.start(p, r)
		is(e, p.Wait(e.ctx, r), nil)
	}
	e.expect(p, w, nil)
	equal(e, "written", w.N(), len(big))
}

// rightsWhereThereAreNone: nothing is left out without notice, and nothing breaks.
func rightsWhereThereAreNone(e *env) {
	p := e.port(nil)
	a, b := unixPair(e, p, "tcp4")
	w := &ops.WriteRights{To: a, Buf: text("x"), Rights: completion.Rights{Descriptors: []int{0}}}
	is(e, p.Await(e.ctx, w), errors.ErrUnsupported)
	equal(e, "count", w.N(), 0)
	var op *net.OpError
	if !errors.As(w.Err(), &op) || op.Op != "write" {
		e.Errorf("the error is %v", w.Err())
	}
	is(e, a.ReportCredentials(true), errors.ErrUnsupported)
	is(e, p.Await(e.ctx, &ops.Write{To: a, Buf: text("y")}), nil)
	r := &ops.ReadRights{From: b, Buf: own(10), Rights: completion.Rights{Descriptors: make([]int, 0, 4)}}
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "read", string(r.Buf.Bytes()), "y")

	e.needsDatagrams()
	s := e.packets(p, "udp4")
	send := &ops.SendMsg{To: s, Buf: text("x"), Addr: at(s), Rights: completion.Rights{Descriptors: []int{0}}}
	is(e, p.Await(e.ctx, send), errors.ErrUnsupported)
	is(e, s.SetReports(completion.ReportCredentials), errors.ErrUnsupported)
}

func rightsWithoutAByte(e *env) {
	p := e.port(nil)
	a, _ := unixPair(e, p, "tcp4")
	w := &ops.WriteRights{To: a, Buf: own(0), Rights: completion.Rights{Descriptors: []int{0}}}
	submitSentence(e, panics(e, func() { p.Submit(w) }), "without a byte")
	w.Buf.Resize(0) // it is the program's
	w.Rights = completion.Rights{}
	is(e, p.Await(e.ctx, w), nil)
	submitSentence(e, panics(e, func() { p.Submit(&ops.ReadRights{From: a}) }), "nil")
}

// readMsgEnds: it ends as a Read does, with nothing.
func readMsgEnds(e *env) {
	p := e.port(nil)
	a, b := unixPair(e, p, "tcp4")
	r := &ops.ReadRights{From: b, Buf: own(10), Rights: completion.Rights{Descriptors: make([]int, 3)}}
	e.submit(p, r)
	p.Cancel(r)
	e.expect(p, r, completion.ErrCanceled)
	equal(e, "descriptors", len(r.Rights.Descriptors), 0)
	is(e, p.Await(e.ctx, &ops.CloseWrite{On: a}), nil)
	is(e, p.Await(e.ctx, r), io.EOF)
	is(e, b.Close(), nil)
	is(e, p.Await(e.ctx, r), net.ErrClosed)
	equal(e, "length", r.Buf.Len(), 0)
}
