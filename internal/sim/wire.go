package sim

import (
	"bytes"
	"slices"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// checkOrder: no operation overtakes another one of its direction, or the connect that it
// was submitted behind. Those ahead are in the same call.
func (w *world) checkOrder(u *use, s *socket, ahead ...part) {
	for _, v := range s.uses {
		isAhead := func(p part) bool { return p.use == v }
		if v == u || !v.before(u) || !v.unfinished() || slices.ContainsFunc(ahead, isAhead) {
			continue
		}
		if sideOf(v.kind) == sideOf(u.kind) {
			w.fail("%v overtakes %v", u, v)
		}
		if v.kind == backend.Connect && s.phase != connected && s.phase != refused {
			w.fail("%v does not wait for %v", u, v)
		}
	}
	if v := s.brokenBy(); v != nil && sideOf(u.kind) == 1 {
		w.fail("%v reaches the kernel, and the program has not been told of half of %v", u, v)
	}
}

// endedHalfWay reports whether u is a write that has ended after some of its bytes.
func (u *use) endedHalfWay() bool {
	if u.kind == backend.Copy || u.isSend() {
		return u.copyHalfWay()
	}
	return u.kind == backend.Write && (u.moved > 0 && u.moved < u.total || u.cut) && !u.unfinished()
}

// brokenBy returns the write that has ended after some of its bytes and is not being
// delivered yet, or nil.
func (s *socket) brokenBy() *use {
	for _, v := range s.uses {
		if !v.handedOut && v.endedHalfWay() && v.phase() == core.Done {
			return v
		}
	}
	return nil
}

// isTriedOnceMore reports whether a read has timed out, and so a call without an event is
// allowed.
func (w *world) isTriedOnceMore(s *socket) bool {
	for _, u := range s.uses {
		if (u.kind == backend.Read || u.kind == backend.PollIn) && u.earliest <= w.kernel.now {
			return true
		}
	}
	return false
}

// checkAnnounced: a read is not tried before there was an event.
func (w *world) checkAnnounced(u *use, s *socket) {
	if w.kernel.ring == nil && !s.announced && !s.watched && s.layer == nil && !w.isTriedOnceMore(s) {
		w.fail("%v is tried before any event of its socket", u)
	}
}

// checkRead: p is the part of the operation's memory that is not filled yet.
func (w *world) checkRead(u *use, s *socket, p []byte) {
	w.checkAnnounced(u, s)
	if u.whole != nil {
		w.checkCopyIn(u, s)
		return
	}
	if u.late && u.moved == 0 {
		u.memory, u.total = p, len(p)
	}
	left := u.total - u.filled()
	if s.layer != nil { // one buffer after the other
		left = min(left, len(p))
	}
	if len(p) == 0 || len(p) != left || &p[0] != &u.memory[u.filled()] {
		w.fail("%v is to read %d bytes where %d of %d are missing", u, len(p), u.total-u.filled(), u.total)
	}
	if why := u.whyNotSought(); why != "" {
		w.fail("%v is to read more, and %s", u, why)
	}
}

// prepareBytes sets what a write is to write.
func (u *use) prepareBytes() {
	o := u.op
	switch o.kind {
	case backend.Write, backend.WriteAt, backend.Append:
	default:
		return
	}
	for i := range u.memory {
		if o.buffer != &o.own {
			break
		}
		if u.memory[i] = byte(u.number*11 + i*5); o.world.plan.lines {
			u.memory[i] = lineByte(u.number*7+i, u.memory[i])
		}
	}
	u.expect = slices.Clone(u.memory)
	if u.isSend() {
		u.expect = o.source.part(o.offset, o.count)
		u.total = len(u.expect)
	}
}

// checkWrite: p has the bytes of the operation that are not sent yet, and the operation
// need not have been aborted.
func (w *world) checkWrite(u *use, s *socket, p []byte) {
	if u.kind == backend.Copy {
		w.checkCopyOut(u, s, p)
		return
	}
	left := u.expect[u.moved:]
	switch {
	case s.layer != nil || w.kernel.ring != nil: // one buffer after the other
		left = left[:min(len(left), len(p))]
	case u.isSend():
		left = left[:u.sourced]
	}
	if !bytes.Equal(p, left) || len(p) == 0 {
		w.fail("%v is to write %v, what is left of it is %v", u, p, u.expect[u.moved:])
	}
	w.checkAborted(u, s)
}

// checkAborted: a write that has sent nothing yet is not behind half of another.
func (w *world) checkAborted(u *use, s *socket) {
	if u.moved > 0 {
		return
	}
	for _, v := range s.uses {
		if v != u && v.endedHalfWay() &&
			(v.batch == u.batch || u.returned > 0 && u.returned <= v.lastAt) {
			w.fail("%v is written behind half of %v", u, v)
		}
	}
}

// wasRead records that n bytes, or the end of the stream, were read.
func (w *world) wasRead(u *use, s *socket, n int, filled bool) {
	u.calls++
	switch from := s.consumed - n; {
	case u.moved == 0:
		u.offset = from
	case u.offset+u.moved != from:
		w.fail("%v goes on at %d, it was at %d", u, from, u.offset+u.moved)
	}
	if u.op.seeks() {
		filled = !w.seeksOn(u, s, n)
	}
	u.moved += n
	w.mix(uint64(n))
	if filled || !u.op.full {
		w.visit(u, visitResult)
	} else {
		w.visit(u, visitPartial)
	}
	w.trace("%v: read %d bytes", u, n)
}

// wasWritten records that n bytes were written.
func (w *world) wasWritten(u *use, s *socket, n int) {
	u.calls++
	switch from := len(s.sent) - n; {
	case u.moved == 0:
		u.offset = from
	case u.offset+u.moved != from:
		w.fail("%v goes on at %d, it was at %d: another came in between", u, from, u.offset+u.moved)
	}
	u.moved += n
	w.mix(uint64(n))
	if u.moved == u.total {
		w.visit(u, visitResult)
	} else {
		w.visit(u, visitPartial)
	}
	w.trace("%v: wrote %d bytes", u, n)
}

// checkClosing: no descriptor is closed during a call, or while it is lent.
func (w *world) checkClosing(s *socket) {
	if s.inside != [2]int{} {
		w.fail("descriptor %d is closed under a call", s.fd)
	}
	for _, u := range s.uses {
		if u.unfinished() && u.phase() != core.Accepted { // an Accepted one will be refused
			w.fail("descriptor %d is closed and %v has not ended", s.fd, u)
		}
	}
}
