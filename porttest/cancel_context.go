package porttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// awaitEndsWithContext cancels by a context while the port waits for I/O.
func awaitEndsWithContext(e *env) {
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

func waitEndsWithContext(e *env) {
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

func waitErrorMatchesContextWithCause(e *env) {
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

func waitErrorOfTimeout(e *env) {
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

func contextDoneAlready(e *env) {
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
		equal(e, "error", op.Err(), err)
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

func waitWithContextDoneAlready(e *env) {
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

func contextEndsAfterResult(e *env) {
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

func oneContextUsedAgain(e *env) {
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

// waitErrorStaysTheSame: whoever asks, and with which context, an operation has ended as it
// has ended.
func waitErrorStaysTheSame(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	cause := errors.New("a cause of its own")
	ended, end := context.WithCancelCause(e.ctx)
	end(cause)
	short, cancel := context.WithTimeout(e.ctx, time.Millisecond)
	defer cancel()
	for _, ctx := range []context.Context{ended, short} {
		for _, op := range []completion.Operation{&ops.Read{From: s, Buf: own(1)}, &ops.Timer{After: time.Hour}} {
			e.start(p, op)
			first := p.Wait(ctx, op)
			is(e, first, completion.ErrCanceled)
			is(e, first, ctx.Err())
			is(e, first, context.Cause(ctx))
			text := fmt.Sprintf("%v: %v", completion.ErrCanceled, ctx.Err())
			if ctx == ended {
				text += ": " + cause.Error()
			}
			equal(e, "text", first.Error(), text)
			for _, other := range []context.Context{ctx, e.ctx, done(), context.Background()} {
				equal(e, "another Wait", p.Wait(other, op), first)
			}
			equal(e, "Err", op.Err(), first)
			// The next use has nothing of it.
			e.start(p, op)
			equal(e, "Cancel", p.Cancel(op), true)
			equal(e, "error of the next use", p.Wait(e.ctx, op), completion.ErrCanceled)
		}
	}
}

// laterContextIsNotToBlame: what was cancelled by Cancel, or has timed out, was not
// ended by a context, and one that has ended since changes nothing.
func laterContextIsNotToBlame(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	for name, cancel := range map[string]func(op completion.Operation){
		"Cancel":       func(op completion.Operation) { p.Cancel(op) },
		"CancelTicket": func(op completion.Operation) { p.CancelTicket(op.(*ops.Read).Ticket()) },
	} {
		op := &ops.Read{From: s, Buf: own(1)}
		e.start(p, op)
		cancel(op)
		e.untilLetGo(p)
		for range 2 {
			if err := p.Wait(done(), op); err != completion.ErrCanceled {
				e.Fatalf("after %s the error is %v", name, err)
			}
		}
		equal(e, "Err", op.Err(), completion.ErrCanceled)
		// A context that ends later than the first Wait.
		e.start(p, op)
		cancel(op)
		ctx, end := context.WithCancel(e.ctx)
		first := p.Wait(ctx, op)
		end()
		equal(e, "error", first, completion.ErrCanceled)
		equal(e, "error of another Wait", p.Wait(ctx, op), completion.ErrCanceled)
	}
}

// contextOfConnectIsNotToBlame: what waited for a connect shares its failure, and
// has a context of its own. So has what was queued, and has none.
func contextOfConnectIsNotToBlame(e *env) {
	p := e.port(nil)
	c := e.unansweredConnect(p)
	e.start(p, c)
	awaited, queued := &ops.Read{From: c.On, Buf: own(1)}, &ops.Write{To: c.On, Buf: text("x")}
	e.start(p, awaited)
	e.submit(p, queued)
	ctx, end := context.WithCancel(e.ctx)
	end()
	err := p.Wait(ctx, c)
	is(e, err, completion.ErrCanceled)
	is(e, err, context.Canceled)
	equal(e, "Err", c.Err(), err)
	equal(e, "error of the read", p.Wait(done(), awaited), completion.ErrCanceled)
	e.expect(p, queued, completion.ErrCanceled)
	equal(e, "error of the write", queued.Err(), completion.ErrCanceled)
}

// halfWrittenByContext: a write that a context has ended half-way breaks its
// direction as any other does, and its error stays.
func halfWrittenByContext(e *env) {
	p := e.port(nil)
	w, peer := e.stuckWrite(p)
	p.Cancel(w)
	e.expect(p, w, completion.ErrCanceled)
	next := &ops.Write{To: w.To, Buf: own(stuckBytes)}
	peer.ahead += w.N()
	e.start(p, next)
	first := p.Wait(done(), next)
	is(e, first, context.Canceled)
	equal(e, "error of another Wait", p.Wait(e.ctx, next), first)
	equal(e, "Err", next.Err(), first)
}
