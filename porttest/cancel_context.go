package porttest

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// cancelAwait cancels by a context while the port waits for I/O.
func cancelAwait(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Buf: own(8)}
	for range 200 {
		ctx, cancel := context.WithCancel(e.ctx)
		var wg sync.WaitGroup
		wg.Go(func() {
			untilParked(p)
			cancel()
		})
		err := p.Await(ctx, r)
		is(e, err, completion.ErrCanceled)
		is(e, err, context.Canceled)
		e.outcome(r, completion.ErrCanceled)
		r.Buf.Memory()[0] = 1
		wg.Wait()
	}
}

func cancelWait(e *env) {
	p := e.port(nil)
	w, peer := e.stuckWrite(p)
	p.Cancel(w)
	e.expect(p, w, completion.ErrCanceled)
	next := &ops.Write{To: w.To, Buf: own(stuckBytes)}
	e.start(p, next)
	ctx, cancel := context.WithCancel(e.ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		untilParked(p)
		cancel()
	})
	err := p.Wait(ctx, next)
	wg.Wait()
	is(e, err, completion.ErrCanceled)
	is(e, err, ctx.Err())
	is(e, p.Wait(e.ctx, next), completion.ErrCanceled)
	next.Buf.Memory()[0] = 1
	w.To.Close()
	e.gets(peer, peer.ahead+w.N()+next.N(), 2*stuckBytes)
}

func cancelCause(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	cause := errors.New("a cause of its own")
	ctx, cancel := context.WithTimeoutCause(e.ctx, 5*time.Millisecond, cause)
	defer cancel()
	err := p.Await(ctx, &ops.Read{From: s, Buf: own(1)})
	is(e, err, completion.ErrCanceled)
	is(e, err, context.DeadlineExceeded)
	is(e, err, ctx.Err())
}

func cancelTimeout(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	r := &ops.Read{From: s, Buf: own(1)}
	for range 5 {
		ctx, cancel := context.WithTimeout(e.ctx, 2*time.Millisecond)
		err := p.Await(ctx, r)
		cancel()
		is(e, err, completion.ErrCanceled)
		is(e, err, context.DeadlineExceeded)
		is(e, r.Err(), completion.ErrCanceled)
		if errors.Is(r.Err(), os.ErrDeadlineExceeded) {
			e.Fatal("the operation had no deadline of its own")
		}
	}
}

// done is a context that has ended.
func done() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func cancelDoneContext(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	w := &ops.Write{To: s, Buf: text("not sent")}
	peer.send("not read")
	r := &ops.Read{From: s, Buf: own(8)}
	all := []completion.Operation{
		w, r, &ops.CloseWrite{On: s}, &ops.Timer{}, &ops.Timer{After: time.Hour}, newPost(1),
		&ops.Write{To: s, Buf: own(0)},
	}
	for _, op := range all {
		err := p.Await(done(), op)
		is(e, err, completion.ErrCanceled)
		is(e, err, context.Canceled)
		if errorOf(op) != completion.ErrCanceled {
			e.Fatalf("%T: error is %v", op, errorOf(op))
		}
	}
	equal(e, "N of the write", w.N(), 0)
	equal(e, "N of the read", r.N(), 0)
	w.Buf.Set([]byte("sent"))
	is(e, p.Await(e.ctx, w), nil)
	equal(e, "peer got", peer.receive(4), "sent")
	r.Full = true
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "text", string(r.Buf.Bytes()), "not read")
}

func cancelWaitDone(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	r := &ops.Read{From: s, Buf: own(8)}
	e.start(p, r)
	err := p.Wait(done(), r)
	is(e, err, completion.ErrCanceled)
	is(e, err, context.Canceled)
	peer.send("x")
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "text", string(r.Buf.Bytes()), "x")
}

func cancelTooLate(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	peer.send("x")
	r := &ops.Read{From: s, Buf: own(8)}
	e.start(p, r)
	e.untilEnded(p)
	is(e, p.Wait(done(), r), nil)
	is(e, p.Wait(done(), r), nil)
	equal(e, "text", string(r.Buf.Bytes()), "x")
}

func cancelOneContext(e *env) {
	p := e.port(nil)
	s, peer := e.pair(p)
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	r := &ops.Read{From: s, Buf: own(8)}
	for range 1000 {
		var wg sync.WaitGroup
		wg.Go(func() { peer.Write([]byte("x")) })
		is(e, p.Await(ctx, r), nil)
		wg.Wait()
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		untilParked(p)
		cancel()
	})
	is(e, p.Await(ctx, r), completion.ErrCanceled)
	wg.Wait()
	is(e, p.Await(ctx, r), completion.ErrCanceled)
	peer.send("y")
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "text", string(r.Buf.Bytes()), "y")
}
