package porttest

import (
	"errors"
	"net"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var closeRaceCases = []testCase{
	closeSocketRaces,
	closePortRaces,
	closePortWithBothEnds,
	closeListenerRaces,
	descriptorReuseDropsStaleEvent,
	lastCompletionsReachDequeuersDuringClose,
}

// mix is operations of both directions of one socket.
func mix(s *completion.Socket, pool *completion.Pool) []completion.Operation {
	return []completion.Operation{
		&ops.Read{From: s, Buf: own(4)},
		&ops.Write{To: s, Buf: text("hello")},
		&ops.Read{From: s, Pool: pool},
		&ops.Write{To: s, Buf: text("world")},
		&ops.Read{From: s, Buf: own(8), Full: true},
		&ops.CloseWrite{On: s},
		&ops.Read{From: s, Pool: pool},
		&ops.Write{To: s, Buf: text("too late")},
	}
}

// endedByRace tells whether an error is one that a close, a cancel or a half
// close brings.
func endedByRace(err error) bool {
	return err == nil || errors.Is(err, net.ErrClosed) || errors.Is(err, completion.ErrCanceled) ||
		errors.Is(err, completion.ErrWriteAborted) || errors.Is(err, brokenPipe)
}

// takeOut looks at an operation that a race has ended.
func takeOut(e *env, l *ledger, op completion.Operation) {
	l.take(op)
	if err := op.Err(); !endedByRace(err) {
		e.Errorf("%T ended with %v", op, err)
	}
	releaseBuffer(op)
}

func closeSocketRaces(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 8, 1)
	for range 500 {
		s, other := e.pair(p)
		l := newLedger(e)
		all := mix(s, pool)
		steps := []func(){
			func() { l.submit(p, all[:4]...) },
			func() { l.submit(p, all[4]); l.submit(p, all[5:]...) },
			func() { p.Cancel(all[2]); p.Cancel(all[3]); p.Cancel(all[4]) },
			func() { other.Write([]byte("some bytes")) },
			func() { s.Close() },
			func() { takeSome(e, p, l, 4) },
			func() { takeSome(e, p, l, 4) },
		}
		allOf(steps...)
		l.settled()
		other.Close()
		equal(e, "handles", p.Stats().Handles, 0)
	}
	e.idle(p)
}

// takeSome dequeues n operations.
func takeSome(e *env, p *completion.Port, l *ledger, n int) {
	for range n {
		op, err := p.Next(e.ctx)
		if err != nil {
			e.Errorf("next: %v", err)
			return
		}
		takeOut(e, l, op)
	}
}

func closePortRaces(e *env) {
	for range 500 {
		p := e.port(nil)
		pool := e.pool(p, 8, 1)
		s, other := e.pair(p)
		l := newLedger(e)
		all := mix(s, pool)
		drain := func() {
			for op := range p.Completions(e.ctx) {
				takeOut(e, l, op)
			}
		}
		await := func() {
			err := p.Await(e.ctx, &ops.Read{From: s, Buf: own(3)})
			if !endedByRace(err) {
				e.Errorf("await: %v", err)
			}
		}
		steps := []func(){
			func() { l.submit(p, all[:4]...) },
			func() {
				for _, op := range all[4:] {
					l.submit(p, op)
				}
			},
			func() { p.Cancel(all[2]); p.Cancel(all[4]) },
			func() { other.Write([]byte("some bytes")) },
			func() { is(e, p.Close(), nil) },
			drain, drain, await,
		}
		allOf(steps...)
		l.settled()
		other.Close()
		atRest(e, p)
	}
}

// closePortWithBothEnds: the sockets of a port are closed one after another, and none of them
// takes the close of its peer for the end of the stream.
func closePortWithBothEnds(e *env) {
	for range 100 {
		p := e.port(nil)
		all := e.crossed(p, 4)
		ended := make(chan completion.Operation, len(all))
		go func() {
			for op := range p.Completions(e.ctx) {
				ended <- op
			}
			close(ended)
		}()
		asleep(p, 1)
		is(e, p.Close(), nil)
		for op := range ended {
			if err := op.Err(); err != net.ErrClosed {
				e.Errorf("%T ended with %v", op, err)
			}
		}
		atRest(e, p)
	}
}

// crossed connects sockets of a port with others of the same port, and submits a read of each,
// so that none has a peer that was closed before it. Beside them are sockets without a read,
// which are closed at once, and whose peers have one.
func (e *env) crossed(p *completion.Port, pairs int) (reads []completion.Operation) {
	l := e.listen(p, "tcp4")
	for i := range 2 * pairs {
		s, err := p.Socket("tcp4")
		is(e, err, nil)
		connect, accept := &ops.Connect{On: s, To: l.Addr()}, &ops.Accept{On: l}
		e.submit(p, connect, accept)
		e.expectInAnyOrder(p, connect, accept)
		if i%2 == 0 {
			reads = append(reads, &ops.Read{From: s, Buf: own(8)})
		}
		reads = append(reads, &ops.Read{From: accept.Conn, Buf: own(8)})
	}
	e.submit(p, reads...)
	is(e, l.Close(), nil)
	return reads
}

