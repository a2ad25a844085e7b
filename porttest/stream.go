package porttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Those that move much are in stream_bulk.go.
var streamCases = append([]testCase{
	echoOverUnix,
	echoOverTCP4,
	echoOverTCP6,
	shortReadBringsWhatIsThere,
	longMessageInShortReads,
	queuedReadsFillInOrder,
	fullReadOverSmallSends,
	fullReadCutShort,
	fullReadAtTheEnd,
	endOfStreamStays,
	endOfStreamReachesWaitingReads,
	dataThenEndOfStream,
	dataAndEndInOneEdge,
	zeroLengthCompletes,
	zeroLengthWaitsItsTurn,
	halfCloseThenRead,
	peerHalfCloseThenWrite,
	readGoesOnBesideBlockedWrite,
	writeGoesOnBesideWaitingRead,
	closeWriteBesideWaitingRead,
}, slices.Concat(streamBulkCases, appendCases, untilCases, untilEdgeCases, pollCases)...)

func echoOverUnix(e *env) { streamEcho(e, "unix") }

func echoOverTCP4(e *env) { streamEcho(e, "tcp4") }

func echoOverTCP6(e *env) { streamEcho(e, "tcp6") }

// streamPattern returns n bytes that differ from seed to seed. They come again after
// a prime number of them, since making them takes longer than copying: bytes that
// were lost or moved are seen all the same.
func streamPattern(seed byte, n int) []byte {
	const period = 65521
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b[:min(n, period)])
	for at := period; at < n; at += period {
		copy(b[at:], b[:period])
	}
	return b
}

// streamPeerEOF checks that the peer's next read is the end of the stream.
func streamPeerEOF(e *env, c *peer) {
	e.Helper()
	var b [1]byte
	n, err := c.Read(b[:])
	equal(e, "bytes the peer read", n, 0)
	is(e, err, io.EOF)
}

// streamPeerEcho lets the peer send back what it gets until the end.
func streamPeerEcho(c *peer) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(c.Conn, struct{ io.Reader }{c.Conn})
		done <- err
	}()
	return done
}

// streamPeerSend lets the peer write all of b.
func streamPeerSend(c *peer, b []byte) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := c.Write(b)
		done <- err
	}()
	return done
}

// streamPeerReceive lets the peer read until it has got all of want, and
// checks that it has.
func streamPeerReceive(c *peer, want []byte) <-chan error {
	done := make(chan error, 1)
	go func() {
		got := make([]byte, len(want))
		_, err := io.ReadFull(c, got)
		if err == nil {
			err = streamSame(got, want)
		}
		done <- err
	}()
	return done
}

// streamSame tells where got differs from want.
func streamSame(got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Errorf("byte %d of %d is %#x, want %#x", i, len(want), got[i], want[i])
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d bytes, want %d", len(got), len(want))
	}
	return nil
}

// streamRead reads once and returns what came.
func streamRead(e *env, p *completion.Port, s *completion.Socket, size int) (string, error) {
	e.Helper()
	r := &ops.Read{From: s, Buf: own(size)}
	e.submit(p, r)
	if got := e.next(p); got != completion.Operation(r) {
		e.Fatalf("dequeued %T, want the read", got)
	}
	equal(e, "length of the buffer", r.Buf.Len(), r.N())
	equal(e, "memory of the buffer", len(r.Buf.Memory()), size)
	return string(r.Buf.Bytes()), r.Err()
}

// streamWrite writes all of it.
func streamWrite(e *env, p *completion.Port, s *completion.Socket, what string) {
	e.Helper()
	w := &ops.Write{To: s, Buf: text(what)}
	e.submit(p, w)
	e.expect(p, w, nil)
	equal(e, "written", w.N(), len(what))
	equal(e, "bytes that count", string(w.Buf.Bytes()), what)
}

// streamFill submits a write that the peer does not read and returns when the
// connection is full of it: some of it has arrived, the rest can't.
func streamFill(e *env, p *completion.Port, s *completion.Socket, c *peer) *ops.Write {
	e.Helper()
	e.setWriteBuffer(s, 32<<10)
	if _, isUnix := c.Conn.(*net.UnixConn); !isUnix { // it has no such limit
		c.setReadBuffer(32 << 10)
	}
	w := &ops.Write{To: s, Buf: completion.Own(streamPattern(1, 16<<20))}
	e.fill(p, w, c, false)
	e.idle(p)
	equal(e, "first byte", c.receive(1)[0], streamPattern(1, 1)[0])
	return w
}

