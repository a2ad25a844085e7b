package porttest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var shutdownCases = []testCase{
	shutdownEndsReadersAndFinishesWrites,
	shutdownEndsConnects,
	shutdownFinishesWritesOfMany,
	shutdownCutShort,
	shutdownCancelledMeanwhile,
	shutdownWithContextDone,
	shutdownRefuses,
	shutdownOfIdlePort,
	shutdownServesDequeuers,
	shutdownWithAnotherLeading,
	shutdownServesAwaiters,
	shutdownWaitsForNoDequeue,
	shutdownFromLoop,
	shutdownTwice,
	shutdownsAtOnce,
	closeDuringShutdown,
	socketClosedDuringShutdown,
	writeEndsDuringShutdown,
	shutdownRaces,
}

// numbered makes n bytes in which each place can be told.
func numbered(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>16*7 + i>>8*3 + i)
	}
	return b
}

// readsAll reads to the end of the stream and reports whether it is want.
func readsAll(e *env, c net.Conn, want []byte) {
	got, err := io.ReadAll(c)
	if err != nil {
		e.Errorf("peer read: %v", err)
	}
	if string(got) != string(want) {
		e.Errorf("peer got %d bytes that differ from the %d sent", len(got), len(want))
	}
}

func shutdownEndsReadersAndFinishesWrites(e *env) {
	p := e.port(nil)
	idle, _ := e.pair(p)
	l := e.listen(p, "tcp4")
	pool := e.pool(p, 8, 1)
	ended := []completion.Operation{
		&ops.Read{From: idle, Buf: own(8)}, &ops.Read{From: idle, Pool: pool},
		&ops.Accept{On: l}, &ops.Timer{After: time.Hour},
	}
	e.submit(p, ended...)
	s, other := e.narrow(p)
	data := numbered(tooMuch)
	first, second := &ops.Write{To: s, Buf: completion.Own(data)}, &ops.Write{To: s, Buf: text("the end")}
	finish := &ops.CloseWrite{On: s}
	e.submit(p, first, second, finish)
	var reader sync.WaitGroup
	reader.Go(func() { readsAll(e, other, append(numbered(tooMuch), "the end"...)) })
	is(e, p.Shutdown(e.ctx), nil)
	reader.Wait()
	e.expectAll(p, net.ErrClosed, ended...)
	e.expect(p, first, nil)
	equal(e, "count", first.N(), tooMuch)
	e.expect(p, second, nil)
	e.expect(p, finish, nil)
	_, err := p.Next(e.ctx)
	is(e, err, net.ErrClosed)
}

func shutdownEndsConnects(e *env) {
	p := e.port(nil)
	connects := e.connecting(p)
	last := connects[len(connects)-1]
	is(e, p.Shutdown(e.ctx), nil)
	e.connectsEnded(p, connects)
	is(e, last.On.Close(), net.ErrClosed)

	// What waits behind a connect shares its end.
	p = e.port(nil)
	connects = e.connecting(p)
	last = connects[len(connects)-1]
	write, read := &ops.Write{To: last.On, Buf: text("abc")}, &ops.Read{From: last.On, Buf: own(8)}
	e.start(p, write)
	e.start(p, read)
	is(e, p.Shutdown(e.ctx), nil)
	e.connectsEnded(p, connects)
	if last.Err() != nil {
		is(e, p.Wait(e.ctx, write), net.ErrClosed)
	}
	is(e, p.Wait(e.ctx, read), net.ErrClosed)
}

func shutdownFinishesWritesOfMany(e *env) {
	p := e.port(nil)
	var readers sync.WaitGroup
	var writes []completion.Operation
	for range 20 {
		s, other := e.narrow(p)
		for range 3 {
			w := &ops.Write{To: s, Buf: completion.Own(numbered(100_000))}
			e.submit(p, w)
			writes = append(writes, w)
		}
		readers.Go(func() {
			data := numbered(100_000)
			readsAll(e, other, append(append(data, data...), data...))
		})
	}
	is(e, p.Shutdown(e.ctx), nil)
	readers.Wait()
	e.expectAll(p, nil, writes...)
}

