package porttest

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var untilEdgeCases = []testCase{
	readUntilLongerThanItsMemory,
	readUntilOfAReset,
	readUntilFullAtTheEnd,
	readUntilOfUnixSockets,
	readUntilLeavesTheRestToOthers,
	readUntilInABufferOfAPool,
	readUntilIsEchoed,
	readUntilUnderALimit,
	readUntilSetsTheLength,
	readUntilRestIsOfItsMemory,
	readUntilWithLessMemory,
	readUntilOfLargeMessages,
	readUntilRacesCancel,
	readUntilOfMistakesKeepsAll,
}

// readUntilLongerThanItsMemory: a delimiter that can't arrive is a full buffer, also from Submit
// on, and another delimiter finds what is there.
func readUntilLongerThanItsMemory(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(4), Delimiter: "12345"}
	peer.send("12345\n")
	for range 2 {
		is(e, p.Await(e.ctx, r), io.ErrShortBuffer)
		e.holds(r, "1234")
		equal(e, "rest", string(r.Rest()), "1234")
	}
	r.Delimiter = "34"
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "1234", "")
	r.Delimiter = "\n"
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "5\n", "")
}

// readUntilOfAReset: a reset is told each time, with the bytes that came before it.
func readUntilOfAReset(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(8), Delimiter: "\n"}
	e.submit(p, r)
	peer.send("a\nbc")
	e.expect(p, r, nil)
	e.holds(r, "a\n")
	r.Timeout = 20 * time.Millisecond
	for string(r.Rest()) != "bc" {
		is(e, p.Await(e.ctx, r), os.ErrDeadlineExceeded)
	}
	r.Timeout = 0
	e.submit(p, r)
	e.idle(p)
	peer.reset()
	e.expect(p, r, connectionReset)
	for range 2 {
		isReset(e, r.Err(), "read")
		e.holds(r, "bc")
		equal(e, "rest", string(r.Rest()), "bc")
		is(e, p.Await(e.ctx, r), connectionReset)
	}
	r.Delimiter = "c" // what has arrived is a message all the same
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "bc", "")
}

// readUntilFullAtTheEnd: memory that is full comes before the end of the stream.
func readUntilFullAtTheEnd(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(4), Delimiter: "\n"}
	peer.send("abcd")
	is(e, peer.Close(), nil)
	for range 2 {
		is(e, p.Await(e.ctx, r), io.ErrShortBuffer)
		e.holds(r, "abcd")
	}
	r.Skip(3)
	is(e, p.Await(e.ctx, r), io.ErrUnexpectedEOF)
	e.holds(r, "d")
}

func readUntilOfUnixSockets(e *env) {
	e.needsUnix()
	p := e.port(nil)
	s, peer := e.pairOn(p, "unix")
	r := &ops.ReadUntil{From: s, Buf: own(16), Delimiter: "\r\n"}
	for range 3 {
		e.start(p, r)
		peer.send("ab\r")
		peer.send("\ncd\r\n")
		is(e, p.Wait(e.ctx, r), nil)
		e.holds(r, "ab\r\n")
		is(e, p.Await(e.ctx, r), nil)
		e.message(r, "cd\r\n", "")
	}
}

// readUntilLeavesTheRestToOthers: what is kept is ahead of what other operations read.
func readUntilLeavesTheRestToOthers(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(4), Delimiter: "\n"}
	peer.send("h\nab")
	r.Timeout = 20 * time.Millisecond
	is(e, p.Await(e.ctx, r), nil)
	r.Skip(0)
	for e.holds(r, "h\n"); string(r.Rest()) != "ab"; {
		is(e, p.Await(e.ctx, r), os.ErrDeadlineExceeded)
	}
	r.Timeout = 0
	peer.send("cdefgh\nij")
	v := &ops.ReadV{From: s, Bufs: []*completion.Buffer{own(1), own(2)}, Full: true}
	is(e, p.Await(e.ctx, v), nil)
	equal(e, "vector", string(v.Bufs[0].Bytes())+string(v.Bufs[1].Bytes()), "cde")
	one := &ops.Read{From: s, Buf: own(1)}
	is(e, p.Await(e.ctx, one), nil)
	equal(e, "one", string(one.Buf.Bytes()), "f")
	r.Skip(len(r.Rest()))
	is(e, p.Await(e.ctx, r), nil)
	e.holds(r, "gh\n")
	equal(e, "rest", string(r.Rest()), "ij"[:len(r.Rest())])
}

