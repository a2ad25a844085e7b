package porttest

import (
	"errors"
	"io"
	"net"
	"sync"

	"github.com/completionport/completion/ops"
)

// backlogRoom is for how many connections every system has room in a backlog.
// Many stop at 128, and not all of them make the next one wait: FreeBSD resets
// it. A server that is slow to accept must not see more.
const backlogRoom = 100

func connectRacesClose(e *env) {
	p := e.port(nil)
	var addr net.Addr
	const rounds = 200
	for round := range rounds {
		if round%backlogRoom == 0 {
			addr = e.serve("tcp4", func(net.Conn) {})
		}
		s := e.socket(p, "tcp4")
		is(e, s.SetResetOnClose(true), nil)
		c := &ops.Connect{On: s, To: addr}
		r := &ops.Read{From: s, Buf: own(1)}
		var wg sync.WaitGroup
		wg.Go(func() { e.submit(p, c, r) })
		wg.Go(func() { s.Close() })
		one, two := e.next(p), e.next(p)
		wg.Wait()
		if one == two {
			e.Fatal("dequeued twice")
		}
		if err := c.Err(); err != nil {
			is(e, err, net.ErrClosed)
		}
		if err := r.Err(); !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
			e.Fatalf("read: %v", err)
		}
	}
	e.onceEach(p, 2*rounds)
}
