package porttest

import (
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// arrivedBeforeTheDeadline: what has come before the deadline is the result, however
// late the port looks, and also if more is ready than one poll reports.
func arrivedBeforeTheDeadline(e *env) {
	const pairs = 150
	p := e.port(nil)
	sockets := make([]*completion.Socket, pairs)
	peers := make([]*peer, pairs)
	for i := range pairs {
		sockets[i], peers[i] = e.pair(p)
	}
	// On a busy machine it may take any time to send: what has not come at least so
	// long before the deadline is sent anew with a longer one.
	for ahead := 200 * time.Millisecond; ; ahead *= 2 {
		end := time.Now().Add(ahead)
		deadline := completion.At(end)
		reads := make([]*ops.Read, pairs)
		for i, s := range sockets {
			reads[i] = &ops.Read{From: s, Buf: own(1), Op: completion.Op{Deadline: deadline}}
			e.submit(p, reads[i])
		}
		for _, peer := range peers {
			peer.send("x")
		}
		sent := time.Now()
		time.Sleep(time.Until(end) + 10*time.Millisecond) // a long body
		overdue := 0
		for range reads {
			if e.next(p).(*ops.Read).Err() != nil {
				overdue++
			}
		}
		if end.Sub(sent) > ahead/2 {
			equal(e, "overdue", overdue, 0)
			return
		}
		e.Logf("it took %v to send", ahead-end.Sub(sent))
	}
}
