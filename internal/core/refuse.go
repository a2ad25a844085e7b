package core

import "github.com/completionport/completion/internal/backend"

// refuse gives operations the outcome that the port is closed, so that nobody takes
// that of an earlier use for theirs. One that is nil or in flight is a mistake all
// the same, and then none is touched. The lock is released when it returns.
func (st *state) refuse(ops []Operation) {
	claimed := 0
	defer func() {
		for _, op := range ops[:claimed] {
			op.self().unclaim()
		}
		st.unlockQuietly()
	}()
	for _, op := range ops {
		rec := recordOf(op)
		was := rec.slot.Load()
		if was != nil && was != &waited {
			panic(operationInFlight)
		}
		rec.claim(was, queuedMark(was)) // for as long as it takes
		claimed++
	}
	for _, op := range ops {
		st.refuseOne(op)
	}
}

// refuseOne makes a claimed operation one that was closed before it moved
// anything.
func (st *state) refuseOne(op Operation) {
	rec := op.self()
	rec.n, rec.failure = 0, closedFailure
	switch req := st.describe(op); {
	case req.Kind == backend.Accept, req.Kind == backend.Read && req.Pool != nil:
		op.Deliver(Result{})
	case req.Kind == backend.Read && req.Buffer != nil:
		// As after any read, N bytes are new in it; if it is not the caller's, that is
		// a mistake which harms nobody here.
		if mistake := req.Buffer.acquire(true); mistake == "" {
			if !req.Append {
				req.Buffer.n = 0
			}
			req.Buffer.giveBack()
		}
	}
}
