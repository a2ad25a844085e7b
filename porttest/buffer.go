package porttest

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var bufferCases = append([]testCase{
	ownStandsForTheMemory,
	resizeBounds,
	zeroBufferIsEmpty,
	setAllocatesNothing,
	setOnPoolBufferPanics,
	lentBufferNamesThePort,
	startedBufferIsLentUntilWait,
	releasedBufferNamesThePool,
	doubleReleasePanics,
	twoReleasersOneWins,
	releaseOfOwnMemoryDoesNothing,
	twoSubmittersOfOneBuffer,
	poolIsBounded,
	poolTakenByManyGoroutines,
	newPoolBadArguments,
	poolBufferReadAndWritten,
	sharedBufferIsFrozen,
	sharedMemoryUsableAgain,
	readIntoSharedPanics,
	broadcastReleasedBeforeTheEnd,
	broadcastReleasedAfterTheEnd,
	broadcastCancelledAndClosed,
	sharedBufferReleasedTwicePanics,
	broadcastByManyGoroutines,
	startedBroadcast,
}, bufferReleaseCases...)

// bufferUses are all uses that need a buffer to be the caller's.
func bufferUses(b *completion.Buffer) map[string]func() {
	return map[string]func(){
		"Bytes":   func() { b.Bytes() },
		"Len":     func() { b.Len() },
		"Memory":  func() { b.Memory() },
		"Resize":  func() { b.Resize(0) },
		"Set":     func() { b.Set(nil) },
		"Share":   func() { b.Share() },
		"Release": func() { b.Release() },
	}
}

// bufferRefuses checks that each use panics and says who owns the buffer.
func bufferRefuses(e *env, b *completion.Buffer, owner string) {
	e.Helper()
	for name, use := range bufferUses(b) {
		if message := panics(e, use); !strings.HasPrefix(message, "completion: ") || !strings.Contains(message, owner) {
			e.Errorf("%s says %q, which does not name the %s", name, message, owner)
		}
	}
}

func ownStandsForTheMemory(e *env) {
	memory := []byte("0123456789")
	b := completion.Own(memory[2:6])
	equal(e, "bytes", string(b.Bytes()), "2345")
	equal(e, "length", b.Len(), 4)
	equal(e, "memory", string(b.Memory()), "2345")
	b.Memory()[0] = 'x'
	equal(e, "the slice it stands for", string(memory), "01x3456789")
	b.Set(memory)
	equal(e, "bytes after Set", string(b.Bytes()), "01x3456789")
	b.Resize(3)
	equal(e, "bytes after Resize", string(b.Bytes()), "01x")
	equal(e, "length after Resize", b.Len(), 3)
	equal(e, "memory after Resize", len(b.Memory()), 10)
	b.Set(memory[:1])
	// Appending to what it gives out does not reach what is not its own.
	equal(e, "capacity of the memory", cap(b.Memory()), 1)
}

func resizeBounds(e *env) {
	b := own(8)
	for _, n := range []int{0, 8, 5} {
		b.Resize(n)
		equal(e, "length", b.Len(), n)
	}
	submitSentence(e, panics(e, func() { b.Resize(9) }), "Resize")
	submitSentence(e, panics(e, func() { b.Resize(-1) }), "Resize")
	equal(e, "length", b.Len(), 5)
}

func zeroBufferIsEmpty(e *env) {
	var b completion.Buffer
	equal(e, "length", b.Len()+len(b.Bytes())+len(b.Memory()), 0)
	b.Resize(0)
	panics(e, func() { b.Resize(1) })
	b.Release()
	b.Set([]byte("ab"))
	equal(e, "bytes", string(b.Bytes()), "ab")
	b.Set(nil)
	equal(e, "length", b.Len(), 0)
}

func setAllocatesNothing(e *env) {
	one, two := []byte("one"), []byte("and two")
	var b completion.Buffer
	n := testing.AllocsPerRun(100, func() {
		b.Set(one)
		b.Set(two)
	})
	equal(e, "allocations", n, 0)
	equal(e, "bytes", string(b.Bytes()), "and two")
}

func setOnPoolBufferPanics(e *env) {
	p := e.port(nil)
	b := e.pool(p, 4, 1).Take()
	submitSentence(e, panics(e, func() { b.Set([]byte("x")) }), "pool")
	equal(e, "length", b.Len(), 4)
	b.Release()
}

func lentBufferNamesThePort(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	r := &ops.Read{From: s, Buf: own(2), Full: true}
	e.submit(p, r)
	bufferRefuses(e, r.Buf, "port")
	c.send("ab")
	bufferRefuses(e, r.Buf, "port") // finished or not, it was not delivered
	e.expect(p, r, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "ab")
	pooled := e.pool(p, 2, 1).Take()
	copy(pooled.Memory(), "cd")
	w := &ops.Write{To: s, Buf: pooled}
	e.submit(p, w)
	bufferRefuses(e, pooled, "port")
	e.expect(p, w, nil)
	equal(e, "peer's bytes", c.receive(2), "cd")
	pooled.Release()
}

