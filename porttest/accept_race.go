package porttest

import (
	"errors"
	"net"
	"os"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// acceptNext accepts the connection that an accept which was ended has left.
func (e *env) acceptNext(p *completion.Port, l *completion.Listener) *completion.Socket {
	e.Helper()
	a := &ops.Accept{On: l}
	e.submit(p, a)
	e.expect(p, a, nil)
	return a.Conn
}

func cancelLosesNoConnection(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	canceled := 0
	for round := range 1000 {
		a := &ops.Accept{On: l}
		e.submit(p, a)
		var dialed net.Conn
		var err error
		var got *completion.Socket
		if e.raceCancel(p, a, round, func() { dialed, err = e.network.Dial("tcp4", l.Addr().String()) }) {
			canceled++
			if a.Conn != nil {
				e.Fatal("a cancelled accept has a connection")
			}
			got = e.acceptNext(p, l)
		} else {
			got = a.Conn
		}
		is(e, err, nil)
		equal(e, "remote", got.RemoteAddr().String(), dialed.LocalAddr().String())
		closeWithReset(dialed)
		is(e, got.Close(), nil)
	}
	e.Logf("%d of 1000 were cancelled", canceled)
	e.idle(p)
}

func deadlineLosesNoConnection(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	for range 1000 {
		a := &ops.Accept{On: l}
		e.submit(p, a)
		var dialed net.Conn
		var err error
		var wg sync.WaitGroup
		wg.Go(func() { dialed, err = e.network.Dial("tcp4", l.Addr().String()) })
		wg.Go(func() { p.SetDeadline(a, long) })
		if op := e.next(p); op != completion.Operation(a) {
			e.Fatalf("dequeued %T", op)
		}
		wg.Wait()
		is(e, err, nil)
		got := a.Conn
		if a.Err() != nil {
			is(e, a.Err(), os.ErrDeadlineExceeded)
			got = e.acceptNext(p, l)
		}
		equal(e, "remote", got.RemoteAddr().String(), dialed.LocalAddr().String())
		closeWithReset(dialed)
		is(e, got.Close(), nil)
	}
}

func closeListenerRacesConnections(e *env) {
	p := e.port(nil)
	for range 200 {
		l := e.listen(p, "tcp4")
		addr := l.Addr()
		all := accepts(l, 3)
		e.submit(p, all...)
		var wg sync.WaitGroup
		wg.Go(func() {
			if c, err := e.network.Dial(addr.Network(), addr.String()); err == nil {
				closeWithReset(c)
			}
		})
		wg.Go(func() { l.Close() })
		for range all {
			a := e.next(p).(*ops.Accept)
			switch err := a.Err(); {
			case err == nil:
				is(e, a.Conn.Close(), nil)
			case !errors.Is(err, net.ErrClosed) || a.Conn != nil:
				e.Fatalf("error %v, connection %v", err, a.Conn)
			}
		}
		wg.Wait()
	}
	e.onceEach(p, 600)
	equal(e, "handles", p.Stats().Handles, 0)
}
