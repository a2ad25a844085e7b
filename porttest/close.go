package porttest

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var closeCases = append([]testCase{
	closeHandleEndsEveryKind,
	closeHandleEndsStarted,
	closeWhileConnecting,
	closePortEndsEveryKind,
	closePortEndsStarted,
	closePortWhileConnecting,
	closePortFromLoop,
	closePortWhileAnotherLeads,
	closeWaitsForNoBody,
	closeTwice,
	closeByManySucceedsOnce,
	finishedIsDequeuedAfterClose,
	waitersReturnWhenPortCloses,
	closedHandleRefuses,
	closeHandleFreesAddressBeforeCompletion,
	peerSeesTheEnd,
	acceptedNotDequeuedClosesWithPort,
	closedStarvedReadPassesItsTurn,
	staleSocketClosesNoStranger,
}, append(closeRaceCases, duplicateCases...)...)

func closeHandleEndsEveryKind(e *env) {
	p := e.port(nil)
	f := e.takeOff(p, false)
	for _, h := range f.handles {
		is(e, h.Close(), nil)
	}
	e.untilLetGo(p)
	equal(e, "in flight", p.Stats().InFlight, 0)
	for range f.order {
		f.landed(e.next(p))
	}
	f.done()
	e.idle(p)
	equal(e, "handles", p.Stats().Handles, 0)
}

func closeHandleEndsStarted(e *env) {
	p := e.port(nil)
	f := e.takeOff(p, true)
	for _, h := range f.handles {
		is(e, h.Close(), nil)
	}
	for _, op := range f.order {
		is(e, p.Wait(e.ctx, op), net.ErrClosed)
		f.landed(op)
	}
	f.done()
	e.idle(p)
}

func closeWhileConnecting(e *env) {
	p := e.port(nil)
	connects := e.connecting(p)
	for _, c := range connects {
		is(e, c.On.Close(), nil)
	}
	e.connectsEnded(p, connects)
	e.idle(p)
	equal(e, "handles besides the listener", p.Stats().Handles, 1)
}

func closePortEndsEveryKind(e *env) {
	p := e.port(nil)
	f := e.takeOff(p, false)
	f.timer()
	is(e, p.Close(), nil)
	for range f.order {
		f.landed(e.next(p))
	}
	f.done()
	_, err := p.Next(e.ctx)
	is(e, err, net.ErrClosed)
	for _, h := range f.handles {
		is(e, h.Close(), net.ErrClosed)
	}
}

func closePortEndsStarted(e *env) {
	p := e.port(nil)
	f := e.takeOff(p, true)
	f.timer()
	is(e, p.Close(), nil)
	for _, op := range f.order {
		is(e, p.Wait(e.ctx, op), net.ErrClosed)
		f.landed(op)
	}
	f.done()
}

func closePortWhileConnecting(e *env) {
	p := e.port(nil)
	connects := e.connecting(p)
	is(e, p.Close(), nil)
	e.connectsEnded(p, connects)
}

func closePortFromLoop(e *env) {
	p := e.port(nil)
	f := e.takeOff(p, false)
	f.timer()
	trigger := newPost(nil)
	e.submit(p, trigger)
	triggered := false
	for op := range p.Completions(e.ctx) {
		if op == trigger {
			triggered = true
			is(e, p.Close(), nil)
			continue
		}
		f.landed(op)
	}
	equal(e, "triggered", triggered, true)
	f.done()
}

func closePortWhileAnotherLeads(e *env) {
	p := e.port(nil)
	f := e.takeOff(p, false)
	f.timer()
	taken := make(chan completion.Operation, len(f.order))
	go func() {
		defer close(taken)
		for op := range p.Completions(e.ctx) {
			taken <- op
		}
	}()
	asleep(p, 1)
	is(e, p.Close(), nil)
	for op := range taken {
		f.landed(op)
	}
	f.done()
}

func closeWaitsForNoBody(e *env) {
	p := e.port(nil)
	e.submit(p, newPost(nil), newPost(nil))
	inBody, goOn, bodies := make(chan bool), make(chan bool), make(chan int)
	go func() {
		n := 0
		for range p.Completions(e.ctx) {
			if n++; n == 1 {
				inBody <- true
				<-goOn
			}
		}
		bodies <- n
	}()
	<-inBody
	is(e, p.Close(), nil)
	goOn <- true
	equal(e, "bodies run", <-bodies, 2)
}

