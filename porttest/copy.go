package porttest

import (
	"errors"
	"io"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var copyCases = []testCase{
	copyMovesAStream,
	copyOfAdoptedSockets,
	copyOfUnixSockets,
	copyStopsAtItsCount,
	copyKeepsItsPlace,
	copyBothWaysAtOnce,
	copyToItselfEchoes,
	copyOfAShortStream,
	copyOfNothing,
	copyOfSome,
	copyOfABadCount,
	copyOnMistakesPanics,
}

// copies checks that a copy of all that the peer of from sends moves size bytes.
func (e *env) copies(p *completion.Port, from *completion.Socket, sends *peer, to *completion.Socket, gets *peer, size int) {
	e.Helper()
	b := streamPattern(9, size)
	sent := e.sendsAll(sends, b)
	received := streamPeerReceive(gets, b)
	o := &ops.Copy{From: from, To: to}
	end := &ops.CloseWrite{On: to}
	e.submit(p, o, end)
	e.expect(p, o, nil)
	is(e, <-sent, nil)
	equal(e, "N", o.N(), size)
	equal(e, "lost", o.Lost(), int64(0))
	e.expect(p, end, nil)
	is(e, <-received, nil)
	streamPeerEOF(e, gets)
}

// sendsAll lets the peer send b and the end of the stream.
func (e *env) sendsAll(c *peer, b []byte) <-chan error {
	sent, done := streamPeerSend(c, b), make(chan error, 1)
	go func() { done <- errors.Join(<-sent, c.Conn.(interface{ CloseWrite() error }).CloseWrite()) }()
	return done
}

func copyMovesAStream(e *env) {
	p := e.port(nil)
	for _, size := range []int{1, 100_000, 20<<20 + 7} {
		from, sends := e.unshared(p)
		to, gets := e.unshared(p)
		e.copies(p, from, sends, to, gets, size)
	}
}

// copyOfAdoptedSockets: others may have changed how the system treats them.
func copyOfAdoptedSockets(e *env) {
	p := e.port(nil)
	from, sends := e.pair(p)
	to, gets := e.unshared(p)
	e.copies(p, from, sends, to, gets, 3<<20+1)
	from, sends = e.unshared(p)
	to, gets = e.pair(p)
	e.copies(p, from, sends, to, gets, 3<<20+1)
}

func copyOfUnixSockets(e *env) {
	p := e.port(nil)
	from, sends := e.pairOn(p, "unix")
	to, gets := e.unshared(p)
	e.copies(p, from, sends, to, gets, 3<<20+1)
	from, sends = e.unshared(p)
	to, gets = e.pairOn(p, "unix")
	e.copies(p, from, sends, to, gets, 3<<20+1)
}

// copyStopsAtItsCount: what comes behind it stays where it is.
func copyStopsAtItsCount(e *env) {
	p := e.port(nil)
	from, sends := e.unshared(p)
	to, gets := e.unshared(p)
	o := &ops.Copy{From: from, To: to, Count: 4}
	for range 3 {
		sends.send("0123456789")
		is(e, p.Await(e.ctx, o), nil)
		equal(e, "N", o.N(), 4)
		equal(e, "received", gets.receive(4), "0123")
		rest := &ops.Read{From: from, Buf: own(6), Full: true}
		is(e, p.Await(e.ctx, rest), nil)
		equal(e, "left", string(rest.Buf.Bytes()), "456789")
	}
}

// copyKeepsItsPlace: among the reads and among the writes.
func copyKeepsItsPlace(e *env) {
	p := e.port(nil)
	from, sends := e.unshared(p)
	to, gets := e.unshared(p)
	size := 700_000
	b := streamPattern(3, size)
	first := &ops.Read{From: from, Buf: own(4), Full: true}
	o := &ops.Copy{From: from, To: to, Count: int64(size)}
	second := &ops.Copy{From: from, To: to, Count: 3}
	last := &ops.Read{From: from, Buf: own(3), Full: true}
	all := []completion.Operation{first, &ops.Write{To: to, Buf: text("head")}, o,
		&ops.Write{To: to, Buf: text("between")}, second, last, &ops.Write{To: to, Buf: text("end")}}
	received := streamPeerReceive(gets, []byte("head"+string(b)+"betweentwoend"))
	e.submit(p, all...)
	sent := streamPeerSend(sends, []byte("read"+string(b)+"twoend"))
	e.expectInAnyOrder(p, all...)
	is(e, <-sent, nil)
	is(e, <-received, nil)
	equal(e, "N", o.N(), size)
	equal(e, "read before", string(first.Buf.Bytes()), "read")
	equal(e, "read behind", string(last.Buf.Bytes()), "end")
}

// copyBothWaysAtOnce: as a proxy does.
func copyBothWaysAtOnce(e *env) {
	p := e.port(nil)
	a, one := e.unshared(p)
	b, two := e.unshared(p)
	up, down := &ops.Copy{From: a, To: b}, &ops.Copy{From: b, To: a}
	e.submit(p, up, down)
	x, y := streamPattern(1, 3<<20+5), streamPattern(2, 2<<20+3)
	done := []<-chan error{
		streamPeerSend(one, x), streamPeerReceive(two, x),
		streamPeerSend(two, y), streamPeerReceive(one, y),
	}
	ends := make(chan error, 1)
	go func() {
		var all error
		for _, c := range done {
			all = errors.Join(all, <-c)
		}
		one.Conn.(interface{ CloseWrite() error }).CloseWrite()
		two.Conn.(interface{ CloseWrite() error }).CloseWrite()
		ends <- all
	}()
	e.expectInAnyOrder(p, up, down)
	is(e, <-ends, nil)
	equal(e, "N", up.N(), len(x))
	equal(e, "N back", down.N(), len(y))
}

func copyToItselfEchoes(e *env) {
	p := e.port(nil)
	s, c := e.unshared(p)
	o := &ops.Copy{From: s, To: s}
	e.submit(p, o)
	b := streamPattern(4, 1<<20)
	sent, received := e.sendsAll(c, b), streamPeerReceive(c, b)
	e.expect(p, o, nil)
	is(e, <-sent, nil)
	is(e, <-received, nil)
	equal(e, "N", o.N(), len(b))
}

// copyOfAShortStream: the message that was to be sent is broken, as by a write.
func copyOfAShortStream(e *env) {
	p := e.port(nil)
	from, sends := e.unshared(p)
	to, gets := e.unshared(p)
	o := &ops.Copy{From: from, To: to, Count: 6}
	behind := &ops.Write{To: to, Buf: text("behind")}
	e.submit(p, o, behind)
	sends.send("short")
	sends.closeWrite()
	e.expect(p, o, io.ErrUnexpectedEOF)
	equal(e, "N", o.N(), 5)
	equal(e, "lost", o.Lost(), int64(0))
	e.expect(p, behind, completion.ErrWriteAborted)
	is(e, p.Await(e.ctx, behind), nil)
	equal(e, "received", gets.receive(11), "shortbehind")
}

func copyOfNothing(e *env) {
	p := e.port(nil)
	from, sends := e.unshared(p)
	to, gets := e.unshared(p)
	sends.closeWrite()
	for range 2 {
		o := &ops.Copy{From: from, To: to}
		is(e, p.Await(e.ctx, o), nil)
		equal(e, "N", o.N(), 0)
	}
	o := &ops.Copy{From: from, To: to, Count: 1}
	behind := &ops.Write{To: to, Buf: text("behind")}
	e.submit(p, o, behind)
	e.expectInAnyOrderWith(p, map[completion.Operation]error{o: io.ErrUnexpectedEOF, behind: nil})
	equal(e, "received", gets.receive(6), "behind")
}

// copyOfSome ends when nothing more is there for now.
func copyOfSome(e *env) {
	p := e.port(nil)
	from, sends := e.unshared(p)
	to, gets := e.unshared(p)
	o := &ops.Copy{From: from, To: to, Some: true}
	for _, message := range []string{"one", "another"} {
		sends.send(message)
		for left := len(message); left > 0; left -= o.N() {
			is(e, p.Await(e.ctx, o), nil)
			if o.N() < 1 || o.N() > left {
				e.Fatalf("N is %d, %d bytes are left", o.N(), left)
			}
		}
		equal(e, "received", gets.receive(len(message)), message)
	}
	o.Count = 2
	sends.send("three")
	for _, want := range []string{"th", "re", "e"} {
		is(e, p.Await(e.ctx, o), nil)
		equal(e, "received", gets.receive(len(want)), want)
		equal(e, "N", o.N(), len(want))
	}
	sends.closeWrite()
	for range 2 {
		is(e, p.Await(e.ctx, o), nil)
		equal(e, "N at the end", o.N(), 0)
	}
}

func copyOfABadCount(e *env) {
	p := e.port(nil)
	from, _ := e.unshared(p)
	to, _ := e.unshared(p)
	o := &ops.Copy{From: from, To: to, Count: -1}
	is(e, p.Await(e.ctx, o), syscall.EINVAL)
	equal(e, "N", o.N(), 0)
}

func copyOnMistakesPanics(e *env) {
	p, other := e.port(nil), e.port(nil)
	s, _ := e.unshared(p)
	foreign, _ := e.unshared(other)
	submitRefused(e, p, "its From is nil", &ops.Copy{To: s})
	submitRefused(e, p, "From or To is nil", &ops.Copy{From: s})
	submitRefused(e, p, "another port", &ops.Copy{From: s, To: foreign})
	submitRefused(e, p, "another port", &ops.Copy{From: foreign, To: s})
}

// expectInAnyOrderWith expects these operations, each with its error.
func (e *env) expectInAnyOrderWith(p *completion.Port, want map[completion.Operation]error) {
	e.Helper()
	for len(want) > 0 {
		op := e.next(p)
		err, known := want[op]
		if !known {
			e.Fatalf("%T is delivered", op)
		}
		delete(want, op)
		e.outcome(op, err)
	}
}
