package porttest

import (
	"fmt"
	"io"
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Operations with several buffers.
var vectorCases = []testCase{
	writeVSendsAllBuffersInOrder,
	writeVOfNothingWaitsItsTurn,
	writeVBeyondOneCall,
	writeVOfSharedBuffers,
	writeVHalfWayIsCancelled,
	writeVAmongQueuedWrites,
	readVFillsOneAfterTheOther,
	readVWaitsForData,
	readVFull,
	readVFullBeyondOneCall,
	readVFullCutShort,
	readVAtTheEnd,
	readVCancelled,
	vectorBuffersBelongToThePort,
	vectorMistakesPanic,
	vectorRefusedByAClosedPort,
}

// buffersOf cuts b into buffers of these sizes, the last of which takes the rest.
func buffersOf(b []byte, sizes ...int) (all []*completion.Buffer) {
	for i := 0; len(b) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(b))
		all = append(all, completion.Own(b[:n]))
		b = b[n:]
	}
	return all
}

// spaces makes buffers of these sizes.
func spaces(sizes ...int) (all []*completion.Buffer) {
	for _, n := range sizes {
		all = append(all, own(n))
	}
	return all
}

// bytesOf returns the bytes of buffers, one behind the other.
func bytesOf(buffers []*completion.Buffer) (all string) {
	for _, b := range buffers {
		all += string(b.Bytes())
	}
	return all
}

// lengths returns the lengths of buffers.
func lengths(buffers []*completion.Buffer) string {
	var all []int
	for _, b := range buffers {
		all = append(all, b.Len())
	}
	return fmt.Sprint(all)
}

func writeVSendsAllBuffersInOrder(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	w := &ops.WriteV{To: s, Bufs: []*completion.Buffer{text("one "), own(0), text("two "), text("three")}}
	for range 3 { // it can be used again
		w.Bufs[3].Resize(5)
		is(e, p.Await(e.ctx, w), nil)
		equal(e, "written", w.N(), 13)
		equal(e, "received", c.receive(13), "one two three")
		w.Bufs[3].Resize(2)
		e.submit(p, w)
		e.expect(p, w, nil)
		equal(e, "received", c.receive(10), "one two th")
	}
}

func writeVOfNothingWaitsItsTurn(e *env) {
	p := e.port(nil)
	big, c := e.stuckWrite(p)
	nothing := &ops.WriteV{To: big.To, Bufs: []*completion.Buffer{own(0), own(0)}}
	e.submit(p, nothing)
	e.idle(p)
	go func() { io.CopyN(io.Discard, c, int64(c.ahead+stuckBytes)) }()
	e.expect(p, big, nil)
	e.expect(p, nothing, nil)
	equal(e, "written", nothing.N(), 0)
}

// writeVBeyondOneCall has more buffers than any system takes in a call, and more bytes than
// a socket.
func writeVBeyondOneCall(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	for _, sizes := range [][]int{{1}, {1, 70_000, 3, 900}} {
		b := streamPattern(7, 3000)
		if len(sizes) > 1 {
			b = streamPattern(8, 20<<20)
		}
		w := &ops.WriteV{To: s, Bufs: buffersOf(b, sizes...)}
		done := streamPeerReceive(c, b)
		is(e, p.Await(e.ctx, w), nil)
		equal(e, "written", w.N(), len(b))
		is(e, <-done, nil)
	}
}

func writeVOfSharedBuffers(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 2, 1)
	shared := pool.Take()
	copy(shared.Memory(), ", ")
	shared.Share()
	w := &ops.WriteV{To: s, Bufs: []*completion.Buffer{text("a"), shared, text("b"), shared, text("c")}}
	e.submit(p, w)
	shared.Release()
	e.expect(p, w, nil)
	w.Bufs[1], w.Bufs[3] = nil, nil
	equal(e, "lent", pool.Lent(), 0)
	equal(e, "received", c.receive(7), "a, b, c")
}

