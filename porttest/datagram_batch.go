package porttest

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var batchCases = []testCase{
	largeBatchLeavesTurns,
	batchBringsWhatIsThere,
	batchWaitsForTheFirst,
	batchOfMany,
	pooledBatchTakesWhatThePoolHas,
	pooledBatchHoldsNoBuffer,
	pooledBatchWithEmptyDatagrams,
	batchMarksLargerDatagrams,
	batchStopsAtAFailure,
	batchOfSharedBuffers,
	batchAfterBatch,
	batchCancelled,
	batchClosed,
	batchMistakes,
	batchLendsAllBuffers,
	batchRefused,
}

// room returns messages with buffers of n bytes.
func room(count, n int) []ops.Message {
	all := make([]ops.Message, count)
	for i := range all {
		all[i].Buf = own(n)
	}
	return all
}

// letters returns messages to a socket with these texts.
func letters(to *completion.PacketSocket, texts ...string) []ops.Message {
	all := make([]ops.Message, len(texts))
	for i, s := range texts {
		all[i] = ops.Message{Buf: text(s), Addr: at(to)}
	}
	return all
}

// checkBatch checks the datagrams of a batch that has ended.
func checkBatch(e *env, r *ops.ReadBatch, from *completion.PacketSocket, want ...string) {
	e.Helper()
	equal(e, "datagrams", r.Count, len(want))
	bytes := 0
	for i, s := range want {
		m := r.Messages[i]
		switch {
		case m.Buf == nil && r.Pool != nil && s == "":
		case m.Buf == nil:
			e.Fatalf("datagram %d has no buffer", i)
		default:
			equal(e, "datagram", string(m.Buf.Bytes()), s)
		}
		equal(e, "sender", m.Addr, at(from))
		bytes += len(s)
	}
	equal(e, "bytes", r.N(), bytes)
	for _, m := range r.Messages[len(want):] {
		if r.Pool == nil && m.Buf.Len() != 0 || r.Pool != nil && m.Buf != nil || m.Addr != (netip.AddrPort{}) {
			e.Fatalf("behind the last: %+v", m)
		}
	}
}

func batchBringsWhatIsThere(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	w := &ops.WriteBatch{To: a, Messages: letters(b, "one", "", "three")}
	is(e, p.Await(e.ctx, w), nil)
	equal(e, "sent", w.Count, 3)
	equal(e, "bytes sent", w.N(), 8)
	r := &ops.ReadBatch{From: b, Messages: room(5, 10)}
	is(e, p.Await(e.ctx, r), nil)
	checkBatch(e, r, a, "one", "", "three")
}

func batchWaitsForTheFirst(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	r := &ops.ReadBatch{From: b, Messages: room(5, 10)}
	e.submit(p, r)
	e.idle(p)
	e.sendTo2(p, a, b, "x")
	e.expect(p, r, nil)
	checkBatch(e, r, a, "x")
	equal(e, "in the queue", p.Stats().Queued, 0)
}

// More than one system call moves, and more than a socket may have room for.
func batchOfMany(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	const n = 100
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprint("datagram ", i)
	}
	w := &ops.WriteBatch{To: a, Messages: letters(b, texts...)}
	is(e, p.Await(e.ctx, w), nil)
	equal(e, "sent", w.Count, n)
	for len(texts) > 0 {
		r := &ops.ReadBatch{From: b, Messages: room(70, 20)}
		is(e, p.Await(e.ctx, r), nil)
		if r.Count == 0 || r.Count > len(texts) {
			e.Fatalf("%d datagrams, %d were left", r.Count, len(texts))
		}
		checkBatch(e, r, a, texts[:r.Count]...)
		texts = texts[r.Count:]
	}
}

func pooledBatchTakesWhatThePoolHas(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	pool := e.pool(p, 10, 3)
	taken := pool.Take()
	is(e, p.Await(e.ctx, &ops.WriteBatch{To: a, Messages: letters(b, "1", "2", "3", "4")}), nil)
	r := &ops.ReadBatch{From: b, Pool: pool, Messages: make([]ops.Message, 4)}
	is(e, p.Await(e.ctx, r), nil)
	checkBatch(e, r, a, "1", "2")
	equal(e, "lent", pool.Lent(), 3)
	taken.Release()
	r.Messages[0].Buf.Release()
	r.Messages[0].Buf = nil
	r.Release()
	equal(e, "lent", pool.Lent(), 0)
	is(e, p.Await(e.ctx, r), nil)
	checkBatch(e, r, a, "3", "4")
	equal(e, "lent", pool.Lent(), 2)
	r.Release()
}

func pooledBatchHoldsNoBuffer(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	pool := e.pool(p, 10, 2)
	r := &ops.ReadBatch{From: b, Pool: pool, Messages: make([]ops.Message, 2)}
	e.submit(p, r)
	e.idle(p)
	equal(e, "lent while it waits", pool.Lent(), 0)
	one, two := pool.Take(), pool.Take()
	e.sendTo2(p, a, b, "hello")
	e.idle(p)
	one.Release()
	e.expect(p, r, nil)
	checkBatch(e, r, a, "hello")
	two.Release()
	bufferRefuses(e, two, "pool")
	r.Release()
}

