package porttest

import (
	"net"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// What a port that is closed does to operations it refuses.
var submitRefusedCases = []testCase{
	refusedOperationsAreClosed,
	refusedWhileShuttingDown,
	refusedAcceptHasNoConnection,
	refusedLateReadHasNoBuffer,
	refusedInFlightPanics,
	refusedNilPanics,
	refusedTwiceInBatchPanics,
	refusedSharedBufferIsLeftAlone,
}

// refusals submits an operation to a closed port in each way, and once in a batch.
func refusals(e *env, p *completion.Port, op completion.Operation) {
	e.Helper()
	for _, refused := range []func() error{
		func() error { return p.Submit(op) },
		func() error { return p.Submit(newPost(nil), op, newPost(nil)) },
		func() error { return p.Start(op) },
		func() error { return p.Await(e.ctx, op) },
	} {
		is(e, refused(), net.ErrClosed)
		e.outcome(op, net.ErrClosed)
		equal(e, "N", op.N(), 0)
		equal(e, "cancelled", p.Cancel(op), false)
	}
}

func refusedOperationsAreClosed(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	read, started := &ops.Read{From: s, Buf: own(8)}, &ops.Read{From: s, Buf: own(8)}
	write := &ops.Write{To: s, Buf: text("bytes")}
	post, timer := newPost(nil), &ops.Timer{}
	c.send("one")
	e.submit(p, read)
	e.expect(p, read, nil)
	equal(e, "N", read.N(), 3)
	c.send("two")
	is(e, p.Await(e.ctx, started), nil)
	e.submit(p, write, post, timer)
	e.expectAll(p, nil, write, post, timer)
	is(e, p.Close(), nil)
	for _, op := range []completion.Operation{read, started, write, post, timer, &ops.CloseWrite{On: s}, new(ops.Post)} {
		refusals(e, p, op)
	}
	// A read has as many bytes as N says, a write keeps its own.
	equal(e, "bytes of a read", read.Buf.Len(), 0)
	equal(e, "bytes of a started read", started.Buf.Len(), 0)
	equal(e, "memory of a read", len(read.Buf.Memory()), 8)
	equal(e, "bytes of a write", string(write.Buf.Bytes()), "bytes")
	// One that had been waited for can be waited for again.
	is(e, p.Wait(e.ctx, started), net.ErrClosed)
}

func refusedWhileShuttingDown(e *env) {
	p := e.port(nil)
	stuck, c := e.stuckWrite(p)
	done := make(chan error, 1)
	go func() { done <- p.Shutdown(e.ctx) }()
	post := newPost(nil)
	until(func() bool {
		if p.Submit(post) != nil {
			return true
		}
		e.expect(p, post, nil) // accepted before
		return false
	})
	e.outcome(post, net.ErrClosed)
	refusals(e, p, post)
	// The write is still on its way: it is the port's, whatever the port accepts.
	submitSentence(e, panics(e, func() { p.Submit(stuck) }), "belongs to the port")
	submitSentence(e, panics(e, func() { stuck.N() }), "belongs to the port")
	received := make(chan string, 1)
	go func() { received <- c.receive(stuckBytes) }()
	e.expect(p, stuck, nil)
	equal(e, "written", stuck.N(), stuckBytes)
	is(e, <-done, nil)
	<-received
}

func refusedAcceptHasNoConnection(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	c := e.dial(l.Addr())
	accept := &ops.Accept{On: l}
	e.submit(p, accept)
	e.expect(p, accept, nil)
	if accept.Conn == nil {
		e.Fatal("no connection")
	}
	is(e, p.Close(), nil)
	refusals(e, p, accept)
	if accept.Conn != nil {
		e.Fatal("a refused accept has the connection of its last use")
	}
	e.atEnd(c)
}

func refusedLateReadHasNoBuffer(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 8, 1)
	late := &ops.Read{From: s, Pool: pool}
	c.send("late")
	e.submit(p, late)
	e.expect(p, late, nil)
	mine := late.Buf
	equal(e, "bytes", string(mine.Bytes()), "late")
	is(e, p.Close(), nil)
	refusals(e, p, late)
	if late.Buf != nil {
		e.Fatal("a refused read has the buffer of its last use")
	}
	equal(e, "bytes", string(mine.Bytes()), "late")
	mine.Release()
}

// refusedInFlightPanics: what lies in the queue of a closed port, or was not waited for,
// is the port's, and keeps its outcome. So does what was submitted along with it.
func refusedInFlightPanics(e *env) {
	p := e.port(nil)
	mine, queued, started := newPost(nil), newPost(nil), newPost(nil)
	is(e, p.Await(e.ctx, mine), nil)
	e.submit(p, queued)
	e.start(p, started)
	timer := &ops.Timer{After: time.Hour}
	e.submit(p, timer)
	is(e, p.Close(), nil)
	for _, op := range []completion.Operation{queued, started, timer} {
		submitSentence(e, panics(e, func() { p.Submit(op) }), "belongs to the port")
		submitSentence(e, panics(e, func() { p.Submit(mine, op) }), "belongs to the port")
		submitSentence(e, panics(e, func() { p.Await(e.ctx, op) }), "belongs to the port")
		e.outcome(mine, nil)
	}
	e.expect(p, queued, nil)
	e.expect(p, timer, net.ErrClosed)
	is(e, p.Wait(e.ctx, started), nil)
}

func refusedNilPanics(e *env) {
	p := e.port(nil)
	mine := newPost(nil)
	is(e, p.Await(e.ctx, mine), nil)
	is(e, p.Close(), nil)
	submitSentence(e, panics(e, func() { p.Submit(nil) }), "nil")
	submitSentence(e, panics(e, func() { p.Submit(mine, (*ops.Read)(nil)) }), "nil")
	e.outcome(mine, nil)
	is(e, p.Submit(), net.ErrClosed)
}

func refusedTwiceInBatchPanics(e *env) {
	p := e.port(nil)
	is(e, p.Close(), nil)
	post := newPost(nil)
	submitSentence(e, panics(e, func() { p.Submit(post, post) }), "belongs to the port")
	e.outcome(post, nil)
	refusals(e, p, post)
}

// refusedSharedBufferIsLeftAlone: a buffer that the operation could not have been lent
// stays as it is.
func refusedSharedBufferIsLeftAlone(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	shared := text("shared")
	shared.Share()
	is(e, p.Close(), nil)
	read, write := &ops.Read{From: s, Buf: shared}, &ops.Write{To: s, Buf: shared}
	refusals(e, p, read)
	refusals(e, p, write)
	equal(e, "bytes", string(shared.Bytes()), "shared")
	shared.Release()
	shared.Set(nil)
}
