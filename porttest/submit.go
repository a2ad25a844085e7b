package porttest

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Those of wrong submissions are in submit_mistakes.go.
var submitCases = append([]testCase{
	postCompletesOnce,
	timerCompletesOnce,
	readAndWriteCompleteOnce,
	closeWriteCompletesOnce,
	acceptAndConnectCompleteOnce,
	resultIsQueuedNeverInline,
	readyReadIsQueuedNeverInline,
	nothingToSubmit,
	oneOperationUsedThousandTimes,
	readAndWriteUsedThousandTimes,
	startedOperationUsedThousandTimes,
	valueComesBack,
	ownTypeComesBack,
	readAndWriteEmbeddedInOneStruct,
	outcomeInFlightPanics,
	closedPortAcceptsNothing,
	limitIsAnOutcome,
	limitedWriteSendsNothing,
	limitedStartIsWaitedFor,
	submitInsideCompletions,
	largeBatchCompletesOnce,
	twoSubmittersOfOneOperation,
	twoPortsClaimOneOperation,
	manySubmittersManyDequeuers,
}, submitMistakeCases...)

// submitOnly checks that as many operations have been submitted and completed,
// and that nothing else is there.
func submitOnly(e *env, p *completion.Port, n uint64) {
	e.Helper()
	s := p.Stats()
	equal(e, "submitted", e.submitted(p), n)
	equal(e, "completed", e.completed(p), n)
	equal(e, "held", held(s), 0)
	e.idle(p)
}

func postCompletesOnce(e *env) {
	p := e.port(nil)
	op := new(ops.Post)
	e.submit(p, op)
	e.expect(p, op, nil)
	equal(e, "N", op.N(), 0)
	submitOnly(e, p, 1)
}

func timerCompletesOnce(e *env) {
	p := e.port(nil)
	for _, after := range []time.Duration{-time.Hour, 0, time.Millisecond} {
		op := &ops.Timer{After: after}
		begun := time.Now()
		e.submit(p, op)
		e.expect(p, op, nil)
		equal(e, "N", op.N(), 0)
		if d := time.Since(begun); d < after {
			e.Fatalf("a timer of %v ended after %v", after, d)
		}
	}
	submitOnly(e, p, 3)
}

func readAndWriteCompleteOnce(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	w := &ops.Write{To: s, Buf: text("ping")}
	e.submit(p, w)
	e.expect(p, w, nil)
	equal(e, "written", w.N(), 4)
	equal(e, "peer's bytes", c.receive(4), "ping")
	c.send("pong!")
	r := &ops.Read{From: s, Buf: own(5), Full: true}
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "read", r.N(), 5)
	equal(e, "bytes", string(r.Buf.Bytes()), "pong!")
	submitOnly(e, p, 2)
}

func closeWriteCompletesOnce(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	op := &ops.CloseWrite{On: s}
	e.submit(p, op)
	e.expect(p, op, nil)
	equal(e, "N", op.N(), 0)
	streamPeerEOF(e, c)
	submitOnly(e, p, 1)
}

func acceptAndConnectCompleteOnce(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	s, err := p.Socket("tcp4")
	is(e, err, nil)
	a := &ops.Accept{On: l}
	c := &ops.Connect{On: s, To: l.Addr()}
	e.submit(p, a, c)
	e.expectAll(p, nil, a, c)
	equal(e, "N of connect", c.N(), 0)
	equal(e, "N of accept", a.N(), 0)
	if a.Conn == nil {
		e.Fatal("no connection")
	}
	equal(e, "address", a.Conn.RemoteAddr().String(), s.LocalAddr().String())
	submitOnly(e, p, 2)
}

func resultIsQueuedNeverInline(e *env) {
	p := e.port(nil)
	op := newPost(1)
	e.submit(p, op)
	s := p.Stats()
	equal(e, "queued", s.Queued, 1)
	equal(e, "held", held(s), 1)
	equal(e, "in flight", s.InFlight, 0)
	panics(e, func() { op.N() })
	e.expect(p, op, nil)
	equal(e, "held", held(p.Stats()), 0)
}

