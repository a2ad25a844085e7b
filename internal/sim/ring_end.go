package sim

import (
	"bytes"
	"slices"
	"syscall"

	"github.com/completionport/completion/internal/backend"
)

// end ends an operation that is inside: it gets its result, or is abandoned.
func (r *ring) end(b *begun) {
	s := b.socket
	b.ended, r.ending = true, true
	defer func() { r.ending = false }()
	switch {
	case b.abandoned && (!r.canEnd(b) || r.w.schedule.pick(2) == 0):
		r.cutOff(b)
		return
	case b.abandoned:
		r.w.fired[endedAllTheSame]++
	}
	r.perform(b)
	if b.kind == backend.Read && b.errno == syscall.EPIPE {
		b.use.sawEnd = true // a reset behind the end of the stream, which a Native kernel may report as that
	}
	if b.use.isPoll() && (b.errno == 0 || b.errno != errCanceled && b.errno != syscall.EINTR) {
		b.use.ready = true // a call would not wait, be it since it would fail
	}
	if !r.plan.once && s.gone { // each operation is told
		s.errno = s.why
	}
}

// perform gives an operation its result.
func (r *ring) perform(b *begun) {
	s := b.socket
	switch {
	case b.kind == backend.Accept:
		b.n, b.errno = r.accept(s, b.use)
	case b.kind == backend.Connect && r.w.fires(againConnected):
		b.errno = r.k.refuse(s, b.use, syscall.EINPROGRESS)
	case b.kind == backend.Connect:
		b.errno = r.k.outcome(s, b.use)
	case b.kind == backend.Write:
		r.checkUnchanged(b)
		b.n, b.errno = r.k.send(s, part{b.use, b.data[b.sent:]})
		b.n += b.sent
	case b.message != nil:
		b.n, b.errno = r.endMessage(b)
	case b.group != nil:
		r.selectOne(b)
	case len(b.data) > 0:
		b.n, b.errno = r.k.receive(s, b.use, b.data)
	case !r.plan.once && s.gone && s.why == errReset && r.w.schedule.pick(2) == 1:
		b.errno = r.k.refuse(s, b.use, s.why)
	}
}

// endMessage is the end of a Receive or a Send. A Receive without memory takes nothing.
func (r *ring) endMessage(b *begun) (n int, errno syscall.Errno) {
	one := []backend.Message{*b.message}
	switch {
	case b.kind == backend.Send:
		r.w.checkSend(b.use, one, 1)
		n, errno = r.k.sendMail(b.socket, b.use, one)
	case len(b.message.Data) > 0:
		n, errno = r.k.receiveLetters(b.socket, b.use, one)
	case r.w.fires(interruptedRead):
		errno = r.k.refuse(b.socket, b.use, syscall.EINTR)
	}
	*b.message = one[0]
	return n, errno
}

func (r *ring) checkUnchanged(b *begun) {
	if !bytes.Equal(b.data, b.was) {
		r.w.fail("the bytes of %v have changed while it was inside", b.use)
	}
}

// accept is the end of an accept. Afterwards the ring may accept more, which the next Starts
// return.
func (r *ring) accept(s *socket, u *use) (int, syscall.Errno) {
	n, errno := r.k.acceptFrom(&s.backlog, s, u)
	for s.ahead > 0 && len(s.backlog) > 0 && r.w.schedule.pick(2) == 1 {
		s.ahead--
		s.early = append(s.early, s.backlog[0])
		s.backlog = s.backlog[1:]
	}
	return n, errno
}

// cutOff ends an operation early since the engine has asked for it. A write may have moved bytes
// by then. A ring that is not exact tells of none of them, or of some.
func (r *ring) cutOff(b *begun) {
	s, u := b.socket, b.use
	b.errno = errCanceled
	if b.kind != backend.Write {
		r.k.refuse(s, u, b.errno)
		return
	}
	r.checkUnchanged(b)
	b.n = b.sent
	if r.plan.exact {
		b.errno = r.k.refuse(s, u, syscall.EAGAIN)
		return
	}
	if s.phase == connected && !s.shut && !s.gone && s.errno == 0 && !s.nobody && u.half == nil {
		r.sendSome(b)
	}
	if s.layer != nil {
		s.layer.lost = true
	}
	u.cut = true // the engine can't know that it has moved nothing
	r.k.refuse(s, u, b.errno)
}