// blocked submits two writes and a half close, of which the first can't end.
func (e *env) blocked(p *completion.Port) (*completion.Socket, *peer, []completion.Operation) {
	e.Helper()
	s, other := e.narrow(p)
	first := &ops.Write{To: s, Buf: own(tooMuch)}
	behind := []completion.Operation{&ops.Write{To: s, Buf: own(8)}, &ops.CloseWrite{On: s}}
	e.fill(p, first, other, false)
	e.submit(p, behind...)
	return s, other, append([]completion.Operation{first}, behind...)
}

// blockedEnded checks what the end of the socket makes of them.
func (e *env) blockedEnded(p *completion.Port, other *peer, all []completion.Operation) {
	e.Helper()
	e.expectAll(p, net.ErrClosed, all...)
	e.sentHalf(all[0].(*ops.Write), other)
	equal(e, "count of a queued write", all[1].N(), 0)
}

func shutdownCutShort(e *env) {
	p := e.port(nil)
	_, other, all := e.blocked(p)
	ctx, cancel := context.WithTimeout(e.ctx, 5*time.Millisecond)
	defer cancel()
	equal(e, "Shutdown", p.Shutdown(ctx), context.DeadlineExceeded)
	e.blockedEnded(p, other, all)
	is(e, p.Close(), net.ErrClosed)
}

func shutdownCancelledMeanwhile(e *env) {
	p := e.port(nil)
	_, other, all := e.blocked(p)
	ctx, cancel := context.WithCancel(e.ctx)
	result := make(chan error)
	go func() { result <- p.Shutdown(ctx) }()
	asleep(p, 1)
	cancel()
	equal(e, "Shutdown", <-result, context.Canceled)
	e.blockedEnded(p, other, all)
}

func shutdownWithContextDone(e *env) {
	done, cancel := context.WithCancel(e.ctx)
	cancel()
	p := e.port(nil)
	_, other, all := e.blocked(p)
	equal(e, "Shutdown", p.Shutdown(done), context.Canceled)
	e.blockedEnded(p, other, all)
	equal(e, "second Shutdown", p.Shutdown(done), net.ErrClosed)

	// Nothing was cut short here.
	p = e.port(nil)
	s, _ := e.pair(p)
	read := &ops.Read{From: s, Buf: own(8)}
	e.submit(p, read)
	is(e, p.Shutdown(done), nil)
	e.expect(p, read, net.ErrClosed)
}

// begun starts a Shutdown that waits for a blocked write, and returns when it
// has begun.
func (e *env) begun(p *completion.Port, ctx context.Context) (other *peer, s *completion.Socket, all []completion.Operation, result chan error) {
	e.Helper()
	s, other, all = e.blocked(p)
	read := &ops.Read{From: s, Buf: own(8)}
	e.start(p, read)
	result = make(chan error, 1)
	go func() { result <- p.Shutdown(ctx) }()
	is(e, p.Wait(e.ctx, read), net.ErrClosed)
	return other, s, all, result
}

func shutdownRefuses(e *env) {
	p := e.port(nil)
	other, s, all, result := e.begun(p, e.ctx)
	post := newPost(nil)
	equal(e, "Submit", p.Submit(post), net.ErrClosed)
	equal(e, "Start", p.Start(post), net.ErrClosed)
	equal(e, "Await", p.Await(e.ctx, &ops.Write{To: s, Buf: text("abc")}), net.ErrClosed)
	refusesHandles(e, p)
	var reader sync.WaitGroup
	reader.Go(func() { readsAll(e, other, make([]byte, other.ahead+tooMuch+8)) })
	is(e, <-result, nil)
	reader.Wait()
	e.expectAll(p, nil, all...)
}

// refusesHandles checks that a port takes no handles any more, and that those
// of others stay theirs.
func refusesHandles(e *env, p *completion.Port) {
	e.Helper()
	before := countDescriptors()
	_, err := p.Listen("tcp4", "127.0.0.1:0")
	is(e, err, net.ErrClosed)
	if e.unix {
		path := e.address("unix")
		_, err = p.Listen("unix", path)
		is(e, err, net.ErrClosed)
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			e.Fatalf("the file of a refused listener: %v", err)
		}
	}
	_, err = p.Socket("tcp4")
	is(e, err, net.ErrClosed)
	equal(e, "descriptors", countDescriptors(), before)
	if !e.adopts {
		return
	}
	l, err := e.network.Listen("tcp4", "127.0.0.1:0")
	is(e, err, nil)
	defer l.Close()
	_, err = p.AdoptListener(l)
	is(e, err, net.ErrClosed)
	c, err := e.network.Dial("tcp4", l.Addr().String())
	is(e, err, nil)
	defer c.Close()
	_, err = p.AdoptConn(c)
	is(e, err, net.ErrClosed)
	other, err := l.Accept()
	is(e, err, nil)
	defer other.Close()
	talk(e, c, other)
}