// streamFilled is what the peer of a streamFill has still to read when the write
// has sent so many bytes.
func streamFilled(c *peer, n int) []byte {
	whole := streamPattern(1, 16<<20)
	sent := bytes.Repeat(whole, c.ahead/len(whole))
	return append(sent, whole[:n]...)[1:]
}

// streamRest lets the peer read what is left of a streamFill and checks it.
func streamRest(c *peer) <-chan error {
	return streamPeerReceive(c, streamFilled(c, 16<<20))
}

func streamEcho(e *env, network string) {
	p := e.port(nil)
	s, c := e.pairOn(p, network)
	done := streamPeerEcho(c)
	r := &ops.Read{From: s, Buf: own(3000), Full: true}
	for i := range 20 {
		want := streamPattern(byte(i), 3000)
		w := &ops.Write{To: s, Buf: completion.Own(want)}
		e.submit(p, w, r)
		e.expectAll(p, nil, w, r)
		is(e, streamSame(r.Buf.Bytes(), want), nil)
	}
	end := &ops.CloseWrite{On: s}
	e.submit(p, end)
	e.expect(p, end, nil)
	is(e, <-done, nil)
	c.closeWrite()
	_, err := streamRead(e, p, s, 1)
	is(e, err, io.EOF)
}

func shortReadBringsWhatIsThere(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	r := &ops.Read{From: s, Buf: own(100)}
	e.submit(p, r)
	e.idle(p)
	c.send("x") // one byte can't come in pieces
	e.expect(p, r, nil)
	equal(e, "read", string(r.Buf.Bytes()), "x")
	equal(e, "N", r.N(), 1)
	equal(e, "memory", len(r.Buf.Memory()), 100)
}

func longMessageInShortReads(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	message := string(streamPattern(3, 10_000))
	c.send(message)
	var got strings.Builder
	for got.Len() < len(message) {
		part, err := streamRead(e, p, s, 7)
		is(e, err, nil)
		if part == "" {
			e.Fatal("a read of nothing that is no error")
		}
		got.WriteString(part)
	}
	is(e, streamSame([]byte(got.String()), []byte(message)), nil)
}

func queuedReadsFillInOrder(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	var reads [50]ops.Read
	for i := range reads {
		reads[i] = ops.Read{From: s, Buf: own(4), Full: true}
		e.submit(p, &reads[i])
	}
	e.idle(p)
	for i := range reads {
		c.send(fmt.Sprintf("%04d", i))
	}
	for i := range reads {
		e.expect(p, &reads[i], nil)
		equal(e, "bytes", string(reads[i].Buf.Bytes()), fmt.Sprintf("%04d", i))
	}
}

func fullReadOverSmallSends(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	want := string(streamPattern(4, 100))
	r := &ops.Read{From: s, Buf: own(100), Full: true}
	e.submit(p, r)
	for i := range len(want) {
		c.send(want[i : i+1])
		if i%10 == 0 {
			e.idle(p) // what has come is not enough
		}
		if i == 98 {
			e.idle(p)
		}
	}
	e.expect(p, r, nil)
	equal(e, "N", r.N(), 100)
	equal(e, "bytes", string(r.Buf.Bytes()), want)
}

func fullReadCutShort(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	r := &ops.Read{From: s, Buf: own(10), Full: true}
	e.submit(p, r)
	c.send("half")
	e.idle(p)
	c.send("way")
	c.closeWrite()
	e.expect(p, r, io.ErrUnexpectedEOF)
	equal(e, "N", r.N(), 7)
	equal(e, "bytes", string(r.Buf.Bytes()), "halfway")
	_, err := streamRead(e, p, s, 10)
	equal(e, "the next read", err, io.EOF)
}

func fullReadAtTheEnd(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	c.send("four")
	c.closeWrite()
	r := &ops.Read{From: s, Buf: own(4), Full: true}
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "four")
	e.submit(p, r)
	e.expect(p, r, io.EOF)
	equal(e, "error", r.Err(), io.EOF)
	equal(e, "N", r.N(), 0)
}

func endOfStreamStays(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	c.closeWrite()
	for range 3 {
		got, err := streamRead(e, p, s, 5)
		equal(e, "error", err, io.EOF) // bare
		equal(e, "bytes", got, "")
	}
}

func endOfStreamReachesWaitingReads(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	var reads [3]ops.Read
	for i := range reads {
		reads[i] = ops.Read{From: s, Buf: own(2), Full: i == 1}
		e.submit(p, &reads[i])
	}
	e.idle(p)
	c.closeWrite()
	for i := range reads {
		e.expect(p, &reads[i], io.EOF)
		equal(e, "N", reads[i].N(), 0)
	}
}