// The read may be done as soon as Submit returns, but it is still the port's.
func readyReadIsQueuedNeverInline(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	c.send("now")
	r := &ops.Read{From: s, Buf: own(3), Full: true}
	e.submit(p, r)
	panics(e, func() { r.Err() })
	panics(e, func() { r.Buf.Bytes() })
	e.expect(p, r, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "now")
}

func nothingToSubmit(e *env) {
	p := e.port(nil)
	before := p.Stats()
	is(e, p.Submit(), nil)
	is(e, p.Submit([]completion.Operation{}...), nil)
	equal(e, "stats", p.Stats(), before)
	e.idle(p)
}

func oneOperationUsedThousandTimes(e *env) {
	p := e.port(nil)
	op := new(ops.Post)
	for i := range 1000 {
		op.Value = i
		e.submit(p, op)
		e.expect(p, op, nil)
		equal(e, "value", op.Value.(int), i)
	}
	submitOnly(e, p, 1000)
}

func readAndWriteUsedThousandTimes(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	r := &ops.Read{From: s, Buf: own(2), Full: true}
	w := &ops.Write{To: s, Buf: own(2)}
	for i := range 1000 {
		want := string([]byte{byte(i), byte(i >> 8)})
		w.Buf.Set([]byte(want))
		e.submit(p, r, w)
		e.expect(p, w, nil)
		c.send(c.receive(2))
		e.expect(p, r, nil)
		equal(e, "bytes", string(r.Buf.Bytes()), want)
	}
	submitOnly(e, p, 2000)
}

func startedOperationUsedThousandTimes(e *env) {
	p := e.port(nil)
	op := new(ops.Timer)
	for i := range 1000 {
		if i%2 == 0 { // both ways to use it may alternate
			e.start(p, op)
			is(e, p.Wait(e.ctx, op), nil)
		} else {
			e.submit(p, op)
			e.expect(p, op, nil)
		}
	}
	submitOnly(e, p, 1000)
}

func valueComesBack(e *env) {
	p := e.port(nil)
	type session struct{ id int }
	mine := &session{7}
	s, c := e.pair(p)
	c.send("x")
	r := &ops.Read{Op: completion.Op{Value: mine}, From: s, Buf: own(1)}
	e.submit(p, r)
	got := e.next(p).(*ops.Read)
	if got != r || got.Value != mine {
		e.Fatalf("dequeued %p with %v", got, got.Value)
	}
}

// submitRequest is a type of the program's own.
type submitRequest struct {
	before string
	ops.Read
	after string
}

func ownTypeComesBack(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	c.send("x")
	r := &submitRequest{"a", ops.Read{From: s, Buf: own(1)}, "z"}
	e.submit(p, r)
	got, ok := e.next(p).(*submitRequest)
	if !ok || got != r {
		e.Fatalf("dequeued %T %p, want %p", got, got, r)
	}
	is(e, got.Err(), nil)
	equal(e, "fields", got.before+string(got.Buf.Bytes())+got.after, "axz")
	// Started, it is waited for as that type too.
	c.send("y")
	e.start(p, r)
	is(e, p.Wait(e.ctx, r), nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "y")
}

func readAndWriteEmbeddedInOneStruct(e *env) {
	type conn struct {
		ops.Read
		ops.Write
	}
	p := e.port(nil)
	s, c := e.pair(p)
	both := &conn{
		ops.Read{From: s, Buf: own(2), Full: true},
		ops.Write{To: s, Buf: text("me")},
	}
	c.send("he")
	e.submit(p, &both.Read, &both.Write)
	e.expectAll(p, nil, &both.Read, &both.Write)
	equal(e, "read", string(both.Read.Buf.Bytes()), "he")
	equal(e, "written", both.Write.N(), 2)
	equal(e, "peer's bytes", c.receive(2), "me")
}

