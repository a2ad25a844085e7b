package porttest

import (
	"net/netip"
	"strings"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var segmentCases = []testCase{
	segmentsAreDatagrams,
	segmentsInABatch,
	segmentsWaitForRoom,
	manySegmentsAreCancelled,
	equalDatagramsOfABatch,
	coalescedDatagrams,
}

// arrives receives datagrams with these texts.
func arrives(e *env, p *completion.Port, s *completion.PacketSocket, want ...string) {
	e.Helper()
	for _, text := range want {
		r := &ops.ReadFrom{From: s, Buf: own(2000)}
		is(e, p.Await(e.ctx, r), nil)
		equal(e, "datagram", string(r.Buf.Bytes()), text)
	}
}

func segmentsAreDatagrams(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	for _, s := range []string{"abcdefgh", "abc", "ab", "abcdef", ""} {
		w := &ops.SendMsg{To: a, Buf: text(s), Addr: at(b), Control: completion.Control{SegmentSize: 3}}
		is(e, p.Await(e.ctx, w), nil)
		equal(e, "sent", w.N(), len(s))
		for ; len(s) > 3; s = s[3:] {
			arrives(e, p, b, s[:3])
		}
		arrives(e, p, b, s)
	}
}

func segmentsInABatch(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	w := &ops.WriteBatch{To: a, Messages: letters(b, "first", "abcde", "last")}
	w.Messages[1].Control = &completion.Control{SegmentSize: 2}
	is(e, p.Await(e.ctx, w), nil)
	equal(e, "sent", w.Count, 3)
	equal(e, "bytes", w.N(), 14)
	arrives(e, p, b, "first", "ab", "cd", "e", "last")
}

// segmentsWaitForRoom: those that were sent before are not sent again.
func segmentsWaitForRoom(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "unixgram"), e.packets(p, "unixgram")
	is(e, b.SetReadBuffer(2000), nil)
	is(e, a.Connect(b.LocalAddr()), nil)
	const size = 7
	left := strings.Repeat("abcdefghijklmnopqrstuvwxyz", 100)
	w := &ops.SendMsg{To: a, Buf: text(left), Control: completion.Control{SegmentSize: size}}
	behind := &ops.SendMsg{To: a, Buf: text("end")}
	e.submit(p, w, behind)
	for ; len(left) > size; left = left[size:] {
		arrives(e, p, b, left[:size])
	}
	arrives(e, p, b, left, "end")
	e.expect(p, w, nil)
	equal(e, "sent", w.N(), 2600)
	e.expect(p, behind, nil)
}

// manySegmentsAreCancelled: they are more than one turn sends, so others have theirs.
func manySegmentsAreCancelled(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	w := &ops.SendMsg{To: a, Buf: own(10_000), Addr: at(b), Control: completion.Control{SegmentSize: 1}}
	e.submit(p, w)
	equal(e, "cancelled", p.Cancel(w), true)
	e.expect(p, w, completion.ErrCanceled)
	equal(e, "N", w.N(), 0)
	arrives(e, p, b, "\x00") // some were sent
	batch := &ops.WriteBatch{To: a, Messages: letters(b, "first", "second")}
	batch.Messages[0].Buf, batch.Messages[0].Control = own(1000), &completion.Control{SegmentSize: 1}
	is(e, p.Await(e.ctx, batch), nil)
	equal(e, "sent", batch.Count, 2)
	equal(e, "bytes", batch.N(), 1006)
}

// mixed fills w with datagrams of equal and of other sizes to two sockets, and returns what
// each of these is to receive.
func mixed(w *ops.WriteBatch, b, c *completion.PacketSocket) (toB, toC []string) {
	for i := range 100 {
		s := strings.Repeat(string(rune('a'+i%26)), 20)
		switch {
		case i%30 == 17: // ends a run
			s = s[:7]
		case i%30 == 25: // begins one
			s += "longer"
		case i%30 == 28:
			toC = append(toC, s)
			w.Messages = append(w.Messages, letters(c, s)...)
			continue
		}
		toB = append(toB, s)
		w.Messages = append(w.Messages, letters(b, s)...)
	}
	return toB, toC
}

// equalDatagramsOfABatch: each arrives by itself and in its order, also if several leave as one.
func equalDatagramsOfABatch(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b, c := e.packets(p, "udp4"), e.packets(p, "udp4"), e.packets(p, "udp4")
	is(e, b.SetReadBuffer(1<<20), nil)
	w := &ops.WriteBatch{To: a}
	toB, toC := mixed(w, b, c)
	for range 2 {
		is(e, p.Await(e.ctx, w), nil)
		equal(e, "sent", w.Count, 100)
		arrives(e, p, b, toB...)
		arrives(e, p, c, toC...)
	}
	is(e, a.Connect(b.LocalAddr()), nil)
	w.Messages = letters(b, toB...)
	for i := range w.Messages {
		w.Messages[i].Addr = netip.AddrPort{}
	}
	is(e, p.Await(e.ctx, w), nil)
	arrives(e, p, b, toB...)
}

// coalescedDatagrams: a Control tells where the datagrams in one buffer end.
func coalescedDatagrams(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	e.reports(b, completion.ReportSegments)
	var want []string
	for i := range 10 {
		want = append(want, strings.Repeat(string(rune('a'+i)), 100))
	}
	want[9] = "end"
	is(e, p.Await(e.ctx, &ops.WriteBatch{To: a, Messages: letters(b, want...)}), nil)
	var got []string
	largest := 0
	for len(got) < len(want) {
		r := &ops.RecvMsg{From: b, Buf: own(1 << 16)}
		is(e, p.Await(e.ctx, r), nil)
		s := string(r.Buf.Bytes())
		for size := r.Control.SegmentSize; size > 0 && len(s) > size; s = s[size:] {
			got = append(got, s[:size])
		}
		got = append(got, s)
		largest = max(largest, r.N())
	}
	equal(e, "datagrams", strings.Join(got, " "), strings.Join(want, " "))
	if largest <= 100 {
		e.Error("nothing was put together")
	}
}