func closeTwice(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	l := e.listen(p, "tcp4")
	is(e, s.Close(), nil)
	equal(e, "second close of a socket", s.Close(), net.ErrClosed)
	is(e, l.Close(), nil)
	equal(e, "second close of a listener", l.Close(), net.ErrClosed)
	is(e, p.Close(), nil)
	equal(e, "second close of a port", p.Close(), net.ErrClosed)
	equal(e, "close after that of the port", s.Close(), net.ErrClosed)
}

func closeByManySucceedsOnce(e *env) {
	for range 50 {
		p := e.port(nil)
		s, other := e.pair(p)
		e.submit(p, &ops.Read{From: s, Buf: own(8)})
		var sockets, ports atomic.Int32
		together(8, func(i int) {
			count := &ports
			err := error(nil)
			if i%2 == 0 {
				count, err = &sockets, s.Close()
			} else {
				err = p.Close()
			}
			switch {
			case err == nil:
				count.Add(1)
			case err != net.ErrClosed:
				e.Errorf("close: %v", err)
			}
		})
		equal(e, "ports closed", ports.Load(), 1)
		if sockets.Load() > 1 {
			e.Fatal("a socket was closed twice")
		}
		e.outcome(e.next(p), net.ErrClosed)
		other.Close()
	}
}

func finishedIsDequeuedAfterClose(e *env) {
	p := e.port(nil)
	posts := make([]completion.Operation, 10)
	for i := range posts {
		posts[i] = newPost(i)
	}
	e.submit(p, posts...)
	is(e, p.Close(), nil)
	into := make([]completion.Operation, 4)
	n, err := p.NextBatch(e.ctx, into)
	is(e, err, nil)
	equal(e, "batch", n, 4)
	for i, op := range into {
		equal(e, "post", op, posts[i])
	}
	e.expect(p, posts[4], nil)
	left := posts[5:]
	for op := range p.Completions(e.ctx) {
		equal(e, "post", op, left[0])
		left = left[1:]
	}
	equal(e, "left", len(left), 0)
	_, err = p.Next(e.ctx)
	equal(e, "Next", err, net.ErrClosed)
	n, err = p.NextBatch(e.ctx, into)
	equal(e, "NextBatch", err, net.ErrClosed)
	equal(e, "batch", n, 0)
	post := newPost(nil)
	equal(e, "Submit", p.Submit(post), net.ErrClosed)
	equal(e, "Start", p.Start(post), net.ErrClosed)
	equal(e, "Await", p.Await(e.ctx, post), net.ErrClosed)
	equal(e, "N of a refused operation", post.N(), 0)
}

func waitersReturnWhenPortCloses(e *env) {
	p := e.port(nil)
	into := func() []completion.Operation { return make([]completion.Operation, 4) }
	timer := func() *ops.Timer { return &ops.Timer{After: time.Hour} }
	kinds := []func() error{
		func() error { _, err := p.Next(e.ctx); return err },
		func() error { _, err := p.NextBatch(e.ctx, into()); return err },
		func() error {
			for op := range p.Completions(e.ctx) {
				return errors.New("dequeued " + op.Err().Error())
			}
			return net.ErrClosed
		},
		func() error { return p.Await(e.ctx, timer()) },
		func() error {
			op := timer()
			if err := p.Start(op); err != nil {
				return err
			}
			return p.Wait(e.ctx, op)
		},
	}
	var all sync.WaitGroup
	for _, f := range kinds {
		for range 8 {
			all.Go(func() {
				if err := f(); err != net.ErrClosed {
					e.Errorf("a waiter returned %v", err)
				}
			})
		}
	}
	asleep(p, 8*len(kinds))
	is(e, p.Close(), nil)
	all.Wait()
	s := p.Stats()
	equal(e, "waiting", s.Waiting, 0)
	equal(e, "leading", s.Leading, false)
}