// atRest checks that a port has nothing left.
func atRest(e *env, p *completion.Port) {
	e.Helper()
	s := p.Stats()
	equal(e, "submitted and not completed", s.Submitted-s.Completed, 0)
	equal(e, "in flight", s.InFlight, 0)
	equal(e, "queued", s.Queued, 0)
	equal(e, "held", held(s), 0)
	equal(e, "waiting", s.Waiting, 0)
	equal(e, "leading", s.Leading, false)
}

// closeListenerRaces: a connection that arrives while its listener closes is
// delivered or closed, never lost.
func closeListenerRaces(e *env) {
	p := e.port(nil)
	for range 200 {
		l := e.listen(p, "tcp4")
		address := l.Addr()
		accepts := []*ops.Accept{{On: l}, {On: l}}
		steps := []func(){
			func() { e.submit(p, accepts[0], accepts[1]) },
			func() { l.Close() },
			func() {
				if c, err := e.network.Dial("tcp4", address.String()); err == nil {
					c.Close()
				}
			},
		}
		allOf(steps...)
		for range accepts {
			a := e.next(p).(*ops.Accept)
			if err := a.Err(); err == nil {
				is(e, a.Conn.Close(), nil)
			} else {
				is(e, err, net.ErrClosed)
				equal(e, "connection", a.Conn, nil)
			}
		}
		equal(e, "handles", p.Stats().Handles, 0)
	}
}

// descriptorReuseDropsStaleEvent closes sockets that have events on their way to a
// leader and opens others that get their numbers. Those must see their own bytes only.
func descriptorReuseDropsStaleEvent(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 16, 4)
	link := newLink(e)
	var leader sync.WaitGroup
	leader.Go(func() {
		for op := range p.Completions(e.ctx) {
			e.Errorf("dequeued %T", op)
		}
	})
	for i := range often(2000) {
		old, oldPeer := link.pair(p)
		oldRead := &ops.Read{From: old, Pool: pool}
		e.start(p, oldRead)
		oldPeer.Write([]byte("stale"))
		if i%2 == 0 {
			oldPeer.Close() // an end of stream that is not the next one's
		}
		is(e, old.Close(), nil)
		s, other := link.pair(p)
		read := &ops.Read{From: s, Pool: pool}
		e.start(p, read)
		other.Write([]byte("fresh"))
		is(e, p.Wait(e.ctx, read), nil)
		equal(e, "read", string(read.Buf.Bytes()), "fresh")
		read.Buf.Release()
		if p.Wait(e.ctx, oldRead) == nil { // it came in time
			equal(e, "read", string(oldRead.Buf.Bytes()), "stale")
			oldRead.Buf.Release()
		}
		is(e, s.Close(), nil)
		oldPeer.Close()
		other.Close()
	}
	is(e, p.Close(), nil)
	leader.Wait()
}

// link makes many pairs over one listener.
type link struct {
	e *env
	l net.Listener
}

func newLink(e *env) *link {
	e.Helper()
	l, err := e.network.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		e.Fatal(err)
	}
	e.closers = append(e.closers, l.Close)
	return &link{e, l}
}

// pair returns a connected socket of the port and its peer, which the caller
// closes.
func (k *link) pair(p *completion.Port) (*completion.Socket, net.Conn) {
	k.e.Helper()
	s, err := k.e.connected(p, "tcp4", k.l.Addr())
	if err != nil {
		k.e.Fatal(err)
	}
	other, err := k.l.Accept()
	if err != nil {
		k.e.Fatal(err)
	}
	return s, other
}

// lastCompletionsReachDequeuersDuringClose: a dequeuer is told that the port is closed
// only when nothing is left to deliver, so all together take everything.
func lastCompletionsReachDequeuersDuringClose(e *env) {
	link := newLink(e)
	for range 100 {
		p := e.port(nil)
		l := newLedger(e)
		var peers []net.Conn
		for range 4 {
			s, other := link.pair(p)
			peers = append(peers, other)
			for range 4 {
				l.submit(p, &ops.Read{From: s, Buf: own(1)})
			}
		}
		together(5, func(i int) {
			if i == 0 {
				is(e, p.Close(), nil)
				return
			}
			for {
				op, err := p.Next(e.ctx)
				if err != nil {
					if s := p.Stats(); s.InFlight != 0 || s.Queued != 0 {
						e.Errorf("%v with %d in flight and %d queued", err, s.InFlight, s.Queued)
					}
					return
				}
				takeOut(e, l, op)
			}
		})
		l.settled()
		for _, c := range peers {
			c.Close()
		}
	}
}
