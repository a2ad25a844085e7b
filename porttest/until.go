package porttest

import (
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var untilCases = []testCase{
	readUntilByteByByte,
	readUntilGoesOnBehindHalfADelimiter,
	readUntilFindsSeveralAtOnce,
	readUntilFull,
	readUntilAtTheEnd,
	readUntilGoesOn,
	readUntilSkips,
	readUntilDropsWhatIsOfAnotherSocket,
	readUntilBehindAnotherRead,
	readUntilMuch,
	readUntilMistakesPanic,
}

// message checks that r has ended with this message, and what it keeps.
func (e *env) message(r *ops.ReadUntil, text, rest string) {
	e.Helper()
	is(e, r.Err(), nil)
	e.holds(r, text)
	equal(e, "rest", string(r.Rest()), rest)
}

// holds checks what the buffer of r holds after its end.
func (e *env) holds(r *ops.ReadUntil, text string) {
	e.Helper()
	equal(e, "text", string(r.Buf.Bytes()), text)
	equal(e, "N", r.N(), len(text))
}

// readUntilByteByByte: it ends with the last byte of its delimiter, and not before.
func readUntilByteByByte(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(16), Delimiter: "\r\n\r\n"}
	for range 2 {
		e.start(p, r)
		for _, c := range "a\r\nb\n\r\n\r\r\n\r\n" {
			peer.send(string(c))
		}
		is(e, p.Wait(e.ctx, r), nil)
		e.message(r, "a\r\nb\n\r\n\r\r\n\r\n", "")
	}
}

// readUntilGoesOnBehindHalfADelimiter: the delimiter may begin in one use and end in the next.
func readUntilGoesOnBehindHalfADelimiter(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(8), Delimiter: "\r\n"}
	peer.send("ab\r")
	r.Timeout = 20 * time.Millisecond
	is(e, p.Await(e.ctx, r), os.ErrDeadlineExceeded)
	e.holds(r, "ab\r")
	equal(e, "rest", string(r.Rest()), "ab\r")
	r.Timeout = 0
	peer.send("\ncd")
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "ab\r\n", "cd")
	r.Delimiter = "c"
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "c", "d")
}

// readUntilFindsSeveralAtOnce: what is there already is found in Submit, in order.
func readUntilFindsSeveralAtOnce(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(32), Delimiter: "\n"}
	peer.send("one\ntwo\n\nthree\nfo")
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "one\n", "two\n\nthree\nfo")
	calls := p.Stats().Calls
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "two\n", "\nthree\nfo")
	r.Timeout = -1 // it is there already
	e.submit(p, r)
	e.expect(p, r, nil)
	e.message(r, "\n", "three\nfo")
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "three\n", "fo")
	equal(e, "calls", p.Stats().Calls, calls)
	r.Timeout = 0
	peer.send("ur\n")
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "four\n", "")
}

// readUntilFull: a message that fits just so is one, and a longer one is an error, until the
// program makes room.
func readUntilFull(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(4), Delimiter: "\r\n"}
	peer.send("ab\r\nabc\r\nd\r\n")
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "ab\r\n", "")
	for range 2 {
		is(e, p.Await(e.ctx, r), io.ErrShortBuffer)
		e.holds(r, "abc\r")
	}
	r.Skip(2)
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "text", string(r.Buf.Bytes()), "c\r\n")
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "text", string(r.Buf.Bytes()), "d\r\n")
}

// readUntilAtTheEnd: nothing at the end of the stream is the end, and a part of a message is
// an unexpected one, which keeps the part.
func readUntilAtTheEnd(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(16), Delimiter: "\n"}
	peer.send("last\npart")
	is(e, peer.Close(), nil)
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "text", string(r.Buf.Bytes()), "last\n")
	for range 2 {
		is(e, p.Await(e.ctx, r), io.ErrUnexpectedEOF)
		e.holds(r, "part")
	}
	r.Skip(4)
	for range 2 {
		is(e, p.Await(e.ctx, r), io.EOF)
		e.holds(r, "")
	}
}