func startedBufferIsLentUntilWait(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	w := &ops.Write{To: s, Buf: text("hi")}
	e.start(p, w)
	equal(e, "peer's bytes", func() string { e.poll(p); return c.receive(2) }(), "hi")
	e.untilEnded(p)
	equal(e, "held", held(p.Stats()), 0) // it has ended
	bufferRefuses(e, w.Buf, "port")
	is(e, p.Wait(e.ctx, w), nil)
	equal(e, "bytes", string(w.Buf.Bytes()), "hi")
	is(e, p.Wait(e.ctx, w), nil) // takes nothing away
	w.Buf.Set(nil)
}

func releasedBufferNamesThePool(e *env) {
	p := e.port(nil)
	b := e.pool(p, 4, 1).Take()
	b.Release()
	bufferRefuses(e, b, "pool")
}

func doubleReleasePanics(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 4, 2)
	b := pool.Take()
	b.Release()
	submitSentence(e, panics(e, b.Release), "pool")
	equal(e, "lent", pool.Lent(), 0)
	first, second := pool.Take(), pool.Take()
	if first == second || pool.Take() != nil {
		e.Fatal("the pool has one buffer twice")
	}
	first.Release()
	second.Release()
}

func twoReleasersOneWins(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 1, 1)
	for range 500 {
		b := pool.Take()
		release := func() error { b.Release(); return nil }
		equal(e, "released", submitClaims(e, release, release), 1)
		equal(e, "lent", pool.Lent(), 0)
	}
}

func releaseOfOwnMemoryDoesNothing(e *env) {
	b := text("mine")
	b.Release()
	b.Release()
	equal(e, "bytes", string(b.Bytes()), "mine")
	b.Memory()[0] = 'M'
	equal(e, "bytes", string(b.Bytes()), "Mine")
}

// Two operations want the same buffer at once: one gets it, the other panics.
func twoSubmittersOfOneBuffer(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	buf := text("ab")
	for range 300 {
		a, b := &ops.Write{To: s, Buf: buf}, &ops.Write{To: s, Buf: buf}
		n := submitClaims(e, func() error { return p.Submit(a) }, func() error { return p.Submit(b) })
		equal(e, "accepted", n, 1)
		e.outcome(e.next(p), nil)
		equal(e, "peer's bytes", c.receive(2), "ab")
		equal(e, "written", a.N()+b.N(), 2)
	}
}

func poolIsBounded(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 16, 3)
	equal(e, "lent", pool.Lent(), 0)
	for range 3 { // also with buffers that have been used before
		taken := make(map[*completion.Buffer]bool)
		for i := range 3 {
			b := pool.Take()
			if b == nil || taken[b] {
				e.Fatalf("buffer %d is %p", i, b)
			}
			taken[b] = true
			equal(e, "length", b.Len(), 16)
			equal(e, "memory", len(b.Memory()), 16)
			equal(e, "lent", pool.Lent(), i+1)
			b.Resize(i)
		}
		for range 2 {
			if b := pool.Take(); b != nil {
				e.Fatal("one buffer above the limit")
			}
		}
		for b := range taken {
			b.Release()
		}
		equal(e, "lent", pool.Lent(), 0)
	}
}

func poolTakenByManyGoroutines(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 8, 3)
	var group sync.WaitGroup
	var held, tooMany, spoilt atomic.Int32
	for id := range 4 {
		group.Go(func() {
			for range 2000 {
				b := pool.Take()
				if b == nil {
					continue
				}
				if held.Add(1) > 3 {
					tooMany.Add(1)
				}
				m := b.Memory()
				for i := range m {
					m[i] = byte(id)
				}
				for i := range m {
					if m[i] != byte(id) {
						spoilt.Add(1)
					}
				}
				held.Add(-1)
				b.Release()
			}
		})
	}
	group.Wait()
	equal(e, "times too many were held", tooMany.Load(), 0)
	equal(e, "bytes of others", spoilt.Load(), 0)
	equal(e, "lent", pool.Lent(), 0)
}

func newPoolBadArguments(e *env) {
	p := e.port(nil)
	for _, bad := range [][2]int{{0, 1}, {1, 0}, {-1, 1}, {1, -1}, {0, 0}} {
		submitSentence(e, panics(e, func() { p.NewPool(bad[0], bad[1]) }), "NewPool")
	}
	b := e.pool(p, 1, 1).Take()
	equal(e, "length", b.Len(), 1)
	b.Release()
}

// A pool's buffer can be read into and written from like one's own.
func poolBufferReadAndWritten(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	pool := e.pool(p, 100, 1)
	b := pool.Take()
	r := &ops.Read{From: s, Buf: b}
	c.send("x")
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "bytes", string(b.Bytes()), "x")
	equal(e, "memory", len(b.Memory()), 100)
	equal(e, "lent", pool.Lent(), 1)
	copy(b.Memory(), "yes")
	b.Resize(3)
	w := &ops.Write{To: s, Buf: b}
	e.submit(p, w)
	e.expect(p, w, nil)
	equal(e, "peer's bytes", c.receive(3), "yes")
	r.Deadline = completion.After(-time.Second) // it brings nothing
	e.submit(p, r)
	if e.next(p) != completion.Operation(r) || r.Err() == nil {
		e.Fatal("a read that has timed out")
	}
	equal(e, "length", b.Len(), 0)
	b.Release()
	b = pool.Take()
	equal(e, "length of a fresh one", b.Len(), 100)
	b.Release()
}
