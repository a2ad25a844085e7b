package porttest

import (
	"strings"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var submitMistakeCases = []testCase{
	nilOperationPanics,
	typedNilPanics,
	operationInFlightPanics,
	operationNotHandedOutPanics,
	operationOfAnotherPortInFlightPanics,
	operationTwiceInBatchPanics,
	foreignHandlePanics,
	foreignPoolPanics,
	poolOfNoPortPanics,
	nilHandlePanics,
	zeroHandlePanics,
	nilSourcePanics,
	lentBufferPanics,
	bufferTwiceInBatchPanics,
	releasedBufferPanics,
	writeWithoutBufferPanics,
	readIntoNoMemoryPanics,
	opAlonePanics,
	refusedBatchKeepsStartedOutcome,
}

// submitSentence checks that a panic speaks to the programmer: one of the
// package's sentences, with this word in it.
func submitSentence(e *env, message, word string) {
	e.Helper()
	if !strings.HasPrefix(message, "completion: ") || !strings.Contains(message, word) {
		e.Fatalf("the panic says %q, without %q", message, word)
	}
}

// submitBatch is one sound operation of each kind, and what they use.
type submitBatch struct {
	peer              *peer
	read, late        ops.Read
	write, shared     ops.Write
	closeWrite        ops.CloseWrite
	timer             ops.Timer
	post              ops.Post
	pool              *completion.Pool
	readBuf, writeBuf *completion.Buffer
	sharedBuf         *completion.Buffer
}

func newSubmitBatch(e *env, p *completion.Port) *submitBatch {
	s, c := e.pair(p)
	b := &submitBatch{
		peer:      c,
		pool:      e.pool(p, 4, 1),
		readBuf:   own(4),
		writeBuf:  text("mine"),
		sharedBuf: text("ours"),
	}
	b.sharedBuf.Share()
	b.read.From, b.read.Buf, b.read.Full = s, b.readBuf, true
	b.late.From, b.late.Pool, b.late.Full = s, b.pool, true
	b.write.To, b.write.Buf = s, b.writeBuf
	b.shared.To, b.shared.Buf = s, b.sharedBuf
	b.closeWrite.On = s
	b.timer.After, b.timer.Deadline = time.Millisecond, completion.After(time.Hour)
	return b
}

func (b *submitBatch) operations() []completion.Operation {
	return []completion.Operation{&b.read, &b.late, &b.write, &b.timer, &b.shared, &b.closeWrite, &b.post}
}

// ours checks that the port has taken nothing, and that this is the outcome.
func (b *submitBatch) ours(e *env, outcome error) {
	e.Helper()
	for _, op := range b.operations() {
		o := op.(interface {
			N() int
			Err() error
			Ticket() completion.Ticket
		})
		is(e, o.Err(), outcome)
		equal(e, "N", o.N(), 0)
		equal(e, "ticket", o.Ticket(), completion.Ticket{})
	}
	equal(e, "memory to read into", len(b.readBuf.Memory()), 4)
	equal(e, "bytes to write", string(b.writeBuf.Bytes()), "mine")
	equal(e, "shared bytes", string(b.sharedBuf.Bytes()), "ours")
	b.writeBuf.Resize(4)
	equal(e, "lent by the pool", b.pool.Lent(), 0)
	if b.late.Buf != nil {
		e.Fatal("a pooled read has a buffer")
	}
}

// works submits the batch and checks what comes of it.
func (b *submitBatch) works(e *env, p *completion.Port) {
	e.Helper()
	e.submit(p, b.operations()...)
	b.peer.send("datalate")
	e.expectAll(p, nil, b.operations()...)
	equal(e, "read", string(b.readBuf.Bytes()), "data")
	equal(e, "read late", string(b.late.Buf.Bytes()), "late")
	b.late.Buf.Release()
	equal(e, "peer's bytes", b.peer.receive(8), "mineours")
	streamPeerEOF(e, b.peer)
	// Nobody refers to the shared buffer any more but we.
	b.sharedBuf.Release()
	b.sharedBuf.Set(nil)
}

// submitRefused checks that a mistake panics with such a sentence, alone and
// at any place of a batch, and that nothing was accepted of it.
func submitRefused(e *env, p *completion.Port, word string, mistake ...completion.Operation) {
	e.Helper()
	b := newSubmitBatch(e, p)
	before := p.Stats()
	refused := func(f func()) {
		e.Helper()
		submitSentence(e, panics(e, f), word)
		equal(e, "stats", p.Stats(), before)
		b.ours(e, nil)
	}
	refused(func() { p.Submit(mistake...) })
	if len(mistake) == 1 {
		refused(func() { p.Start(mistake[0]) })
		refused(func() { p.Await(e.ctx, mistake[0]) })
	}
	for at := range len(b.operations()) + 1 {
		batch := append(b.operations()[:at:at], mistake...)
		batch = append(batch, b.operations()[at:]...)
		refused(func() { p.Submit(batch...) })
	}
	b.works(e, p)
}

func nilOperationPanics(e *env) {
	p := e.port(nil)
	submitRefused(e, p, "nil operation", nil)
	for _, op := range []completion.Operation{nil, (*ops.Read)(nil), (*ops.Post)(nil), (*submitRequest)(nil)} {
		for _, use := range []func(){
			func() { p.Cancel(op) },
			func() { p.SetDeadline(op, completion.After(time.Hour)) },
			func() { p.SetDeadline(op, 0) },
			func() { p.Wait(e.ctx, op) },
		} {
			submitSentence(e, panics(e, use), "nil operation")
		}
	}
	e.idle(p) // no lock is held
}

func typedNilPanics(e *env) {
	p := e.port(nil)
	submitRefused(e, p, "nil", (*ops.Read)(nil))
	submitRefused(e, p, "nil", (*ops.Post)(nil))
	submitRefused(e, p, "nil", (*submitRequest)(nil))
}

func operationInFlightPanics(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	e.submit(p, r)
	submitRefused(e, p, "belongs to the port", r)
	c.send("x") // that use goes on undisturbed
	e.expect(p, r, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "x")
}

func operationNotHandedOutPanics(e *env) {
	p := e.port(nil)
	queued, started := new(ops.Post), new(ops.Post)
	e.start(p, started)
	submitRefused(e, p, "belongs to the port", started)
	is(e, p.Wait(e.ctx, started), nil)
	e.submit(p, queued)
	submitSentence(e, panics(e, func() { p.Submit(queued) }), "belongs to the port")
	equal(e, "queued", p.Stats().Queued, 1)
	e.expect(p, queued, nil)
}

func operationOfAnotherPortInFlightPanics(e *env) {
	p, other := e.port(nil), e.port(nil)
	op := &ops.Timer{After: time.Hour}
	e.submit(other, op)
	submitRefused(e, p, "belongs to the port", op)
	equal(e, "cancelled", other.Cancel(op), true)
	e.expect(other, op, completion.ErrCanceled)
}

func operationTwiceInBatchPanics(e *env) {
	p := e.port(nil)
	op := new(ops.Post)
	submitRefused(e, p, "belongs to the port", op, op)
	e.submit(p, op)
	e.expect(p, op, nil)
}

func foreignHandlePanics(e *env) {
	p, other := e.port(nil), e.port(nil)
	s, _ := e.pair(other)
	l := e.listen(other, "tcp4")
	for _, op := range []completion.Operation{
		&ops.Read{From: s, Buf: own(1)},
		&ops.Write{To: s, Buf: own(1)},
		&ops.CloseWrite{On: s},
		&ops.Accept{On: l},
		&ops.Connect{On: s, To: l.Addr()},
	} {
		submitRefused(e, p, "port", op)
	}
}

func foreignPoolPanics(e *env) {
	p, other := e.port(nil), e.port(nil)
	s, _ := e.pair(p)
	submitRefused(e, p, "port", &ops.Read{From: s, Pool: e.pool(other, 1, 1)})
}

// poolOfNoPortPanics: a pool comes from a port.
func poolOfNoPortPanics(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	submitRefused(e, p, "NewPool", &ops.Read{From: s, Pool: new(completion.Pool)})
	for _, pool := range []*completion.Pool{nil, new(completion.Pool)} {
		for _, f := range []func(){func() { pool.Take() }, func() { pool.Lent() }} {
			equal(e, "panic", panics(e, f), "completion: the pool is not from NewPool")
		}
	}
}

func nilHandlePanics(e *env) {
	p := e.port(nil)
	for _, op := range []completion.Operation{
		&ops.Read{Buf: own(1)},
		&ops.Write{Buf: own(1)},
		new(ops.CloseWrite),
		new(ops.Accept),
		new(ops.Connect),
	} {
		submitRefused(e, p, "handle", op)
	}
}

// nilSourcePanics: what an operation waits for, and is no handle.
func nilSourcePanics(e *env) {
	p := e.port(nil)
	submitRefused(e, p, "without its Signals", new(ops.Signal))
	submitRefused(e, p, "without a process", new(ops.Process))
	submitRefused(e, p, "without a function", new(ops.Work))
}

func zeroHandlePanics(e *env) {
	p := e.port(nil)
	for _, op := range []completion.Operation{
		&ops.Read{From: new(completion.Socket), Buf: own(1)},
		&ops.Write{To: new(completion.Socket), Buf: own(1)},
		&ops.CloseWrite{On: new(completion.Socket)},
		&ops.Accept{On: new(completion.Listener)},
		&ops.Connect{On: new(completion.Socket)},
	} {
		submitRefused(e, p, "handle", op)
	}
}

func lentBufferPanics(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	buf := own(2)
	r := &ops.Read{From: s, Buf: buf, Full: true}
	e.submit(p, r)
	submitRefused(e, p, "port", &ops.Read{From: s, Buf: buf})
	submitRefused(e, p, "port", &ops.Write{To: s, Buf: buf})
	c.send("ok")
	e.expect(p, r, nil)
	equal(e, "bytes", string(buf.Bytes()), "ok")
}

func bufferTwiceInBatchPanics(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	buf := text("one")
	w := &ops.Write{To: s, Buf: buf}
	submitRefused(e, p, "port", w, &ops.Write{To: s, Buf: buf})
	e.submit(p, w)
	e.expect(p, w, nil)
	equal(e, "peer's bytes", c.receive(3), "one")
}

func releasedBufferPanics(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	buf := e.pool(p, 4, 1).Take()
	buf.Release()
	submitRefused(e, p, "pool", &ops.Read{From: s, Buf: buf})
	submitRefused(e, p, "pool", &ops.Write{To: s, Buf: buf})
}

func writeWithoutBufferPanics(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	submitRefused(e, p, "buffer", &ops.Write{To: s})
}

// A read into no memory would end at once for ever, and a loop would spin.
func readIntoNoMemoryPanics(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	for _, buf := range []*completion.Buffer{new(completion.Buffer), own(0)} {
		submitRefused(e, p, "memory", &ops.Read{From: s, Buf: buf})
		submitRefused(e, p, "memory", &ops.Read{From: s, Buf: buf, Full: true})
		buf.Set(make([]byte, 1)) // it is still the caller's
		r := &ops.Read{From: s, Buf: buf}
		c.send("x")
		e.submit(p, r)
		e.expect(p, r, nil)
	}
	// How much counts is no matter.
	r := &ops.Read{From: s, Buf: own(1)}
	r.Buf.Resize(0)
	c.send("y")
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "bytes", string(r.Buf.Bytes()), "y")
}

func opAlonePanics(e *env) {
	p := e.port(nil)
	submitRefused(e, p, "ops", new(completion.Op))
}

// A batch that was refused has not touched an earlier use: waiting for it once
// more returns the same error.
func refusedBatchKeepsStartedOutcome(e *env) {
	p := e.port(nil)
	op := &ops.Timer{After: time.Hour}
	e.start(p, op)
	equal(e, "cancelled", p.Cancel(op), true)
	is(e, p.Wait(e.ctx, op), completion.ErrCanceled)
	panics(e, func() { p.Submit(op, nil) })
	is(e, op.Err(), completion.ErrCanceled)
	is(e, p.Wait(e.ctx, op), completion.ErrCanceled)
	equal(e, "N", op.N(), 0)
}