// talk checks that two ends are connected.
func talk(e *env, a, b net.Conn) {
	e.Helper()
	for _, c := range [][2]net.Conn{{a, b}, {b, a}} {
		_, err := c[0].Write([]byte("hello"))
		is(e, err, nil)
		got := make([]byte, 5)
		_, err = io.ReadFull(c[1], got)
		is(e, err, nil)
		equal(e, "received", string(got), "hello")
	}
}

func shutdownOfIdlePort(e *env) {
	p := e.port(nil)
	is(e, p.Shutdown(e.ctx), nil)
	equal(e, "Submit", p.Submit(newPost(nil)), net.ErrClosed)
	equal(e, "Close", p.Close(), net.ErrClosed)
	_, err := p.Next(e.ctx)
	equal(e, "Next", err, net.ErrClosed)
}

func shutdownServesDequeuers(e *env) {
	p := e.port(nil)
	l := newLedger(e)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				op, err := p.Next(e.ctx)
				if err != nil {
					if err != net.ErrClosed {
						e.Errorf("Next: %v", err)
					}
					return
				}
				l.take(op)
			}
		})
	}
	asleep(p, 4)
	for range 10 {
		s, other := e.narrow(p)
		l.submit(p, &ops.Read{From: s, Buf: own(8)}, &ops.Timer{After: time.Hour})
		l.submit(p, &ops.Write{To: s, Buf: completion.Own(numbered(300_000))}, &ops.CloseWrite{On: s})
		all.Go(func() { readsAll(e, other, numbered(300_000)) })
	}
	is(e, p.Shutdown(e.ctx), nil)
	all.Wait()
	l.settled()
	atRest(e, p)
}

func shutdownWithAnotherLeading(e *env) {
	p := e.port(nil)
	_, other, all := e.blocked(p)
	taken := make(chan completion.Operation, len(all))
	go func() {
		defer close(taken)
		for op := range p.Completions(e.ctx) {
			taken <- op
		}
	}()
	asleep(p, 1)
	var reader sync.WaitGroup
	reader.Go(func() { readsAll(e, other, make([]byte, other.ahead+tooMuch+8)) })
	is(e, p.Shutdown(e.ctx), nil)
	reader.Wait()
	for _, want := range all {
		equal(e, "dequeued", <-taken, want)
		e.outcome(want, nil)
	}
	_, more := <-taken
	equal(e, "more", more, false)
}

func shutdownServesAwaiters(e *env) {
	p := e.port(nil)
	s, other := e.narrow(p)
	var all sync.WaitGroup
	write := &ops.Write{To: s, Buf: own(tooMuch)}
	e.fill(p, write, other, true)
	want := func(wait func(context.Context, completion.Operation) error, op completion.Operation, err error) {
		all.Go(func() {
			if got := wait(e.ctx, op); !errors.Is(got, err) || err == nil && got != nil {
				e.Errorf("%T ended with %v, want %v", op, got, err)
			}
		})
	}
	want(p.Await, &ops.Read{From: s, Buf: own(8)}, net.ErrClosed)
	want(p.Wait, write, nil)
	want(p.Await, &ops.Timer{After: time.Hour}, net.ErrClosed)
	asleep(p, 3)
	all.Go(func() { readsAll(e, other, make([]byte, other.ahead+tooMuch)) })
	is(e, p.Shutdown(e.ctx), nil)
	all.Wait()
}

func shutdownWaitsForNoDequeue(e *env) {
	p := e.port(nil)
	posts := make([]completion.Operation, 1000)
	for i := range posts {
		posts[i] = newPost(i)
	}
	e.submit(p, posts...)
	s, other := e.pair(p)
	write := &ops.Write{To: s, Buf: text("abc")}
	e.submit(p, write)
	is(e, p.Shutdown(e.ctx), nil)
	equal(e, "received", other.receive(3), "abc")
	equal(e, "queued", p.Stats().Queued, 1001)
	e.expectAll(p, nil, append(posts, write)...)
}