func pooledBatchWithEmptyDatagrams(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	pool := e.pool(p, 10, 3)
	r := &ops.ReadBatch{From: b, Pool: pool, Messages: make([]ops.Message, 3)}
	for _, texts := range [][]string{{"", "x", ""}, {"", ""}, {"y", ""}} {
		is(e, p.Await(e.ctx, &ops.WriteBatch{To: a, Messages: letters(b, texts...)}), nil)
		is(e, p.Await(e.ctx, r), nil)
		checkBatch(e, r, a, texts...)
		full := 0
		for _, s := range texts {
			full += len(s)
		}
		equal(e, "lent", pool.Lent(), full)
		r.Release()
	}
}

func batchMarksLargerDatagrams(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	is(e, p.Await(e.ctx, &ops.WriteBatch{To: a, Messages: letters(b, "abc", "defgh", "ij")}), nil)
	r := &ops.ReadBatch{From: b, Messages: room(3, 3)}
	is(e, p.Await(e.ctx, r), nil)
	checkBatch(e, r, a, "abc", "def", "ij")
	for i, want := range []bool{false, true, false} {
		equal(e, "truncated", r.Messages[i].Truncated, want)
	}
	is(e, p.Await(e.ctx, &ops.WriteBatch{To: a, Messages: letters(b, "abc", "abcd")}), nil)
	r = &ops.ReadBatch{From: b, Messages: room(1, 3)} // a batch of one is a batch
	is(e, p.Await(e.ctx, r), nil)
	checkBatch(e, r, a, "abc")
	is(e, p.Await(e.ctx, r), nil)
	checkBatch(e, r, a, "abc")
	equal(e, "truncated", r.Messages[0].Truncated, true)
}

func batchStopsAtAFailure(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	w := &ops.WriteBatch{To: a, Messages: letters(b, "1", "2", "3", "4")}
	w.Messages[2].Buf = own(70000)
	is(e, p.Await(e.ctx, w), syscall.EMSGSIZE)
	equal(e, "sent", w.Count, 2)
	equal(e, "bytes", w.N(), 2)
	w.Messages[2].Buf = text("3")
	w.Messages[0].Buf.Resize(1) // it is the program's again
	w.Messages = w.Messages[2:]
	is(e, p.Await(e.ctx, w), nil)
	r := &ops.ReadBatch{From: b, Messages: room(5, 10)}
	is(e, p.Await(e.ctx, r), nil)
	checkBatch(e, r, a, "1", "2", "3", "4")
}

func batchOfSharedBuffers(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b, c := e.packets(p, "udp4"), e.packets(p, "udp4"), e.packets(p, "udp4")
	buf := e.pool(p, 4, 1).Take()
	copy(buf.Memory(), "news")
	buf.Share()
	w := &ops.WriteBatch{To: a, Messages: []ops.Message{{Buf: buf, Addr: at(b)}, {Buf: buf, Addr: at(c)}, {Buf: buf, Addr: at(b)}}}
	e.submit(p, w)
	buf.Release() // the batch has the last references
	e.expect(p, w, nil)
	bufferRefuses(e, buf, "pool")
	for _, s := range []*completion.PacketSocket{b, c, b} {
		e.receiveFrom(p, s, a, "news")
	}
	own := text("mine")
	own.Share()
	w.Messages = []ops.Message{{Buf: own, Addr: at(b)}, {Buf: own, Addr: at(c)}}
	is(e, p.Await(e.ctx, w), nil)
	own.Release()
	own.Set(nil) // nobody has it any more
}

func batchAfterBatch(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	first, second := &ops.ReadBatch{From: b, Messages: room(2, 10)}, &ops.ReadBatch{From: b, Messages: room(2, 10)}
	single := &ops.ReadFrom{From: b, Buf: own(10)}
	e.submit(p, first, single, second)
	is(e, p.Await(e.ctx, &ops.WriteBatch{To: a, Messages: letters(b, "1", "2", "3", "4")}), nil)
	all := ""
	for all != "1234" {
		switch op := e.next(p).(type) {
		case *ops.ReadBatch:
			e.outcome(op, nil)
			for _, m := range op.Messages[:op.Count] {
				all += string(m.Buf.Bytes())
			}
		case *ops.ReadFrom:
			e.outcome(op, nil)
			all += string(op.Buf.Bytes())
		}
	}
	if second.Ticket() != (completion.Ticket{}) { // the first had both
		e.Fatal("the last batch still waits")
	}
}

func batchCancelled(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	pool := e.pool(p, 10, 2)
	for _, r := range []*ops.ReadBatch{{From: b, Messages: room(2, 10)}, {From: b, Pool: pool, Messages: make([]ops.Message, 2)}} {
		e.submit(p, r)
		e.idle(p)
		if !p.Cancel(r) {
			e.Fatal("not in flight")
		}
		e.expect(p, r, completion.ErrCanceled)
		checkBatch(e, r, a)
		equal(e, "lent", pool.Lent(), 0)
		e.sendTo(p, a, b, "kept")
		is(e, p.Await(e.ctx, r), nil)
		checkBatch(e, r, a, "kept")
		r.Release()
	}
}