func outcomeInFlightPanics(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	started := &ops.Timer{After: time.Hour}
	e.submit(p, r)
	e.start(p, started)
	for _, f := range []func(){
		func() { r.N() }, func() { r.Err() },
		func() { started.N() }, func() { started.Err() },
	} {
		submitSentence(e, panics(e, f), "belongs to the port")
	}
	equal(e, "cancelled", p.Cancel(r), true)
	panics(e, func() { r.Err() }) // ended, but not delivered
	e.expect(p, r, completion.ErrCanceled)
	equal(e, "cancelled", p.Cancel(started), true)
	panics(e, func() { started.Err() })
	is(e, p.Wait(e.ctx, started), completion.ErrCanceled)
	is(e, started.Err(), completion.ErrCanceled)
}

func closedPortAcceptsNothing(e *env) {
	p := e.port(nil)
	batch := newSubmitBatch(e, p)
	before := p.Stats()
	is(e, p.Close(), nil)
	is(e, p.Submit(batch.operations()...), net.ErrClosed)
	for _, op := range batch.operations() {
		is(e, p.Start(op), net.ErrClosed)
		is(e, p.Await(context.Background(), op), net.ErrClosed)
		is(e, p.Submit(op), net.ErrClosed)
	}
	equal(e, "submitted", p.Stats().Submitted, before.Submitted)
	equal(e, "held", held(p.Stats()), 0)
	batch.ours(e, net.ErrClosed)
	// What has no handle may go to another port.
	other := e.port(nil)
	e.submit(other, &batch.post, &batch.timer)
	e.expectAll(other, nil, &batch.post, &batch.timer)
}

func limitIsAnOutcome(e *env) {
	p := e.port(&completion.Config{MaxInFlight: 3})
	s, c := e.pair(p)
	var reads [5]ops.Read
	var batch []completion.Operation
	for i := range reads {
		reads[i] = ops.Read{From: s, Buf: own(1)}
		batch = append(batch, &reads[i])
	}
	e.submit(p, batch...)
	e.expectAll(p, completion.ErrLimit, batch[3:]...)
	equal(e, "in flight", p.Stats().InFlight, 3)
	equal(e, "bytes of a limited read", reads[3].N()+len(reads[3].Buf.Bytes()), 0)
	post := new(ops.Post)
	e.submit(p, post)
	e.expect(p, post, completion.ErrLimit)
	c.send("abc")
	e.expectAll(p, nil, batch[:3]...)
	equal(e, "bytes", string(reads[0].Buf.Bytes())+string(reads[1].Buf.Bytes())+string(reads[2].Buf.Bytes()), "abc")
	e.submit(p, post) // there is room again
	e.expect(p, post, nil)
}

func limitedWriteSendsNothing(e *env) {
	p := e.port(&completion.Config{MaxInFlight: 1})
	s, c := e.pair(p)
	timer := &ops.Timer{After: time.Hour}
	limited := &ops.Write{To: s, Buf: text("no")}
	e.submit(p, timer)
	e.submit(p, limited)
	e.expect(p, limited, completion.ErrLimit)
	equal(e, "written", limited.N(), 0)
	equal(e, "bytes of ours", string(limited.Buf.Bytes()), "no")
	equal(e, "cancelled", p.Cancel(timer), true)
	e.expect(p, timer, completion.ErrCanceled)
	sent := &ops.Write{To: s, Buf: text("yes")}
	e.submit(p, sent)
	e.expect(p, sent, nil)
	equal(e, "peer's bytes", c.receive(3), "yes")
}

func limitedStartIsWaitedFor(e *env) {
	p := e.port(&completion.Config{MaxInFlight: 1})
	first, second := &ops.Timer{After: time.Hour}, &ops.Timer{After: time.Hour}
	e.start(p, first)
	e.start(p, second)
	is(e, p.Wait(e.ctx, second), completion.ErrLimit)
	is(e, p.Await(e.ctx, second), completion.ErrLimit)
	equal(e, "cancelled", p.Cancel(first), true)
	is(e, p.Wait(e.ctx, first), completion.ErrCanceled)
	second.After = 0
	is(e, p.Await(e.ctx, second), nil)
}