// readUntilGoesOn: whatever ends it in the middle, it keeps what it has.
func readUntilGoesOn(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(16), Delimiter: "\n"}
	peer.send("one\ntw")
	is(e, p.Await(e.ctx, r), nil)
	peer.send("o")
	r.Timeout = 20 * time.Millisecond
	is(e, p.Await(e.ctx, r), os.ErrDeadlineExceeded)
	e.holds(r, "two")
	r.Timeout = 0
	e.start(p, r)
	p.Cancel(r)
	is(e, p.Wait(e.ctx, r), completion.ErrCanceled)
	e.holds(r, "two")
	peer.send("\nrest")
	is(e, p.Await(e.ctx, r), nil)
	e.holds(r, "two\n")
	for equal(e, "rest", "rest"[:len(r.Rest())], string(r.Rest())); len(r.Rest()) < 4; {
		r.Timeout = 20 * time.Millisecond
		is(e, p.Await(e.ctx, r), os.ErrDeadlineExceeded)
	}
	r.Timeout = 0
	e.start(p, r)
	is(e, s.Close(), nil)
	is(e, p.Wait(e.ctx, r), net.ErrClosed)
	e.holds(r, "rest")
	is(e, p.Close(), nil)
	is(e, p.Await(e.ctx, r), net.ErrClosed)
	e.holds(r, "")
	equal(e, "rest", string(r.Rest()), "rest")
}

// readUntilSkips: a body of known length begins with the rest, and the next message is behind.
func readUntilSkips(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(32), Delimiter: "\n"}
	peer.send("5\nhello2\nhinext\n")
	for _, want := range []string{"5\nhello", "2\nhi", "next\n"} {
		is(e, p.Await(e.ctx, r), nil)
		head, body, _ := strings.Cut(want, "\n")
		e.holds(r, head+"\n")
		if rest := string(r.Rest()); !strings.HasPrefix(rest, body) {
			e.Fatalf("the rest is %q, without %q", rest, body)
		}
		r.Skip(len(body))
	}
	equal(e, "rest", string(r.Rest()), "")
}

// readUntilDropsWhatIsOfAnotherSocket: the bytes of one stream are no part of another.
func readUntilDropsWhatIsOfAnotherSocket(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(32), Delimiter: "\n"}
	peer.send("one\ntwo\n")
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "one\n", "two\n")
	r.From, peer = e.pair(p)
	r.Buf = own(16)
	peer.send("new\n")
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "new\n", "")
}

// readUntilBehindAnotherRead: it waits for its turn, as any read.
func readUntilBehindAnotherRead(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	first := &ops.Read{From: s, Buf: own(4), Full: true}
	r := &ops.ReadUntil{From: s, Buf: own(16), Delimiter: ";"}
	last := &ops.Read{From: s, Buf: own(4), Full: true}
	e.start(p, first)
	e.start(p, r)
	peer.send("ab;cde;")
	is(e, p.Wait(e.ctx, first), nil)
	is(e, p.Wait(e.ctx, r), nil)
	equal(e, "text", string(first.Buf.Bytes()), "ab;c")
	e.message(r, "de;", "")
	e.start(p, last)
	peer.send("last")
	is(e, p.Wait(e.ctx, last), nil)
	equal(e, "text", string(last.Buf.Bytes()), "last")
}

// readUntilMuch: messages of many sizes come through, in pieces that cut them anywhere.
func readUntilMuch(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	var want []string
	for i := range 200 {
		want = append(want, strings.Repeat("-=", i%23)+"=="+strings.Repeat("x", i%7)+"==>")
	}
	go func() {
		defer peer.Close()
		for all, i := strings.Join(want, ""), 1; len(all) > 0; i++ {
			n := min(len(all), i*i%31+1)
			if _, err := io.WriteString(peer, all[:n]); err != nil {
				return // the checks below say what is missing
			}
			all = all[n:]
		}
	}()
	r := &ops.ReadUntil{From: s, Buf: own(64), Delimiter: "==>"}
	for _, text := range want {
		is(e, p.Await(e.ctx, r), nil)
		e.holds(r, text)
	}
	is(e, p.Await(e.ctx, r), io.EOF)
}

func readUntilMistakesPanic(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.ReadUntil{From: s, Buf: own(8)}
	submitSentence(e, panics(e, func() { p.Submit(r) }), "without a delimiter")
	r.Delimiter = "\n"
	peer.send("a\nb\n")
	is(e, p.Await(e.ctx, r), nil)
	old := r.Buf
	r.Buf = own(8)
	submitSentence(e, panics(e, func() { p.Submit(r) }), "other memory")
	r.Buf = old
	submitSentence(e, panics(e, func() { r.Skip(3) }), "Skip beyond")
	is(e, p.Await(e.ctx, r), nil)
	e.message(r, "b\n", "")
	r.Buf = own(8) // nothing is kept
	e.start(p, r)
	for _, use := range []func(){func() { r.Rest() }, func() { r.Skip(0) }} {
		submitSentence(e, panics(e, use), "belongs to the port")
	}
	peer.send("c\n")
	is(e, p.Wait(e.ctx, r), nil)
	e.message(r, "c\n", "")
}