// readUntilInABufferOfAPool: the program may give it a buffer that it took from a pool.
func readUntilInABufferOfAPool(e *env) {
	inCheckMode(e, func() {
		p := e.port(nil)
		s, peer := e.pair(p)
		pool := e.pool(p, 8, 1)
		r := &ops.ReadUntil{From: s, Buf: pool.Take(), Delimiter: "\n"}
		peer.send("a\nb\n")
		is(e, p.Await(e.ctx, r), nil)
		e.message(r, "a\n", "b\n")
		is(e, p.Await(e.ctx, r), nil)
		e.message(r, "b\n", "")
		r.Buf.Release()
		submitSentence(e, panics(e, func() { p.Submit(r) }), "released")
		r.Buf = pool.Take()
		peer.send("c\n")
		is(e, p.Await(e.ctx, r), nil)
		e.message(r, "c\n", "")
		r.Buf.Release()
	})
}

// readUntilIsEchoed: a Write may send the message from its buffer, and what is kept stays.
func readUntilIsEchoed(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(32), Delimiter: "\n"}
	const all = "one\ntwo\n\nthree\n"
	peer.send(all)
	for range strings.Count(all, "\n") {
		is(e, p.Await(e.ctx, r), nil)
		is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: r.Buf}), nil)
	}
	equal(e, "echo", peer.receive(len(all)), all)
}

// readUntilUnderALimit: one too many keeps what is kept.
func readUntilUnderALimit(e *env) {
	p := e.port(&completion.Config{MaxInFlight: 1})
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(8), Delimiter: "\n"}
	peer.send("a\nb")
	is(e, p.Await(e.ctx, r), nil)
	e.holds(r, "a\n")
	kept := string(r.Rest())
	timer := &ops.Timer{After: time.Hour}
	e.start(p, timer)
	is(e, p.Await(e.ctx, r), completion.ErrLimit)
	e.holds(r, kept)
	p.Cancel(timer)
	is(e, p.Wait(e.ctx, timer), completion.ErrCanceled)
	peer.send("\n")
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "b\n", "")
}

// readUntilSetsTheLength: the length of the buffer says nothing about what is kept.
func readUntilSetsTheLength(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(8), Delimiter: "\n"}
	peer.send("a\nb\nc\n")
	for i, n := range []int{0, 8, 1} {
		is(e, p.Await(e.ctx, r), nil)
		e.holds(r, "abc"[i:i+1]+"\n")
		r.Buf.Resize(n)
	}
}

// readUntilRestIsOfItsMemory: with another buffer, Rest tells of the mistake that a Submit would
// tell of.
func readUntilRestIsOfItsMemory(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(8), Delimiter: "\n"}
	equal(e, "rest", len(r.Rest()), 0)
	r.Skip(0)
	peer.send("a\nbcd")
	for r.Timeout = 20 * time.Millisecond; string(r.Rest()) != "bcd"; {
		p.Await(e.ctx, r)
	}
	old := r.Buf
	for _, other := range []*completion.Buffer{own(8), own(2), nil} {
		r.Buf = other
		submitSentence(e, panics(e, func() { r.Rest() }), "other memory")
	}
	r.Buf = old
	equal(e, "rest", string(r.Rest()), "bcd")
}

// readUntilWithLessMemory: with nothing kept, any memory will do.
func readUntilWithLessMemory(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(8), Delimiter: "\n"}
	for _, text := range []string{"abcdef\n", "ab\n", "abcd\n"} {
		peer.send(text)
		is(e, p.Await(e.ctx, r), nil)
		e.message(r, text, "")
		r.Buf = own(max(8-len(text), 5))
	}
	peer.send("abc")
	r.Buf = own(2)
	is(e, p.Await(e.ctx, r), io.ErrShortBuffer)
	r.Skip(2)
	r.Buf = own(1)
	is(e, p.Await(e.ctx, r), io.ErrShortBuffer)
	e.holds(r, "c")
}

