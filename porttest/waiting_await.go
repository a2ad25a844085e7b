package porttest

import (
	"context"
	"io"
	"net"
	"strings"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var awaitCases = []testCase{
	startThenWait,
	waitTwiceReturnsTheSame,
	waitElsewhereThanStart,
	waitWithoutStartPanics,
	waitForQueuedPanics,
	twoWaitForOnePanics,
	startedNotWaitedLeavesNoSlot,
	waitCancelledByContext,
	waitWithContextDoneStillOwns,
	awaitWithContextDoneTouchesNothing,
	awaitPingPongOfMany,
	awaitPingPongWithSpin,
	queuePingPongWithSpin,
	queuePingPong,
	spinningLeaderHearsNews,
	awaitReturnsOwnClosed,
}

func awaitPingPongOfMany(e *env) { awaitTalks(e, nil) }

func awaitPingPongWithSpin(e *env) { awaitTalks(e, spin) }

func queuePingPongWithSpin(e *env) { queueTalks(e, spin) }

func queuePingPong(e *env) { queueTalks(e, nil) }

var spin = &completion.Config{SpinWait: 50 * time.Microsecond}

func startThenWait(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	read := &ops.Read{From: s, Buf: own(8)}
	e.start(p, read)
	e.idle(p) // it is not for the queue
	other.send("abc")
	is(e, p.Wait(e.ctx, read), nil)
	equal(e, "read", string(read.Buf.Bytes()), "abc")
	e.idle(p)
	for range 3 { // used again
		other.send("x")
		e.start(p, read)
		is(e, p.Wait(e.ctx, read), nil)
		equal(e, "count", read.N(), 1)
	}
}

func waitTwiceReturnsTheSame(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	other.closeWrite()
	read := &ops.Read{From: s, Buf: own(8)}
	e.start(p, read)
	for range 3 {
		equal(e, "error", p.Wait(e.ctx, read), io.EOF)
	}
	post := newPost(nil)
	e.start(p, post)
	for range 3 {
		is(e, p.Wait(e.ctx, post), nil)
	}
}

func waitElsewhereThanStart(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	for range 100 {
		read := &ops.Read{From: s, Buf: own(1)}
		e.start(p, read)
		done := make(chan error)
		go func() { done <- p.Wait(e.ctx, read) }()
		other.send("x")
		is(e, <-done, nil)
		equal(e, "count", read.N(), 1)
	}
}

func waitWithoutStartPanics(e *env) {
	p := e.port(nil)
	message := panics(e, func() { p.Wait(e.ctx, &ops.Timer{}) })
	if !strings.Contains(message, "not started") {
		e.Fatalf("panic says %q", message)
	}
	othersGoOn(e, p)
}

func waitForQueuedPanics(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	read := &ops.Read{From: s, Buf: own(8)}
	e.submit(p, read)
	message := panics(e, func() { p.Wait(e.ctx, read) })
	if !strings.Contains(message, "queue") {
		e.Fatalf("panic says %q", message)
	}
	other.send("x")
	e.expect(p, read, nil)
	othersGoOn(e, p)
}

// twoWaitForOnePanics: the second is told, the first gets the outcome.
func twoWaitForOnePanics(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	for range 100 {
		read := &ops.Read{From: s, Buf: own(8)}
		e.start(p, read)
		panicked, done := make(chan any, 2), make(chan error, 2)
		for range 2 {
			go func() {
				defer func() {
					if r := recover(); r != nil {
						panicked <- r
					}
				}()
				done <- p.Wait(e.ctx, read)
			}()
		}
		message, _ := (<-panicked).(string) // only then is there an end to wait for
		if !strings.Contains(message, "two goroutines") {
			e.Fatalf("panic says %q", message)
		}
		other.send("x")
		is(e, <-done, nil)
		equal(e, "count", read.N(), 1)
	}
	othersGoOn(e, p)
}

func startedNotWaitedLeavesNoSlot(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	for range 1000 {
		e.start(p, newPost(nil))
	}
	equal(e, "held", held(p.Stats()), 0)
	read := &ops.Read{From: s, Buf: own(8)}
	e.start(p, read)
	equal(e, "held", held(p.Stats()), 1)
	other.send("x")
	e.idle(p)
	equal(e, "held", held(p.Stats()), 0)
	is(e, p.Wait(e.ctx, read), nil) // its outcome is still there
	equal(e, "count", read.N(), 1)
}

func waitCancelledByContext(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	for i := range 50 {
		var ctx context.Context
		var cancel context.CancelFunc
		want := context.Canceled
		if i%2 == 0 {
			ctx, cancel = context.WithTimeout(e.ctx, 100*time.Microsecond)
			want = context.DeadlineExceeded
		} else {
			ctx, cancel = context.WithCancel(e.ctx)
			go cancel()
		}
		read := &ops.Read{From: s, Buf: own(8), Full: true}
		err := p.Await(ctx, read)
		is(e, err, completion.ErrCanceled)
		is(e, err, want)
		equal(e, "count", read.N(), 0)
		read.Buf.Set([]byte("mine")) // the caller owns both again
		cancel()
	}
	other.send("x")
	is(e, p.Await(e.ctx, &ops.Read{From: s, Buf: own(8)}), nil)
	e.idle(p)
}

func waitWithContextDoneStillOwns(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	done, cancel := context.WithCancel(e.ctx)
	cancel()
	read := &ops.Read{From: s, Buf: own(8)}
	e.start(p, read)
	err := p.Wait(done, read)
	is(e, err, completion.ErrCanceled)
	equal(e, "count", read.N(), 0)
	// A result that came first stays, whatever the context says.
	other.send("x")
	e.start(p, read)
	e.idle(p)
	is(e, p.Wait(done, read), nil)
	equal(e, "count", read.N(), 1)
}

func awaitWithContextDoneTouchesNothing(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	late, cancel := context.WithTimeout(e.ctx, 0)
	defer cancel()
	other.send("abc")
	e.idle(p)
	read := &ops.Read{From: s, Buf: own(8)}
	err := p.Await(late, read)
	is(e, err, completion.ErrCanceled)
	is(e, err, context.DeadlineExceeded)
	write := &ops.Write{To: s, Buf: text("never")}
	is(e, p.Await(late, write), completion.ErrCanceled)
	is(e, p.Await(late, newPost(nil)), completion.ErrCanceled)
	is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("after")}), nil)
	equal(e, "received", other.receive(5), "after")
	is(e, p.Await(e.ctx, read), nil)
	equal(e, "read", string(read.Buf.Bytes()), "abc")
}

