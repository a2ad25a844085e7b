package porttest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var copyEndCases = []testCase{
	copyCancelledWhileItWaits,
	copyCancelledBehindOthers,
	copyCancelledHalfWay,
	copyTimesOut,
	copyFromASocketThatIsClosed,
	copyToASocketThatIsClosed,
	copyWithAPortThatIsClosed,
	copySurvivesTheDrain,
	copyToAPeerThatIsGone,
	copyRacesCancel,
	copiesBetweenTheSameSockets,
	copyOfNothingIsNotCutShort,
	connectBehindACopy,
}

// copyCancelledWhileItWaits: it has taken nothing.
func copyCancelledWhileItWaits(e *env) {
	p := e.port(nil)
	from, sends := e.unshared(p)
	to, gets := e.unshared(p)
	o := &ops.Copy{From: from, To: to}
	behind := &ops.Read{From: from, Buf: own(4), Full: true}
	e.submit(p, o, behind)
	e.idle(p)
	sends.send("some")
	equal(e, "received", e.receiveWhile(p, gets, 4), "some")
	equal(e, "cancelled", p.Cancel(o), true)
	equal(e, "cancelled again", p.Cancel(o), false)
	e.expect(p, o, completion.ErrCanceled)
	equal(e, "N", o.N(), 4)
	equal(e, "lost", o.Lost(), int64(0))
	sends.send("more")
	e.expect(p, behind, nil)
	equal(e, "read", string(behind.Buf.Bytes()), "more")
}

// receiveWhile lets the peer receive n bytes while the port works. Nothing ends meanwhile.
func (e *env) receiveWhile(p *completion.Port, c *peer, n int) string {
	e.Helper()
	got := make(chan string, 1)
	go func() {
		b := make([]byte, n)
		io.ReadFull(c, b)
		got <- string(b)
		p.Submit(&ops.Post{})
	}()
	if op, ok := e.next(p).(*ops.Post); !ok {
		e.Fatalf("%T is delivered", op)
	}
	return <-got
}

// copyCancelledBehindOthers: one that has not got its turn in the queue of To.
func copyCancelledBehindOthers(e *env) {
	p := e.port(nil)
	w, c := e.stuckWrite(p)
	from, sends := e.unshared(p)
	o := &ops.Copy{From: from, To: w.To}
	e.submit(p, o)
	sends.send("some")
	e.idle(p)
	equal(e, "cancelled", p.Cancel(o), true)
	e.expect(p, o, completion.ErrCanceled)
	equal(e, "N", o.N(), 0)
	equal(e, "lost", o.Lost(), int64(0))
	read := &ops.Read{From: from, Buf: own(4), Full: true}
	is(e, p.Await(e.ctx, read), nil)
	equal(e, "read", string(read.Buf.Bytes()), "some")
	e.closesStuck(p, w, c)
}

// closesStuck closes a port with a stuck write.
func (e *env) closesStuck(p *completion.Port, w *ops.Write, c *peer) {
	e.Helper()
	is(e, p.Close(), nil)
	e.expect(p, w, net.ErrClosed)
	e.gets(c, c.ahead+w.N(), stuckBytes-w.N())
}

// stuckCopy returns a copy in flight to a peer that does not receive, and how many bytes the
// source sends. Something of it has reached the target.
func (e *env) stuckCopy(p *completion.Port) (o *ops.Copy, sends, gets *peer) {
	e.Helper()
	from, sends := e.unshared(p)
	to, gets := e.unshared(p)
	e.setWriteBuffer(to, 64<<10)
	gets.setReadBuffer(64 << 10)
	o = &ops.Copy{From: from, To: to}
	e.submit(p, o)
	e.sendsAll(sends, make([]byte, stuckBytes))
	equal(e, "received", len(e.receiveWhile(p, gets, 1)), 1)
	return o, sends, gets
}

// copyCancelledHalfWay: every byte is with the target, lost, or still to be read.
func copyCancelledHalfWay(e *env) {
	p := e.port(nil)
	o, _, gets := e.stuckCopy(p)
	behind := &ops.Write{To: o.To, Buf: text("behind")}
	e.submit(p, behind)
	e.idle(p)
	if o.Progress() < 1 {
		e.Error("no progress, although the peer has received a byte")
	}
	equal(e, "cancelled", p.Cancel(o), true)
	e.expectInAnyOrderWith(p, map[completion.Operation]error{o: completion.ErrCanceled, behind: completion.ErrWriteAborted})
	equal(e, "progress", o.Progress(), int64(o.N()))
	rest := e.readToEnd(p, o.From)
	if n := o.N() + int(o.Lost()) + rest; n != stuckBytes {
		e.Errorf("%d sent, %d lost, %d left: not %d", o.N(), o.Lost(), rest, stuckBytes)
	}
	is(e, o.To.Close(), nil)
	e.gets(gets, o.N()-1, int(o.Lost()))
}