func batchClosed(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	b := e.packets(p, "udp4")
	own, pooled := &ops.ReadBatch{From: b, Messages: room(2, 10)}, &ops.ReadBatch{From: b, Pool: e.pool(p, 10, 2), Messages: make([]ops.Message, 2)}
	e.submit(p, own, pooled)
	e.idle(p)
	b.Close()
	e.expectAll(p, net.ErrClosed, own, pooled)
	checkBatch(e, own, b)
	checkBatch(e, pooled, b)
	w := &ops.WriteBatch{To: b, Messages: room(2, 1)}
	is(e, p.Await(e.ctx, w), net.ErrClosed)
	equal(e, "sent", w.Count, 0)
}

func batchMistakes(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	s := e.packets(p, "udp4")
	pool := e.pool(p, 10, 1)
	twice := own(1)
	for _, c := range []struct {
		op   completion.Operation
		says string
	}{
		{&ops.ReadBatch{From: s}, "no datagrams"},
		{&ops.ReadBatch{From: s, Pool: pool}, "no datagrams"},
		{&ops.WriteBatch{To: s}, "no datagrams"},
		{&ops.ReadBatch{From: s, Messages: make([]ops.Message, 1)}, "neither a buffer nor a pool"},
		{&ops.ReadBatch{From: s, Messages: []ops.Message{{Buf: twice}, {}}}, "neither a buffer nor a pool"},
		{&ops.ReadBatch{From: s, Messages: []ops.Message{{Buf: twice}, {Buf: twice}}}, "one buffer twice"},
		{&ops.ReadBatch{From: s, Messages: []ops.Message{{Buf: twice}, {Buf: own(0)}}}, "without memory"},
		{&ops.ReadBatch{From: s, Pool: pool, Messages: []ops.Message{{}, {Buf: twice}}}, "both a buffer and a pool"},
		{&ops.WriteBatch{To: s, Messages: []ops.Message{{Buf: twice}, {}}}, "without a buffer"},
		{&ops.WriteBatch{To: s, Messages: []ops.Message{{Buf: twice}, {Buf: twice}}}, "one buffer twice"},
		{&ops.WriteBatch{Messages: room(1, 1)}, "without a handle"},
	} {
		good := &ops.ReadBatch{From: s, Messages: room(2, 1)}
		submitSentence(e, panics(e, func() { p.Submit(good, c.op) }), c.says)
		good.Messages[1].Buf.Resize(0) // it was given back
		twice.Resize(1)
	}
	equal(e, "submitted", p.Stats().Submitted, 0)
}

func batchLendsAllBuffers(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	r := &ops.ReadBatch{From: e.packets(p, "udp4"), Messages: room(2, 1)}
	e.start(p, r)
	for _, m := range r.Messages {
		bufferRefuses(e, m.Buf, "port")
	}
	p.Cancel(r)
	e.untilEnded(p)
	for _, m := range r.Messages {
		bufferRefuses(e, m.Buf, "port") // it was not delivered
	}
	is(e, p.Wait(e.ctx, r), completion.ErrCanceled)
	for _, m := range r.Messages {
		m.Buf.Resize(1)
	}
}

func batchRefused(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	own, pooled := &ops.ReadBatch{From: b, Messages: room(2, 10)}, &ops.ReadBatch{From: b, Pool: e.pool(p, 10, 2), Messages: make([]ops.Message, 2)}
	for _, r := range []*ops.ReadBatch{own, pooled} {
		e.sendTo(p, a, b, "x")
		is(e, p.Await(e.ctx, r), nil)
		checkBatch(e, r, a, "x")
	}
	pooled.Release()
	w := &ops.WriteBatch{To: a, Messages: letters(b, "x")}
	is(e, p.Await(e.ctx, w), nil)
	p.Close()
	is(e, p.Submit(own, pooled, w), net.ErrClosed)
	checkBatch(e, own, a)
	checkBatch(e, pooled, a)
	equal(e, "sent", w.Count, 0)
}

// A batch is sent in turns: no Submit sends all of a large one, and a cancel ends it.
func largeBatchLeavesTurns(e *env) {
	e.needsDatagrams()
	p := e.port(nil)
	a, b := e.packets(p, "udp4"), e.packets(p, "udp4")
	x := text("x")
	x.Share()
	w := &ops.WriteBatch{To: a, Messages: make([]ops.Message, 5000)}
	for i := range w.Messages {
		w.Messages[i] = ops.Message{Buf: x, Addr: at(b)}
	}
	e.submit(p, w)
	equal(e, "in flight", p.Cancel(w), true)
	e.expect(p, w, completion.ErrCanceled)
	if w.Count == 0 || w.Count == len(w.Messages) || w.N() != w.Count {
		e.Errorf("sent %d of %d: %d bytes", w.Count, len(w.Messages), w.N())
	}
	x.Release()
	w.Messages = w.Messages[:40]
	for i := range w.Messages {
		w.Messages[i].Buf = text("y")
	}
	e.submit(p, w)
	e.expect(p, w, nil)
	equal(e, "sent", w.Count, 40)
}