func shutdownFromLoop(e *env) {
	p := e.port(nil)
	_, other, all := e.blocked(p)
	var reader sync.WaitGroup
	reader.Go(func() { readsAll(e, other, make([]byte, other.ahead+tooMuch+8)) })
	trigger := newPost(nil)
	e.submit(p, trigger)
	for op := range p.Completions(e.ctx) {
		switch {
		case op == trigger:
			is(e, p.Shutdown(e.ctx), nil)
		case len(all) == 0:
			e.Fatalf("dequeued %T", op)
		default:
			equal(e, "dequeued", op, all[0])
			e.outcome(op, nil)
			all = all[1:]
		}
	}
	equal(e, "left", len(all), 0)
	reader.Wait()
}

func shutdownTwice(e *env) {
	p := e.port(nil)
	is(e, p.Shutdown(e.ctx), nil)
	equal(e, "second Shutdown", p.Shutdown(e.ctx), net.ErrClosed)
	p = e.port(nil)
	is(e, p.Close(), nil)
	equal(e, "Shutdown after Close", p.Shutdown(e.ctx), net.ErrClosed)
}

// shutdownsAtOnce: each of several returns when the writes have ended; one of
// them has closed the port.
func shutdownsAtOnce(e *env) {
	p := e.port(nil)
	other, _, all, result := e.begun(p, e.ctx)
	for range 3 {
		go func() { result <- p.Shutdown(e.ctx) }()
	}
	asleep(p, 4)
	var reader sync.WaitGroup
	reader.Go(func() { readsAll(e, other, make([]byte, other.ahead+tooMuch+8)) })
	closed := 0
	for range 4 {
		if err := <-result; err == nil {
			closed++
		} else {
			equal(e, "Shutdown", err, net.ErrClosed)
		}
	}
	equal(e, "ports closed", closed, 1)
	reader.Wait()
	e.expectAll(p, nil, all...)
}

func closeDuringShutdown(e *env) {
	p := e.port(nil)
	other, _, all, result := e.begun(p, e.ctx)
	asleep(p, 1)
	is(e, p.Close(), nil)
	equal(e, "Shutdown", <-result, net.ErrClosed)
	e.blockedEnded(p, other, all)
}

func socketClosedDuringShutdown(e *env) {
	p := e.port(nil)
	other, s, all, result := e.begun(p, e.ctx)
	asleep(p, 1)
	is(e, s.Close(), nil)
	equal(e, "Shutdown", <-result, nil)
	e.blockedEnded(p, other, all)
}

// writeEndsDuringShutdown: a deadline or a cancel still ends the write that
// Shutdown waits for.
func writeEndsDuringShutdown(e *env) {
	for _, cancel := range []bool{true, false} {
		p := e.port(nil)
		_, _, all, result := e.begun(p, e.ctx)
		want := os.ErrDeadlineExceeded
		if cancel {
			want = completion.ErrCanceled
			equal(e, "recorded", p.Cancel(all[0]), true)
		} else {
			equal(e, "moved", p.SetDeadline(all[0], completion.After(5*time.Millisecond)), true)
		}
		is(e, <-result, nil)
		e.expect(p, all[0], want)
		e.expect(p, all[1], completion.ErrWriteAborted)
		e.expect(p, all[2], completion.ErrWriteAborted)
	}
}

// shutdownRaces: whatever was accepted while a Shutdown begins ends once, and
// a write that ended well has arrived.
func shutdownRaces(e *env) {
	link := newLink(e)
	for range 200 {
		p := e.port(nil)
		s, other := link.pair(p)
		l := newLedger(e)
		written := 0
		steps := []func(){
			func() {
				for range 10 {
					l.submit(p, &ops.Write{To: s, Buf: text("abc")}, &ops.Timer{After: time.Hour})
					l.submit(p, &ops.Read{From: s, Buf: own(8)}, newPost(nil))
				}
			},
			func() { is(e, p.Shutdown(e.ctx), nil) },
			func() {
				for op := range p.Completions(e.ctx) {
					l.take(op)
					if w, ok := op.(*ops.Write); ok && w.Err() == nil {
						written += w.N()
					}
				}
			},
		}
		allOf(steps...)
		l.settled()
		got, err := io.ReadAll(other)
		is(e, err, nil)
		equal(e, "bytes received", len(got), written)
		other.Close()
		atRest(e, p)
	}
}
