package porttest

import (
	"io"
	"net"
	"os"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var appendCases = []testCase{
	readAppends,
	fullReadAppends,
	appendKeepsWhatIsThere,
	appendWithAPoolPanics,
}

// readAppends: what comes goes behind the bytes that count, until there is no room.
func readAppends(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(8), Append: true}
	r.Buf.Resize(0)
	for _, c := range []struct {
		sent, want string
		n          int
	}{{"abc", "abc", 3}, {"de", "abcde", 2}, {"fghij", "abcdefgh", 3}} {
		peer.send(c.sent)
		is(e, p.Await(e.ctx, r), nil)
		equal(e, "N", r.N(), c.n)
		equal(e, "text", string(r.Buf.Bytes()), c.want)
	}
	for range 2 { // two bytes have no room
		is(e, p.Await(e.ctx, r), io.ErrShortBuffer)
		equal(e, "N", r.N(), 0)
		equal(e, "text", string(r.Buf.Bytes()), "abcdefgh")
	}
	copy(r.Buf.Memory(), "gh")
	r.Buf.Resize(2)
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "text", string(r.Buf.Bytes()), "ghij")
	r.Append = false
	peer.send("new")
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "text without Append", string(r.Buf.Bytes()), "new")
}

// fullReadAppends: with Full it goes on to the end of the memory, and what was cut
// short counts.
func fullReadAppends(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(6), Append: true, Full: true}
	r.Buf.Resize(1)
	r.Buf.Memory()[0] = '>'
	e.start(p, r)
	for _, part := range []string{"ab", "cd", "ef"} {
		peer.send(part)
	}
	is(e, p.Wait(e.ctx, r), nil)
	equal(e, "text", string(r.Buf.Bytes()), ">abcde")
	r.Buf.Resize(3)
	r.Timeout = 20 * time.Millisecond
	is(e, p.Await(e.ctx, r), os.ErrDeadlineExceeded)
	equal(e, "N", r.N(), 1)
	equal(e, "text", string(r.Buf.Bytes()), ">abf")
}

// appendKeepsWhatIsThere: whatever ends it, what was in the buffer stays.
func appendKeepsWhatIsThere(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(8), Append: true}
	copy(r.Buf.Memory(), "keep")
	r.Buf.Resize(4)
	kept := func(want error) {
		e.Helper()
		is(e, r.Err(), want)
		equal(e, "N", r.N(), 0)
		equal(e, "text", string(r.Buf.Bytes()), "keep")
	}
	e.start(p, r)
	p.Cancel(r)
	p.Wait(e.ctx, r)
	kept(completion.ErrCanceled)
	r.Timeout = -1
	p.Await(e.ctx, r)
	kept(os.ErrDeadlineExceeded)
	r.Timeout = 0
	is(e, peer.Close(), nil)
	p.Await(e.ctx, r)
	kept(io.EOF)
	is(e, p.Close(), nil)
	p.Await(e.ctx, r)
	kept(net.ErrClosed)
}

func appendWithAPoolPanics(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Pool: e.pool(p, 8, 1), Append: true}
	submitSentence(e, panics(e, func() { p.Submit(r) }), "pooled read with Append")
	r.Append = false
	e.submit(p, r)
	p.Cancel(r)
	e.expect(p, r, completion.ErrCanceled)
}
