package sim

import (
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// checkStats: the counters agree at all times.
func (w *world) checkStats() {
	st := w.port.Stats()
	if st.Submitted != st.Completed+uint64(st.InFlight) {
		w.fail("%d submitted, %d completed and %d in flight", st.Submitted, st.Completed, st.InFlight)
	}
}

// checkClosed is called when Close returns.
func (w *world) checkClosed() {
	w.closed = true
	if !w.kernel.closed || w.kernel.sleepers > 0 {
		w.fail("Close returns and the poller is in use")
	}
	for fd, s := range w.kernel.table {
		if s != nil && (s.conn == nil || s.conn.handle != nil) { // or the port is just refusing it
			w.fail("Close returns and descriptor %d is open", fd)
		}
	}
	for _, u := range w.uses {
		if (u.unfinished() || u.half != nil && u.half.unfinished()) && u.returned > 0 {
			w.fail("Close returns and %v has not ended", u)
		}
	}
}

// checkCallbacks: a callback of a context does not outlive Close, unless its actor is
// still leaving the port. checkCallbacks is called when Close has ended everything and
// closes the poller. An actor that calls the closed port later may have a callback again.
func (w *world) checkCallbacks() {
	running := false
	for _, a := range w.living {
		switch a.calling {
		case callbackCall:
			running = true
		case workerCall:
		case verbNames[closePort], verbNames[closeHandle], verbNames[submit], verbNames[cancel], verbNames[stats]:
		default: // a callback that only wakes the poller does no harm
			if a != w.current {
				return
			}
		}
	}
	if running {
		w.fail("Close returns and a context's callback is still to come")
	}
}

// checkFinal: everything was delivered or returned, and nothing is left.
func (w *world) checkFinal() {
	w.checkStats()
	st := w.port.Stats()
	if st.InFlight != 0 || st.Handles != 0 || st.Waiting != 0 || st.Queued != 0 || st.Leading {
		w.fail("left in the port: %+v", st)
	}
	if w.flying != 0 {
		w.fail("%d operations never came back", w.flying)
	}
	for i, pool := range w.pools {
		if n := pool.Lent(); n != 0 {
			w.fail("%d buffers of pool %d are lent in the end", n, i)
		}
	}
	for _, s := range w.kernel.sockets {
		w.checkSocket(s)
	}
	for _, o := range w.operations {
		w.checkPoison(o)
	}
	w.checkFiles()
	w.checkPipes()
	if w.plan.observe && (w.submitted != int(st.Submitted) || w.completed != w.submitted) {
		w.fail("the observer saw %d submitted and %d completed of %d", w.submitted, w.completed, st.Submitted)
	}
}

// checkSocket: the bytes that were sent and received are those that operations report.
func (w *world) checkSocket(s *socket) {
	c := s.conn
	if c == nil { // the socket of a peer
		return
	}
	if s.open && !s.watched || s.fd >= 0 || s.armed || s.knotes[0].added() || s.knotes[1].added() {
		w.fail("socket %d is still open", s.number)
	}
	if c.handle != nil && c.handle.Close() {
		w.fail("the handle of socket %d was not closed", s.number)
	}
	w.checkClosedWrites(s)
	s.layer.checkClosed()
	read, written := 0, 0
	for _, u := range s.uses {
		switch u.kind {
		case backend.Read:
			read += u.read()
		case backend.CopyIn:
			read += len(u.whole.copied)
		case backend.Write, backend.Copy:
			written += int(u.n)
		}
	}
	if s.watched {
		return
	}
	if read != s.consumed {
		w.fail("socket %d: %d bytes were read, reads tell of %d", s.number, s.consumed, read)
	}
	if written != len(s.sent)-s.untold { // a write that was abandoned inside may tell of too few
		w.fail("socket %d: %d bytes were sent, writes tell of %d", s.number, len(s.sent), written)
	}
}

// checkClosedWrites: nothing is sent that was queued behind a write that ended as closed.
func (w *world) checkClosedWrites(s *socket) {
	for _, u := range s.uses {
		if u.kind != backend.Write || u.failure == nil || u.failure.Code != core.Closed {
			continue
		}
		for _, v := range s.uses {
			if (v.kind == backend.Write || v.kind == backend.Copy) && v.moved > 0 && u.before(v) {
				w.fail("%v was sent behind %v, which was closed", v, u)
			}
		}
	}
}

// observe is the port's observer. It is called without a lock, so others may run.
func (w *world) observe(t core.Trace) {
	switch t.Step {
	case core.StepSubmitted:
		w.submitted++
	case core.StepCompleted:
		w.completed++
	case core.StepDequeued:
		w.dequeued++
	case core.StepAsleep, core.StepAwake:
		if w.asleep == (t.Step == core.StepAsleep) {
			w.fail("the observer is told twice that the leader is asleep, or awake")
		}
		w.asleep = t.Step == core.StepAsleep
	}
	w.Step()
}
