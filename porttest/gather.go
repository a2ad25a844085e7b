package porttest

import (
	"fmt"
	"net"
	"strings"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Writes that are queued leave together.
var gatherCases = []testCase{
	queuedWritesLeaveTogether,
	queuedWritesOfASharedBuffer,
	queuedWritesPassAFullSocket,
	queuedWritesCancelledAnywhere,
	queuedWritesCutByAClose,
	queuedWritesOfManySizes,
}

// numberedWrites returns n writes of different texts, and the texts one behind the other.
func numberedWrites(s *completion.Socket, n int) (writes []completion.Operation, all string) {
	for i := range n {
		line := fmt.Sprintf("line %d\n", i)
		writes = append(writes, &ops.Write{To: s, Buf: text(line)})
		all += line
	}
	return writes, all
}

func queuedWritesLeaveTogether(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("first")}), nil) // there is room
	c.receive(5)
	const n = 200
	writes, all := numberedWrites(s, n)
	calls := p.Stats().Calls
	e.submit(p, writes...)
	for _, w := range writes {
		e.expect(p, w, nil)
		equal(e, "written", w.N(), w.(*ops.Write).Buf.Len())
	}
	if calls = p.Stats().Calls - calls; calls > 5 {
		e.Errorf("%d writes took %d system calls", n, calls)
	}
	equal(e, "received", c.receive(len(all)), all)
}

func queuedWritesOfASharedBuffer(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 8, 1)
	b := pool.Take()
	copy(b.Memory(), "together")
	b.Share()
	var writes []completion.Operation
	for range 100 {
		writes = append(writes, &ops.Write{To: s, Buf: b})
	}
	e.submit(p, writes...)
	b.Release()
	for i, w := range writes {
		equal(e, fmt.Sprint("lent before write ", i), pool.Lent(), 1)
		e.expect(p, w, nil)
		w.(*ops.Write).Buf = nil
	}
	equal(e, "lent", pool.Lent(), 0)
	equal(e, "received", c.receive(800), strings.Repeat("together", 100))
}

// queuedWritesPassAFullSocket: a call of several writes ends in the middle of one, again and
// again.
func queuedWritesPassAFullSocket(e *env) {
	p := e.port(nil)
	big, c := e.stuckWrite(p)
	var writes []completion.Operation
	all := make([]byte, c.ahead+stuckBytes) // those of the write that is stuck are 0
	for i := range 3000 {
		b := streamPattern(byte(i), 1+i%1500)
		all = append(all, b...)
		writes = append(writes, &ops.Write{To: big.To, Buf: completion.Own(b)})
	}
	e.submit(p, writes...)
	e.idle(p)
	done := streamPeerReceive(c, all)
	for _, w := range append([]completion.Operation{big}, writes...) {
		e.expect(p, w, nil)
		equal(e, "written", w.N(), w.(*ops.Write).Buf.Len())
	}
	is(e, <-done, nil)
}

func queuedWritesCancelledAnywhere(e *env) {
	p := e.port(nil)
	big, c := e.stuckWrite(p)
	writes, _ := numberedWrites(big.To, 150)
	e.submit(p, writes...)
	e.idle(p)
	cancelled := []int{2, 3, 70, 149}
	for _, i := range cancelled {
		equal(e, "cancelled", p.Cancel(writes[i]), true)
		e.expect(p, writes[i], completion.ErrCanceled)
		equal(e, "written", writes[i].N(), 0)
		writes[i] = nil
	}
	done := make(chan string, 1)
	rest := ""
	for i, w := range writes {
		if w != nil {
			rest += fmt.Sprintf("line %d\n", i)
		}
	}
	go func() {
		c.receive(c.ahead + stuckBytes)
		done <- c.receive(len(rest))
	}()
	e.expect(p, big, nil)
	for _, w := range writes {
		if w != nil {
			e.expect(p, w, nil)
		}
	}
	equal(e, "received", <-done, rest)
}

// queuedWritesCutByAClose: none is reported as sent that the peer does not get.
func queuedWritesCutByAClose(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	writes, all := numberedWrites(s, 500)
	e.submit(p, writes...)
	s.Close()
	sent := 0
	for range writes {
		w := e.next(p).(*ops.Write)
		if sent += w.N(); w.Err() != nil {
			is(e, w.Err(), net.ErrClosed)
		}
	}
	equal(e, "received", c.receive(sent), all[:sent])
}

// queuedWritesOfManySizes: large writes among small ones, and half closes behind them.
func queuedWritesOfManySizes(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	var writes []completion.Operation
	var all []byte
	for i := range 60 {
		b := streamPattern(byte(i), []int{0, 1, 300_000, 5, 100_000, 20_000}[i%6])
		all = append(all, b...)
		writes = append(writes, &ops.Write{To: s, Buf: completion.Own(b)})
	}
	done := streamPeerReceive(c, all)
	e.submit(p, append(writes, &ops.CloseWrite{On: s})...)
	for _, w := range writes {
		e.expect(p, w, nil)
		equal(e, "written", w.N(), w.(*ops.Write).Buf.Len())
	}
	is(e, e.next(p).Err(), nil)
	is(e, <-done, nil)
	streamPeerEOF(e, c)
}