func writeVHalfWayIsCancelled(e *env) {
	p := e.port(nil)
	filler, c := e.stuckWrite(p)
	e.cancels(p, filler)
	c.receive(c.ahead + filler.N())
	b := make([]byte, stuckBytes)
	w := &ops.WriteV{To: filler.To, Bufs: buffersOf(b, 1000, 100_000)}
	behind := &ops.WriteV{To: filler.To, Bufs: spaces(1, 1)}
	e.submit(p, w, behind)
	e.idle(p)
	c.receive(1)
	equal(e, "cancelled", p.Cancel(w), true)
	e.expect(p, w, completion.ErrCanceled)
	e.expect(p, behind, completion.ErrWriteAborted)
	equal(e, "written behind", behind.N(), 0)
	if n := w.N(); n <= 0 && e.countsCut() || n >= len(b) {
		e.Errorf("written: %d of %d bytes", n, len(b))
	}
	equal(e, "bytes that are ours again", len(bytesOf(w.Bufs)), len(b))
	w.To.Close()
	e.gets(c, w.N()-1, len(b)-w.N())
}

func writeVAmongQueuedWrites(e *env) {
	p := e.port(nil)
	big, c := e.stuckWrite(p)
	s := big.To
	all := make([]byte, c.ahead+stuckBytes)
	var queued []completion.Operation
	for i := range 90 {
		b := streamPattern(byte(i), 1+70*i)
		all = append(all, b...)
		if i%3 == 0 {
			queued = append(queued, &ops.Write{To: s, Buf: completion.Own(b)})
		} else {
			queued = append(queued, &ops.WriteV{To: s, Bufs: buffersOf(b, 1, 5, 100)})
		}
	}
	e.submit(p, queued...)
	e.idle(p)
	done := streamPeerReceive(c, all)
	e.expect(p, big, nil)
	for i, w := range queued {
		e.expect(p, w, nil)
		equal(e, "written", w.N(), 1+70*i)
	}
	is(e, <-done, nil)
}

func readVFillsOneAfterTheOther(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	c.send("abcdefg")
	whole := &ops.Read{From: s, Buf: own(1), Full: true}
	is(e, p.Await(e.ctx, whole), nil) // all of it is there
	r := &ops.ReadV{From: s, Bufs: spaces(2, 0, 3, 4)}
	r.Bufs[3].Resize(1)
	for got := 0; got < 6; got += r.N() {
		is(e, p.Await(e.ctx, r), nil)
		if r.N() < 6 { // it came in parts
			equal(e, "bytes", len(bytesOf(r.Bufs)), r.N())
			continue
		}
		equal(e, "lengths", lengths(r.Bufs), "[2 0 3 1]")
		equal(e, "read", bytesOf(r.Bufs), "bcdefg")
	}
	c.send("h")
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "lengths", lengths(r.Bufs), "[1 0 0 0]")
	equal(e, "read", bytesOf(r.Bufs), "h")
}

func readVWaitsForData(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	first, second := &ops.ReadV{From: s, Bufs: spaces(1, 1)}, &ops.ReadV{From: s, Bufs: spaces(1, 5)}
	e.submit(p, first, second)
	e.idle(p)
	c.send("ab")
	e.expect(p, first, nil)
	if first.N() == 2 {
		e.idle(p)
		c.send("cd")
	}
	e.expect(p, second, nil)
	equal(e, "read", string(second.Bufs[0].Bytes()), map[bool]string{true: "c", false: "b"}[first.N() == 2])
}

func readVFull(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	r := &ops.ReadV{From: s, Bufs: spaces(2, 3, 1), Full: true}
	e.submit(p, r)
	for _, part := range []string{"a", "bc", "d"} {
		c.send(part)
		e.idle(p)
	}
	c.send("efg")
	e.expect(p, r, nil)
	equal(e, "N", r.N(), 6)
	equal(e, "read", bytesOf(r.Bufs), "abcdef")
	rest := &ops.Read{From: s, Buf: own(9)}
	is(e, p.Await(e.ctx, rest), nil)
	equal(e, "behind", string(rest.Buf.Bytes()), "g")
}

func readVFullBeyondOneCall(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	want := streamPattern(3, 5<<20)
	sizes := []int{1, 2000, 30, 0, 9000}
	var bufs []*completion.Buffer
	for left, i := len(want), 0; left > 0; i++ {
		n := min(sizes[i%len(sizes)], left)
		left -= n
		bufs = append(bufs, own(n))
	}
	done := streamPeerSend(c, want)
	r := &ops.ReadV{From: s, Bufs: bufs, Full: true}
	is(e, p.Await(e.ctx, r), nil)
	is(e, <-done, nil)
	at := 0
	for _, b := range bufs {
		is(e, streamSame(b.Bytes(), want[at:at+len(b.Memory())]), nil)
		at += b.Len()
	}
	equal(e, "N", r.N(), len(want))
}