// awaitTalks: each goroutine talks over its own socket.
func awaitTalks(e *env, config *completion.Config) {
	p := e.port(config)
	var sockets []*completion.Socket
	for range 50 {
		s, other := e.pair(p)
		sockets = append(sockets, s)
		go echo(other)
	}
	together(len(sockets), func(i int) {
		read := &ops.Read{From: sockets[i], Buf: own(4), Full: true}
		write := &ops.Write{To: sockets[i], Buf: own(4)}
		for turn := range 50 {
			message := string([]byte{byte(i), byte(turn), 'a', 'b'})
			copy(write.Buf.Bytes(), message)
			if err := p.Await(e.ctx, write); err != nil {
				e.Errorf("write: %v", err)
				return
			}
			if err := p.Await(e.ctx, read); err != nil || string(read.Buf.Bytes()) != message {
				e.Errorf("read %q: %v, want %q", read.Buf.Bytes(), err, message)
				return
			}
		}
	})
	e.idle(p)
}

// queueTalks is the same by one goroutine with the queue.
func queueTalks(e *env, config *completion.Config) {
	p := e.port(config)
	turns := make(map[*completion.Socket]int)
	for range 20 {
		s, other := e.pair(p)
		go echo(other)
		turns[s] = 0
		e.submit(p, &ops.Write{To: s, Buf: text("ping")}, &ops.Read{From: s, Buf: own(4), Full: true})
	}
	for left := len(turns); left > 0; {
		op := e.next(p)
		e.outcome(op, nil)
		read, ok := op.(*ops.Read)
		if !ok {
			continue
		}
		equal(e, "read", string(read.Buf.Bytes()), "ping")
		if turns[read.From]++; turns[read.From] == 50 {
			left--
			continue
		}
		e.submit(p, &ops.Write{To: read.From, Buf: text("ping")}, read)
	}
	for range p.Stats().Queued { // writes whose echo came first
		e.next(p)
	}
}

// spinningLeaderHearsNews: posts and earlier timers reach a leader that spins
// as well as one that has fallen asleep.
func spinningLeaderHearsNews(e *env) {
	p := e.port(&completion.Config{SpinWait: time.Millisecond})
	taken := make(chan completion.Operation)
	go func() {
		defer close(taken)
		for op := range p.Completions(e.ctx) {
			taken <- op
		}
	}()
	for i := range 100 {
		if i%4 == 0 {
			asleep(p, 1)
		} else {
			until(func() bool { return p.Stats().Leading })
		}
		var op completion.Operation = newPost(i)
		if i%2 == 0 {
			op = &ops.Timer{After: 100 * time.Microsecond}
		}
		e.submit(p, op)
		equal(e, "dequeued", <-taken, op)
		e.outcome(op, nil)
	}
	is(e, p.Close(), nil)
	<-taken
}

// awaitReturnsOwnClosed: the operation that the port refuses is the caller's, with
// that outcome.
func awaitReturnsOwnClosed(e *env) {
	p := e.port(nil)
	s, _ := e.pair(p)
	is(e, p.Close(), nil)
	read := &ops.Read{From: s, Buf: own(8)}
	equal(e, "Await", p.Await(e.ctx, read), net.ErrClosed)
	equal(e, "error", read.Err(), net.ErrClosed)
	equal(e, "memory", len(read.Buf.Memory()), 8)
}