// readToEnd returns how many bytes a socket has until the end of its stream.
func (e *env) readToEnd(p *completion.Port, s *completion.Socket) (total int) {
	e.Helper()
	read := &ops.Read{From: s, Buf: own(64 << 10)}
	for {
		err := p.Await(e.ctx, read)
		if err == io.EOF {
			return total
		}
		is(e, err, nil)
		total += read.N()
	}
}

func copyTimesOut(e *env) {
	p := e.port(nil)
	from, sends := e.unshared(p)
	to, gets := e.unshared(p)
	o := &ops.Copy{From: from, To: to}
	o.Timeout = time.Millisecond
	is(e, p.Await(e.ctx, o), os.ErrDeadlineExceeded)
	equal(e, "N", o.N(), 0)
	o.Timeout = 0
	sends.send("late")
	sends.closeWrite()
	is(e, p.Await(e.ctx, o), nil)
	equal(e, "received", gets.receive(4), "late")
}

// copyFromASocketThatIsClosed: what was taken is sent first.
func copyFromASocketThatIsClosed(e *env) {
	p := e.port(nil)
	from, _ := e.unshared(p)
	to, _ := e.unshared(p)
	o := &ops.Copy{From: from, To: to}
	e.submit(p, o)
	e.idle(p)
	is(e, from.Close(), nil)
	e.expect(p, o, net.ErrClosed)
	is(e, p.Await(e.ctx, o), net.ErrClosed)

	o, _, gets := e.stuckCopy(p)
	e.idle(p)
	is(e, o.From.Close(), nil)
	end := &ops.CloseWrite{On: o.To}
	received := make(chan int64, 1)
	go func() {
		n, _ := io.Copy(io.Discard, gets)
		received <- n + 1
	}()
	e.expect(p, o, net.ErrClosed)
	equal(e, "lost", o.Lost(), int64(0))
	is(e, p.Await(e.ctx, end), nil)
	equal(e, "received", <-received, int64(o.N()))
}

func copyToASocketThatIsClosed(e *env) {
	p := e.port(nil)
	from, sends := e.unshared(p)
	to, _ := e.unshared(p)
	o := &ops.Copy{From: from, To: to}
	behind := &ops.Read{From: from, Buf: own(4)}
	e.submit(p, o, behind)
	e.idle(p)
	is(e, to.Close(), nil)
	e.expect(p, o, net.ErrClosed)
	sends.send("more")
	e.expect(p, behind, nil)
	is(e, p.Await(e.ctx, o), net.ErrClosed)

	o, _, gets := e.stuckCopy(p)
	e.idle(p)
	is(e, o.To.Close(), nil)
	e.expect(p, o, net.ErrClosed)
	equal(e, "all", o.N()+int(o.Lost())+e.readToEnd(p, o.From), stuckBytes)
	e.gets(gets, o.N()-1, int(o.Lost()))
}

func copyWithAPortThatIsClosed(e *env) {
	p := e.port(nil)
	o, _, gets := e.stuckCopy(p)
	is(e, p.Close(), nil)
	e.expect(p, o, net.ErrClosed)
	e.gets(gets, o.N()-1, int(o.Lost()))
	is(e, p.Submit(o), net.ErrClosed)
	equal(e, "lost", o.Lost(), int64(0))
}

// copySurvivesTheDrain: a Shutdown sends what was taken, and takes no more.
func copySurvivesTheDrain(e *env) {
	p := e.port(nil)
	idle, _ := e.unshared(p)
	other, _ := e.unshared(p)
	waits := &ops.Copy{From: idle, To: other}
	e.submit(p, waits)
	o, _, gets := e.stuckCopy(p)
	done := make(chan error, 1)
	go func() { done <- p.Shutdown(e.ctx) }()
	// The one may have nothing that it took, for a moment, and then it ends at once, too.
	left := map[completion.Operation]bool{waits: true, o: true}
	first := e.next(p)
	is(e, first.Err(), net.ErrClosed)
	delete(left, first)
	// The peer receives only now: a Copy that could send before the Shutdown would end by itself.
	received := make(chan int64, 1)
	go func() {
		n, _ := io.Copy(io.Discard, gets)
		received <- n + 1
	}()
	for last := range left {
		e.expect(p, last, net.ErrClosed)
	}
	equal(e, "lost", o.Lost(), int64(0))
	is(e, <-done, nil)
	equal(e, "received", <-received, int64(o.N()))
}