func readVFullCutShort(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	r := &ops.ReadV{From: s, Bufs: spaces(2, 3, 9), Full: true}
	e.submit(p, r)
	c.send("abc")
	c.closeWrite()
	e.expect(p, r, io.ErrUnexpectedEOF)
	equal(e, "N", r.N(), 3)
	equal(e, "lengths", lengths(r.Bufs), "[2 1 0]")
}

func readVAtTheEnd(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	c.closeWrite()
	r := &ops.ReadV{From: s, Bufs: spaces(2, 3)}
	is(e, p.Await(e.ctx, r), io.EOF)
	equal(e, "lengths", lengths(r.Bufs), "[0 0]")
}

func readVCancelled(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	r := &ops.ReadV{From: s, Bufs: spaces(2, 3)}
	e.submit(p, r)
	e.idle(p)
	equal(e, "cancelled", p.Cancel(r), true)
	e.expect(p, r, completion.ErrCanceled)
	equal(e, "lengths", lengths(r.Bufs), "[0 0]")
	r.Full = true
	e.submit(p, r)
	c.send("abc")
	e.idle(p)
	r2 := &ops.Read{From: s, Buf: own(1)}
	equal(e, "cancelled", p.Cancel(r), true)
	e.expect(p, r, completion.ErrCanceled)
	e.submit(p, r2)
	c.send("d")
	e.expect(p, r2, nil)
	equal(e, "all", bytesOf(r.Bufs)+string(r2.Buf.Bytes()), "abcd")
}

// vectorBuffersBelongToThePort: each of them, until the operation is delivered.
func vectorBuffersBelongToThePort(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	r := &ops.ReadV{From: s, Bufs: spaces(2, 3)}
	e.submit(p, r)
	for _, b := range r.Bufs {
		submitSentence(e, panics(e, func() { b.Bytes() }), "belongs to the port")
		other := &ops.Read{From: s, Buf: b}
		submitSentence(e, panics(e, func() { p.Submit(other) }), "belongs to the port")
	}
	c.send("x")
	endedInQueue(e, p, 1)
	submitSentence(e, panics(e, func() { r.Bufs[1].Bytes() }), "belongs to the port")
	e.expect(p, r, nil)
	equal(e, "read", bytesOf(r.Bufs), "x")
}

func vectorMistakesPanic(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	released := e.pool(p, 4, 1).Take()
	released.Release()
	shared := text("shared")
	shared.Share()
	twice := own(3)
	for _, c := range []struct {
		bufs    []*completion.Buffer
		in, out string // the words of the panic; "" for no mistake
	}{
		{nil, "without a buffer", "without a buffer"},
		{[]*completion.Buffer{own(1), nil}, "nil", "nil"},
		{[]*completion.Buffer{own(1), twice, twice}, "twice", "twice"},
		{[]*completion.Buffer{own(1), released}, "released", "released"},
		{[]*completion.Buffer{own(1), shared}, "shared", ""},
		{[]*completion.Buffer{own(0), own(0)}, "without memory", ""},
	} {
		if c.in != "" {
			submitRefused(e, p, c.in, &ops.ReadV{From: s, Bufs: c.bufs})
		}
		if c.out != "" {
			submitRefused(e, p, c.out, &ops.WriteV{To: s, Bufs: c.bufs})
		}
		for _, b := range c.bufs {
			if b != nil && b != released {
				b.Bytes() // it is still ours
			}
		}
	}
	shared.Release()
	shared.Set(nil)
}

func vectorRefusedByAClosedPort(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.ReadV{From: s, Bufs: []*completion.Buffer{text("ab"), text("c")}}
	w := &ops.WriteV{To: s, Bufs: []*completion.Buffer{text("ab"), text("c")}}
	is(e, p.Close(), nil)
	is(e, p.Submit(r, w), net.ErrClosed)
	is(e, r.Err(), net.ErrClosed)
	is(e, w.Err(), net.ErrClosed)
	equal(e, "lengths", lengths(r.Bufs), "[0 0]")
	equal(e, "bytes", bytesOf(w.Bufs), "abc")
}