func dataThenEndOfStream(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	c.send("last")
	c.closeWrite()
	r := &ops.Read{From: s, Buf: own(4), Full: true}
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "last")
	_, err := streamRead(e, p, s, 100)
	is(e, err, io.EOF)
}

// The end of the stream may share its edge with the data before it: the read
// behind a short one must not wait for another.
func dataAndEndInOneEdge(e *env) {
	p := e.port(nil)
	for i := range 40 {
		s, c := e.pair(p)
		r := &ops.Read{From: s, Buf: own(100)}
		behind := &ops.Read{From: s, Buf: own(100)}
		if i%2 == 0 {
			e.submit(p, r, behind)
		} else {
			e.submit(p, r)
		}
		e.idle(p)
		c.send("x")
		c.closeWrite()
		e.expect(p, r, nil)
		equal(e, "bytes", string(r.Buf.Bytes()), "x")
		if i%2 != 0 {
			e.submit(p, behind)
		}
		e.expect(p, behind, io.EOF)
		equal(e, "N", behind.N(), 0)
		s.Close()
	}
}

func zeroLengthCompletes(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	w := &ops.Write{To: s, Buf: new(completion.Buffer)}
	resized := &ops.Write{To: s, Buf: text("not this")}
	resized.Buf.Resize(0)
	for range 2 {
		e.submit(p, w, resized)
		e.expectAll(p, nil, w, resized)
		equal(e, "N", w.N()+resized.N(), 0)
	}
	streamWrite(e, p, s, "seen")
	equal(e, "peer's bytes", c.receive(4), "seen")
}

func zeroLengthWaitsItsTurn(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	big := streamFill(e, p, s, c)
	nothing := &ops.Write{To: s, Buf: own(0)}
	e.submit(p, nothing)
	e.idle(p)
	rest := streamRest(c)
	e.expect(p, big, nil)
	e.expect(p, nothing, nil)
	equal(e, "N", nothing.N(), 0)
	is(e, <-rest, nil)
}

func halfCloseThenRead(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	w := &ops.Write{To: s, Buf: text("question")}
	end := &ops.CloseWrite{On: s}
	e.submit(p, w, end)
	e.expectAll(p, nil, w, end)
	equal(e, "peer's bytes", c.receive(8), "question")
	streamPeerEOF(e, c)
	c.send("answer")
	r := &ops.Read{From: s, Buf: own(6), Full: true}
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "answer")
	// What is written after our own half close is an error.
	late := &ops.Write{To: s, Buf: text("more")}
	e.submit(p, late)
	if got := e.next(p); got != completion.Operation(late) || late.Err() == nil || late.N() != 0 {
		e.Fatalf("a write after CloseWrite: %d, %v", late.N(), late.Err())
	}
	var op *net.OpError
	if !errors.As(late.Err(), &op) || op.Op != "write" {
		e.Fatalf("the error is %v", late.Err())
	}
}

func peerHalfCloseThenWrite(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	c.closeWrite()
	_, err := streamRead(e, p, s, 1)
	is(e, err, io.EOF)
	streamWrite(e, p, s, "still here")
	equal(e, "peer's bytes", c.receive(10), "still here")
	big := &ops.Write{To: s, Buf: completion.Own(streamPattern(5, 4<<20))}
	got := streamPeerReceive(c, big.Buf.Bytes())
	e.submit(p, big)
	e.expect(p, big, nil)
	is(e, <-got, nil)
}

func readGoesOnBesideBlockedWrite(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	big := streamFill(e, p, s, c)
	for i := range 50 {
		c.send(string(rune('a' + i%26)))
		got, err := streamRead(e, p, s, 8)
		is(e, err, nil)
		equal(e, "bytes", got, string(rune('a'+i%26)))
	}
	rest := streamRest(c)
	e.expect(p, big, nil)
	equal(e, "written", big.N(), 16<<20)
	is(e, <-rest, nil)
}

func writeGoesOnBesideWaitingRead(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	e.submit(p, r)
	e.idle(p)
	for range 50 {
		streamWrite(e, p, s, "out")
		equal(e, "peer's bytes", c.receive(3), "out")
	}
	c.send("!")
	e.expect(p, r, nil)
}

func closeWriteBesideWaitingRead(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	end := &ops.CloseWrite{On: s}
	e.submit(p, r, end)
	e.expect(p, end, nil)
	streamPeerEOF(e, c)
	e.idle(p) // the read still waits
	c.send("!")
	e.expect(p, r, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "!")
}
