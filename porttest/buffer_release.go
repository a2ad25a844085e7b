package porttest

import (
	"os"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/race"
	"github.com/completionport/completion/ops"
)

// bufferReleaseCases are about the end of owning a pool's buffer.
var bufferReleaseCases = []testCase{
	readReleaseForgetsItsBuffer,
	readReleaseLeavesOwnBuffer,
	readReleaseInFlightPanics,
	staleUseOfReadBufferPanics,
	staleUseOfTakenBufferPanics,
	staleUseOfSharedBufferPanics,
}

// readReleaseForgetsItsBuffer: the read is ready for its next use, and releasing again
// harms nobody.
func readReleaseForgetsItsBuffer(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 8, 1)
	r := &ops.Read{From: s, Pool: pool}
	r.Release()
	for range 3 {
		c.send("data")
		is(e, p.Await(e.ctx, r), nil)
		equal(e, "bytes", string(r.Buf.Bytes()), "data")
		equal(e, "lent", pool.Lent(), 1)
		for range 2 {
			r.Release()
			equal(e, "buffer", r.Buf, nil)
			equal(e, "lent", pool.Lent(), 0)
			equal(e, "N", r.N(), 4)
			is(e, r.Err(), nil)
		}
	}
	// Handed on, it is not the read's any more.
	c.send("on")
	is(e, p.Await(e.ctx, r), nil)
	write := &ops.Write{To: s, Buf: r.Buf}
	r.Buf = nil
	is(e, p.Await(e.ctx, write), nil)
	r.Release()
	equal(e, "lent", pool.Lent(), 1)
	equal(e, "received", c.receive(2), "on")
	write.Buf.Release()
	// One that failed has none.
	e.submit(p, r)
	p.Cancel(r)
	e.expect(p, r, completion.ErrCanceled)
	r.Release()
	equal(e, "lent", pool.Lent(), 0)
}

// readReleaseLeavesOwnBuffer: without a Pool the buffer stays, whatever it is.
func readReleaseLeavesOwnBuffer(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 8, 1)
	for _, buf := range []*completion.Buffer{own(8), pool.Take()} {
		r := &ops.Read{From: s, Buf: buf}
		for range 2 {
			c.send("data")
			is(e, p.Await(e.ctx, r), nil)
			r.Release()
			equal(e, "buffer", r.Buf, buf)
			equal(e, "bytes", string(r.Buf.Bytes()), "data")
		}
		buf.Release()
	}
}

func readReleaseInFlightPanics(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 8, 1)
	r := &ops.Read{From: s, Pool: pool}
	e.submit(p, r)
	submitSentence(e, panics(e, r.Release), "belongs to the port")
	c.send("data")
	e.expect(p, r, nil)
	// Its buffer is in flight, and stays with both.
	write := &ops.Write{To: s, Buf: r.Buf}
	e.submit(p, write)
	submitSentence(e, panics(e, r.Release), "belongs to the port")
	e.expect(p, write, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "data")
	equal(e, "received", c.receive(4), "data")
	r.Release()
}

// inCheckMode runs f with ports that find stale buffers out: by the setting, and
// under the race detector also without.
func inCheckMode(e *env, f func()) {
	e.Helper()
	if race.Enabled {
		f()
	}
	e.Setenv("COMPLETIONDEBUG", os.Getenv("COMPLETIONDEBUG")+",check=buffers")
	f()
}

// refusesStale checks that a released buffer panics however it is used, and that
// this harms neither the pool nor another who has its memory.
func refusesStale(e *env, p *completion.Port, s *completion.Socket, stale *completion.Buffer) {
	e.Helper()
	bufferRefuses(e, stale, "released")
	for _, op := range []completion.Operation{&ops.Write{To: s, Buf: stale}, &ops.Read{From: s, Buf: stale}} {
		submitSentence(e, panics(e, func() { p.Submit(op) }), "released")
	}
}

func staleUseOfReadBufferPanics(e *env) {
	inCheckMode(e, func() {
		p := e.port(nil)
		s, c := e.pair(p)
		pool := e.pool(p, 8, 1)
		first, second := &ops.Read{From: s, Pool: pool}, &ops.Read{From: s, Pool: pool}
		c.send("first")
		is(e, p.Await(e.ctx, first), nil)
		stale := first.Buf
		stale.Release()
		refusesStale(e, p, s, stale)
		c.send("second")
		is(e, p.Await(e.ctx, second), nil) // the same memory has another owner
		refusesStale(e, p, s, stale)
		submitSentence(e, panics(e, first.Release), "released")
		equal(e, "lent", pool.Lent(), 1)
		equal(e, "bytes", string(second.Buf.Bytes()), "second")
		second.Release()
		refusesStale(e, p, s, stale)
		equal(e, "lent", pool.Lent(), 0)
	})
}

func staleUseOfTakenBufferPanics(e *env) {
	inCheckMode(e, func() {
		p := e.port(nil)
		s, _ := e.pair(p)
		pool := e.pool(p, 8, 1)
		var stale []*completion.Buffer
		for range 4 {
			b := pool.Take()
			for _, old := range stale {
				refusesStale(e, p, s, old)
			}
			equal(e, "lent", pool.Lent(), 1)
			equal(e, "length", b.Len(), 8)
			if pool.Take() != nil {
				e.Fatal("the pool has more than its one buffer")
			}
			b.Release()
			stale = append(stale, b)
		}
	})
}

func staleUseOfSharedBufferPanics(e *env) {
	inCheckMode(e, func() {
		p := e.port(nil)
		s, c := e.pair(p)
		pool := e.pool(p, 4, 1)
		b := pool.Take()
		copy(b.Memory(), "news")
		b.Share()
		write := &ops.Write{To: s, Buf: b}
		e.submit(p, write)
		b.Release() // the write still has it
		bufferRefuses(e, b, "released")
		e.expect(p, write, nil)
		equal(e, "received", c.receive(4), "news")
		equal(e, "lent", pool.Lent(), 0)
		next := pool.Take()
		refusesStale(e, p, s, b)
		equal(e, "length", next.Len(), 4)
		next.Release()
	})
}