func submitInsideCompletions(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	done := streamPeerEcho(c)
	r := &ops.Read{From: s, Buf: own(8)}
	w := &ops.Write{To: s, Buf: text("go")}
	e.submit(p, w)
	rounds := 0
	for op := range p.Completions(e.ctx) {
		e.outcome(op, nil)
		if op == completion.Operation(w) {
			e.submit(p, r)
			continue
		}
		if rounds++; rounds == 300 {
			break
		}
		w.Buf.Set(r.Buf.Bytes())
		e.submit(p, w)
	}
	equal(e, "rounds", rounds, 300)
	e.idle(p)
	s.Close()
	is(e, <-done, nil)
}

func largeBatchCompletesOnce(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	var batch []completion.Operation
	for i := range 500 {
		batch = append(batch, newPost(i), new(ops.Timer), &ops.Write{To: s, Buf: text("ab")})
	}
	e.submit(p, batch...)
	e.expectAll(p, nil, batch...)
	for range 500 {
		equal(e, "peer's bytes", c.receive(2), "ab")
	}
	submitOnly(e, p, 1500)
}

// submitClaims counts how many of several submitters at once are accepted; the
// others must panic.
func submitClaims(e *env, submitters ...func() error) int {
	var ready, done sync.WaitGroup
	var accepted, refused atomic.Int32
	ready.Add(len(submitters))
	for _, submit := range submitters {
		done.Go(func() {
			defer func() {
				if recover() != nil {
					refused.Add(1)
				}
			}()
			ready.Done()
			ready.Wait()
			if submit() == nil {
				accepted.Add(1)
			}
		})
	}
	done.Wait()
	equal(e, "accepted and refused", int(accepted.Load()+refused.Load()), len(submitters))
	return int(accepted.Load())
}

func twoSubmittersOfOneOperation(e *env) {
	p := e.port(nil)
	for range 500 {
		op := new(ops.Post)
		submit := func() error { return p.Submit(op) }
		equal(e, "accepted", submitClaims(e, submit, submit), 1)
		e.expect(p, op, nil)
	}
	submitOnly(e, p, 500)
}

func twoPortsClaimOneOperation(e *env) {
	a, b := e.port(nil), e.port(nil)
	for range 500 {
		op := new(ops.Post)
		n := submitClaims(e, func() error { return a.Submit(op) }, func() error { return b.Submit(op) })
		equal(e, "accepted", n, 1)
		equal(e, "queued", a.Stats().Queued+b.Stats().Queued, 1)
		if a.Stats().Queued == 1 {
			e.expect(a, op, nil)
		} else {
			e.expect(b, op, nil)
		}
	}
}

// manySubmittersManyDequeuers has operations submitted anew by whoever dequeues them.
func manySubmittersManyDequeuers(e *env) {
	const operations, uses, dequeuers = 2, 3000, 4
	p := e.port(nil)
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	var all [operations]ops.Post
	for i := range all {
		all[i].Value = 1
		e.submit(p, &all[i])
	}
	var left atomic.Int32
	left.Store(operations)
	var failed atomic.Pointer[error]
	var group sync.WaitGroup
	for range dequeuers {
		group.Go(func() {
			for op := range p.Completions(ctx) {
				post := op.(*ops.Post)
				if n := post.Value.(int); n < uses {
					post.Value = n + 1
					if err := errors.Join(post.Err(), p.Submit(post)); err != nil {
						failed.Store(&err)
						stop()
					}
				} else if left.Add(-1) == 0 {
					stop()
				}
			}
			if ctx.Err() == nil {
				err := errors.New("dequeuing ended with the port open")
				failed.Store(&err)
				stop()
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		e.Fatal(*err)
	}
	equal(e, "operations left", left.Load(), 0)
	submitOnly(e, p, operations*uses)
}