func copyToAPeerThatIsGone(e *env) {
	e.needsReset(resetOf{})
	p := e.port(nil)
	o, _, gets := e.stuckCopy(p)
	gets.reset()
	op := e.next(p)
	if op != completion.Operation(o) || !errors.Is(o.Err(), syscall.ECONNRESET) && !errors.Is(o.Err(), syscall.EPIPE) {
		e.Errorf("%T ends with %v", op, o.Err())
	}
	equal(e, "all", o.N()+int(o.Lost())+e.readToEnd(p, o.From), stuckBytes)
}

// copyRacesCancel: wherever the cancel comes, every byte has one place.
func copyRacesCancel(e *env) {
	p := e.port(nil)
	for round := range 200 {
		from, sends := e.unshared(p)
		to, gets := e.unshared(p)
		o := &ops.Copy{From: from, To: to}
		const size = 300_000
		sent := streamPeerSend(sends, make([]byte, size))
		received := make(chan int64, 1)
		go func() {
			n, _ := io.Copy(io.Discard, gets)
			received <- n
		}()
		e.submit(p, o)
		go func() {
			for range round * 20 {
				p.Stats()
			}
			p.Cancel(o)
		}()
		e.expect(p, o, completion.ErrCanceled)
		to.Close()
		if n := <-received; n < int64(o.N()) || n > int64(o.N())+o.Lost() || e.countsCut() && n != int64(o.N()) {
			e.Fatalf("%d bytes are received, N is %d, %d are lost", n, o.N(), o.Lost())
		}
		read := &ops.Read{From: from, Buf: own(size)}
		for left := size - o.N() - int(o.Lost()); left > 0; left -= read.N() {
			is(e, p.Await(e.ctx, read), nil)
		}
		is(e, <-sent, nil)
		from.Close()
	}
}

// copiesBetweenTheSameSockets: they take turns in one order at both sockets, whoever submits
// them, so none waits for another that waits for it.
func copiesBetweenTheSameSockets(e *env) {
	p := e.port(nil)
	from, sends := e.unshared(p)
	to, gets := e.unshared(p)
	const many, each = 4, 1000
	b := streamPattern(5, many*each)
	sent, received := e.sendsAll(sends, b), streamPeerReceive(gets, b)
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			o := &ops.Copy{From: from, To: to, Count: 1}
			for range each {
				is(e, p.Await(e.ctx, o), nil)
			}
		})
	}
	wg.Wait()
	is(e, <-sent, nil)
	is(e, <-received, nil)
}

// copyOfNothingIsNotCutShort: a Shutdown that waits for nothing ends a Copy that has taken
// nothing, also if its target has no room.
func copyOfNothingIsNotCutShort(e *env) {
	p := e.port(nil)
	w, _ := e.stuckWrite(p)
	equal(e, "cancelled", p.Cancel(w), true)
	e.expect(p, w, completion.ErrCanceled)
	from, _ := e.unshared(p)
	o := &ops.Copy{From: from, To: w.To}
	e.submit(p, o)
	e.idle(p)
	over, cancel := context.WithCancel(e.ctx)
	cancel()
	is(e, p.Shutdown(over), nil)
	e.expect(p, o, net.ErrClosed)
}

// connectBehindACopy: a Connect that is over, be it before or after it was queued, does not wait
// for a Copy to its socket, which waits for data. The socket can only be closed then, so the
// Copy ends as well, with the outcome of the Connect.
func connectBehindACopy(e *env) {
	for _, isOver := range []bool{true, false} {
		p := e.port(nil)
		from, _ := e.unshared(p)
		to := e.socket(p, "tcp4")
		o := &ops.Copy{From: from, To: to}
		e.submit(p, o)
		e.idle(p)
		c := &ops.Connect{On: to, To: e.refusingAddress()}
		want := completion.ErrCanceled
		if isOver {
			c.Deadline, want = long, os.ErrDeadlineExceeded
		}
		e.submit(p, c)
		if !isOver {
			equal(e, "cancelled", p.Cancel(c), true)
		}
		e.expectInAnyOrderWith(p, map[completion.Operation]error{o: want, c: want})
		equal(e, "lost", o.Lost(), int64(0))
	}
}