func closedHandleRefuses(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	l := e.listen(p, "tcp4")
	address := l.Addr()
	is(e, s.Close(), nil)
	is(e, l.Close(), nil)
	all := []completion.Operation{
		&ops.Read{From: s, Buf: own(8)},
		&ops.Read{From: s, Pool: e.pool(p, 8, 1)},
		&ops.Write{To: s, Buf: own(0)},
		&ops.Write{To: s, Buf: text("abc")},
		&ops.CloseWrite{On: s},
		&ops.Connect{On: s, To: address},
		&ops.Accept{On: l},
	}
	e.submit(p, all...)
	e.expectAll(p, net.ErrClosed, all...)
	noAddr(e, s.LocalAddr(), "tcp")
	noAddr(e, s.RemoteAddr(), "tcp")
	noAddr(e, l.Addr(), "tcp")
	equal(e, "SetNoDelay", s.SetNoDelay(true), net.ErrClosed)
	equal(e, "SetKeepAlive", s.SetKeepAlive(time.Minute), net.ErrClosed)
	equal(e, "SetReadBuffer", s.SetReadBuffer(8192), net.ErrClosed)
	equal(e, "SetWriteBuffer", s.SetWriteBuffer(8192), net.ErrClosed)
	equal(e, "SetResetOnClose", s.SetResetOnClose(true), net.ErrClosed)
	e.idle(p)
}

// closeHandleFreesAddressBeforeCompletion: who dequeues the last accept may listen
// there again.
func closeHandleFreesAddressBeforeCompletion(e *env) {
	p := e.port(nil)
	l := e.listenAlone(p)
	address := l.Addr().String()
	for range 100 {
		accepts := []completion.Operation{&ops.Accept{On: l}, &ops.Accept{On: l}}
		e.submit(p, accepts...)
		closed := make(chan bool)
		go func() { l.Close(); close(closed) }()
		e.expectAll(p, net.ErrClosed, accepts...)
		again, err := p.Listen("tcp4", address)
		if err != nil {
			e.Fatalf("listen again: %v", err)
		}
		<-closed
		l = again
	}
}

func peerSeesTheEnd(e *env) {
	p := e.port(nil)
	for i := range 2 {
		s, other := e.pair(p)
		is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("bye")}), nil)
		e.submit(p, &ops.Read{From: s, Buf: own(8)})
		if i == 0 {
			is(e, s.Close(), nil)
			e.untilLetGo(p)
		} else {
			is(e, p.Close(), nil)
		}
		equal(e, "received", other.receive(3), "bye")
		n, err := other.Read(make([]byte, 1))
		equal(e, "bytes after the end", n, 0)
		equal(e, "end", err.Error(), "EOF")
		e.outcome(e.next(p), net.ErrClosed)
	}
}

func acceptedNotDequeuedClosesWithPort(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	a := &ops.Accept{On: l}
	e.submit(p, a)
	other := e.dial(l.Addr())
	e.work(p, 1)
	is(e, p.Close(), nil)
	if n, err := other.Read(make([]byte, 1)); n != 0 || err == nil {
		e.Fatalf("peer read %d bytes, %v", n, err)
	}
	e.expect(p, a, nil)
	if a.Conn == nil {
		e.Fatal("the accept ended well without a connection")
	}
	noAddr(e, a.Conn.LocalAddr(), "tcp")
	is(e, a.Conn.Close(), net.ErrClosed)
}

func closedStarvedReadPassesItsTurn(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 8, 1)
	only := pool.Take()
	var reads [3]*ops.Read
	for i := range reads {
		s, other := e.pair(p)
		other.send(string(rune('a' + i)))
		reads[i] = &ops.Read{From: s, Pool: pool}
		e.submit(p, reads[i])
		e.idle(p)
	}
	is(e, reads[0].From.Close(), nil)
	e.expect(p, reads[0], net.ErrClosed)
	only.Release() // promises the buffer to the second, which then closes
	is(e, reads[1].From.Close(), nil)
	var want string
	for range 2 {
		if op := e.next(p); op == reads[1] && op.Err() != nil {
			is(e, op.Err(), net.ErrClosed)
		} else {
			want += string(op.(*ops.Read).Buf.Bytes())
			releaseBuffer(op)
		}
	}
	equal(e, "read by the last", want, "c")
}

func staleSocketClosesNoStranger(e *env) {
	p := e.port(nil)
	for range 100 {
		stale, other := e.pair(p)
		is(e, stale.Close(), nil)
		other.Close()
		s, other := e.pair(p)
		is(e, stale.Close(), net.ErrClosed)
		is(e, stale.SetResetOnClose(true), net.ErrClosed)
		noAddr(e, stale.LocalAddr(), "tcp")
		is(e, p.Await(e.ctx, &ops.Read{From: stale, Buf: own(8)}), net.ErrClosed)
		is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("ping")}), nil)
		equal(e, "received", other.receive(4), "ping")
		is(e, s.Close(), nil)
		other.Close()
	}
}
