package porttest

import "github.com/completionport/completion/ops"

// systemErrorCases are of this system: others end these connections in other
// ways.
var systemErrorCases = []testCase{
	unreadDataMakesCloseAReset,
}

func unreadDataMakesCloseAReset(e *env) {
	p := e.port(nil)
	for _, network := range []string{"unix", "tcp4"} {
		s, other := e.pairOn(p, network)
		read := &ops.Read{From: s, Buf: own(8)}
		e.submit(p, read)
		is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("never read")}), nil)
		e.idle(p)
		other.Close()
		e.expect(p, read, connectionReset)
		pool := e.pool(p, 8, 1)
		isReset(e, p.Await(e.ctx, read), "read")
		isReset(e, p.Await(e.ctx, &ops.Read{From: s, Pool: pool}), "read")
		isReset(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("abc")}), "write")
	}
}