// sendSome moves a part of a write that is abandoned.
func (r *ring) sendSome(b *begun) {
	s, u := b.socket, b.use
	rest := b.data[b.sent:]
	n := r.w.schedule.pick(min(s.room(r.k.capacity), len(rest)) + 1)
	if n == 0 {
		return
	}
	if s.layer == nil && r.w.schedule.pick(2) == 0 {
		b.n += r.k.deliverParts(s, []part{{u, rest}}, n)
		return
	}
	r.w.fired[countTooLow]++
	r.k.deliver(s, rest[:n])
	s.untold += n
}

// sendsAPiece lets a ring that is not exact send a part of a write, which stays inside. It reports
// whether it did.
func (r *ring) sendsAPiece(b *begun) bool {
	s, rest := b.socket, b.data[b.sent:]
	if r.plan.exact || b.kind != backend.Write || b.abandoned || s.layer != nil || s.phase != connected || s.shut || s.gone || s.errno != 0 || s.nobody {
		return false
	}
	most := min(s.room(r.k.capacity), len(rest)-1)
	if most < 1 || r.w.schedule.pick(3) < 2 {
		return false
	}
	r.checkUnchanged(b)
	r.w.fired[sentInPieces]++
	b.sent += r.k.deliverParts(s, []part{{b.use, rest}}, 1+r.w.schedule.pick(most))
	return true
}

// harvest takes results out, as events.
func (r *ring) harvest(events []backend.Event) (n int) {
	k, w := r.k, r.w
	k.event = false
	for len(r.results) > 0 && n < len(events) {
		if n > 0 && w.fires(truncated) {
			break
		}
		i := 0
		if len(r.results) > 1 && w.fires(reordered) {
			i = w.schedule.pick(len(r.results))
		}
		b := r.results[i]
		r.results = slices.Delete(r.results, i, i+1)
		events[n] = r.event(b)
		n++
	}
	if n < len(events) && len(k.ghosts) > 0 {
		events[n] = k.ghosts[0]
		k.ghosts = k.ghosts[1:]
		n++
	}
	for _, e := range events[:n] {
		w.trace("event: descriptor %d, generation %d, ended %05b", e.FD, e.Generation, e.Ready)
	}
	return n
}

// event returns the event of a result, and perhaps of that of the other direction.
func (r *ring) event(b *begun) backend.Event {
	s := b.socket
	b.told = true
	r.w.visitAll(s, visitEdge)
	e := backend.Event{FD: s.fd, Generation: s.generation, Ready: endedIn(b)}
	for i, c := range r.results {
		if c.socket == s && r.w.fires(endedTogether) {
			c.told = true
			e.Ready |= endedIn(c)
			r.results = slices.Delete(r.results, i, i+1)
			break
		}
	}
	return e
}

func endedIn(b *begun) backend.Readiness {
	return [...]backend.Readiness{backend.EndedIn, backend.EndedOut}[sideOf(b.kind)]
}

// overslept returns the reason why an operation inside must not be left there by an engine that
// sleeps, or "".
func (w *world) overslept(u *use) string {
	b := u.socket.begun[sideOf(u.kind)]
	switch {
	case b == nil || b.use != u:
		return "nothing of it is inside"
	case w.asksAgain(u):
		return ""
	case u.cancelled:
		return "it is cancelled"
	case u.op.conn.closed:
		return "its handle is closed"
	case w.shutTried && sideOf(u.kind) == 0:
		return "the port is shut down"
	}
	return w.timeIsUp(u)
}

// asksAgain reports whether u, or its half in, is inside and its end was asked for, but not heard.
// The engine waits before it asks once more.
func (w *world) asksAgain(u *use) bool {
	switch {
	case u.socket == nil:
		return false
	case u.half != nil && w.asksAgain(u.half):
		return true
	}
	b := u.socket.begun[sideOf(u.kind)]
	return b != nil && b.use == u && b.unheard && w.nextTime() != backend.Never
}