// readUntilOfLargeMessages: messages of many reads, and a memory that many fit into.
func readUntilOfLargeMessages(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	const size, delimiter = 300_000, "\r\n.\r\n"
	want := strings.Repeat("0123456789\r\n.\r", size/14) + delimiter
	sent := e.sendsAll(peer, []byte(strings.Repeat(want, 3)+"end"))
	r := &ops.ReadUntil{From: s, Buf: own(2 * size), Delimiter: delimiter}
	for range 3 {
		is(e, p.Await(e.ctx, r), nil)
		if string(r.Buf.Bytes()) != want {
			e.Fatalf("%d bytes, want %d, or others", r.N(), len(want))
		}
	}
	is(e, <-sent, nil)
	is(e, p.Await(e.ctx, r), io.ErrUnexpectedEOF)
	e.holds(r, "end")
}

// readUntilRacesCancel: whatever ends a ReadUntil in the middle, and whatever reads in between,
// each byte of the stream comes once and in order, and the messages end where they end.
func readUntilRacesCancel(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(64), Delimiter: "==>"}
	var left string // of the stream, behind what has come
	for i := range races() / 4 {
		left += strings.Repeat("ab", i%7) + strings.Repeat("=", i%3) + "==>"
	}
	canceled, unsent := 0, left
	for i := 0; ; i++ {
		e.start(p, r)
		unsent = e.sendsSome(peer, unsent, i*i%13)
		here := left[:len(left)-len(unsent)]
		if i%4 > 0 || unsent != "" && !strings.Contains(here, r.Delimiter) {
			p.Cancel(r)
		}
		err := p.Wait(e.ctx, r)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			e.holds(r, left)
			break
		}
		if left = e.isNext(left, r, err); err != nil {
			canceled++
		}
		switch rest := len(r.Rest()); {
		case rest == 0 && i%5 == 0 && len(left) > len(unsent): // another read takes what comes next
			left = left[len(e.readRest(p, s, 1)):]
		case rest > 2 && i%8 == 0:
			r.Skip(2)
			left = left[2:]
		}
	}
	e.Logf("%d were cancelled", canceled)
}

// sendsSome sends at most n bytes, closes the connection behind the last, and returns what is left.
func (e *env) sendsSome(c *peer, text string, n int) (left string) {
	e.Helper()
	if n = min(n, len(text)); n > 0 {
		c.send(text[:n])
		if n == len(text) {
			is(e, c.Close(), nil)
		}
	}
	return text[n:]
}

// isNext checks that r has brought what comes next in a stream, and returns the stream behind it.
func (e *env) isNext(stream string, r *ops.ReadUntil, err error) string {
	e.Helper()
	text, rest := string(r.Buf.Bytes()), string(r.Rest())
	if err == nil {
		end := strings.Index(stream, r.Delimiter) + len(r.Delimiter)
		equal(e, "message", text, stream[:end])
		stream = stream[end:]
	} else {
		is(e, err, completion.ErrCanceled)
		equal(e, "kept", text, rest)
	}
	equal(e, "rest", rest, stream[:len(rest)])
	return stream
}

// readUntilOfMistakesKeepsAll: a Submit that panics changes nothing, and keeps what is kept.
func readUntilOfMistakesKeepsAll(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(8), Delimiter: "\n"}
	peer.send("a\nb\n")
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "a\n", "b\n")
	from, buf := r.From, r.Buf
	shared := text("busy")
	shared.Share()
	for _, change := range []func(){
		func() { r.From = nil },
		func() { r.From, _ = e.pair(e.port(nil)) },
		func() { r.Buf = nil },
		func() { r.Buf = own(0) },
		func() { r.Buf = shared },
		func() { r.Delimiter = "" },
	} {
		change()
		submitSentence(e, panics(e, func() { p.Submit(r) }), "")
		r.From, r.Buf, r.Delimiter = from, buf, "\n"
		e.message(r, "a\n", "b\n")
	}
	submitSentence(e, panics(e, func() { p.Submit(r, r) }), "")
	e.message(r, "a\n", "b\n")
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "b\n", "")
}
