package sim

import (
	"bytes"
	"errors"
	"net/netip"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

func addressOf(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), port)
}

// take checks an operation that was delivered: exactly once, with an outcome that is
// possible.
func (c *caller) take(o *operation, waited bool) {
	u := o.use
	switch {
	case u == nil || u.handedOut:
		c.fail("operation %d (%v) is handed out twice", o.number, o.kind)
		return
	case u.started != waited:
		c.fail("%v comes out where it was not sent", u)
	}
	c.totals.table[u.class()][core.Done][visitHandOut]++
	n, f, ok := core.Outcome(&o.Record)
	if !ok {
		c.fail("%v is handed out and still the port's", u)
	}
	u.handedOut, u.taken, u.n, u.failure = true, c.steps, n, f
	o.use = nil
	c.flying--
	if f != nil {
		c.trace("gets %v: %d bytes, %s", u, n, codeNames[f.Code])
	} else {
		c.trace("gets %v: %d bytes", u, n)
	}
	c.mix(uint64(u.number)<<8 | uint64(n))
	c.checkCount(u)
	c.checkFailure(u)
	c.checkProduct(u)
	c.checkBytes(u)
	c.keep(u)
	if o.number >= 0 && (o.buffer == nil || o.buffer == &o.own) {
		c.idleOps = append(c.idleOps, o)
	}
}

// checkRefused: an operation that Submit has refused ends as closed, whatever the
// outcome of its last use was.
func (w *world) checkRefused(u *use) {
	n, f, ok := core.Outcome(&u.op.Record)
	if !ok || n != 0 || f == nil || f.Code != core.Closed && f.Code != core.FileClosed {
		w.fail("%v is refused with %d bytes, %+v", u, n, f)
	}
	if core.DatagramsOf(&u.op.Carrier).Done != 0 {
		w.fail("%v is refused and tells of datagrams", u)
	}
	if u.op.late != nil || u.op.accepted != nil || u.kind == backend.Read && !u.late && len(u.op.bytes()) > 0 {
		w.fail("%v is refused and has brought something", u)
	}
}

// keep uses the memory as its owner may, and takes over what the operation has produced.
func (c *caller) keep(u *use) {
	o := u.op
	switch {
	case o.late != nil:
		copy(o.late.Memory(), poisoned)
		c.world.held++
		c.held = append(c.held, o.late)
		if !c.keeps && c.schedule.pick(2) == 0 {
			c.release()
		}
	case o.seeks():
		c.keepUntil(u)
	case o.buffer == &o.own, o.batch > 0:
		o.poison()
	}
	c.keepSeveral(o)
	if o.accepted != nil {
		c.know(&connection{handle: o.accepted, socket: u.product})
	}
}

func (w *world) checkCount(u *use) {
	if u.kind == backend.Receive || u.kind == backend.Send || isPooled(u.kind) {
		w.checkOthers(u)
	} else if u.kind == backend.Copy {
		w.checkCopied(u)
	} else if u.kind == backend.Read || u.kind == backend.Write {
		w.checkMoved(u)
	} else if u.kind == backend.Borrow && u.failure == nil {
		if u.op.late == nil || u.n != int64(len(u.op.late.Bytes())) || len(u.op.late.Bytes()) != len(u.op.late.Memory()) {
			w.fail("%v: N is %d", u, u.n)
		}
	} else if u.n != 0 {
		w.fail("%v: N is %d", u, u.n)
	}
	if u.refusedAtOnce && u.calls > 0 {
		w.fail("%v was over before it began, and reached the kernel", u)
	}
	if u.isPoll() && u.failure == nil && !u.ready {
		w.fail("%v ends well, and no call has found its socket ready", u)
	}
	if u.kind == backend.Timer && u.failure == nil && w.kernel.now < u.op.due {
		w.fail("%v fires at %d, due at %d", u, w.kernel.now, u.op.due)
	}
}

// checkMoved checks the count of a read or a write.
func (w *world) checkMoved(u *use) {
	switch {
	case u.op.seeks():
		w.checkMessage(u)
	case u.n != int64(u.moved):
		w.fail("%v: N is %d, moved were %d", u, u.n, u.moved)
	case u.failure != nil:
	case u.kind == backend.Write && u.moved != u.total:
		w.fail("%v ends well with %d of %d bytes", u, u.moved, u.total)
	case u.isSend():
		w.checkSent(u)
	case u.kind == backend.Read && u.moved == 0:
		w.fail("%v ends well with nothing", u)
	case u.op.full && u.kind == backend.Read && u.moved != u.total:
		w.fail("%v is full with %d of %d bytes", u, u.moved, u.total)
	}
}

// checkFailure: an outcome must have a reason.
func (w *world) checkFailure(u *use) {
	code := core.Code(0)
	if u.failure != nil {
		code = u.failure.Code
	}
	if code == core.EndOfFile && u.kind == backend.Read && u.socket.fatal != 0 {
		w.fail("%v: a reset is taken for the end of the stream", u)
	}
	if !w.hasReason(u, code) && !w.fromConnect(u, code) {
		w.fail("%v: impossible outcome %s (%+v)", u, codeNames[code], u.failure)
	}
	switch code {
	case core.DeadlineExceeded, core.Closed, core.WriteAborted, core.LimitExceeded:
		// A connection that came and that the port did not take is a result, too.
		if u.cancelled && u.product == nil && !w.endedByItsSource(u, code) {
			w.fail("%v: its cancel was recorded first, and it ends with %s", u, codeNames[code])
		}
	}
}

// hasReason reports whether something has happened that causes this outcome.
func (w *world) hasReason(u *use, code core.Code) bool {
	if u.isSend() && (code == core.Foreign || code == core.UnexpectedEndOfFile || code == core.FileClosed) {
		return w.failsBySource(u, code)
	}
	switch code {
	case core.Foreign:
		return !u.isPoll() || u.socket.layer != nil
	case core.Canceled:
		return u.cancelTried
	case core.DeadlineExceeded:
		return u.earliest <= w.kernel.now
	case core.Closed:
		return w.closeTried || u.half != nil && u.op.from.closeTried || u.op.conn != nil && u.op.conn.closeTried || w.shutTried && w.endsInShutdown(u)
	case core.WriteAborted:
		return sideOf(u.kind) == 1 && u.socket != nil && w.brokenBefore(u) && u.moved == 0
	case core.LimitExceeded:
		return w.plan.maxInFlight > 0 && u.calls == 0
	case core.EndOfFile, core.UnexpectedEndOfFile:
		return u.reachesTheEnd(code)
	case core.BufferFull:
		return u.kind == backend.Receive || u.op.seeks() && u.filled() == u.total
	case core.System:
		return w.knownErrno(u)
	case core.FileClosed:
		return w.hasReason(u, core.Closed) || w.closesFile(u)
	}
	return true
}

// reachesTheEnd reports whether an operation has found the end of a stream, or of a file, and ends
// with this code.
func (u *use) reachesTheEnd(code core.Code) bool {
	switch {
	case u.kind == backend.ReadAt:
		return u.calls == 1
	case u.kind == backend.Copy:
		return code == core.UnexpectedEndOfFile && u.half.sawEnd && u.op.count > 0 && !u.op.some
	case code == core.EndOfFile:
		return u.kind == backend.Read && u.sawEnd && u.filled() == 0
	}
	return u.kind == backend.Read && u.sawEnd && u.op.full && u.filled() > 0
}

// fromConnect reports whether the operation may have got its outcome from a connect
// that it waited for.
func (w *world) fromConnect(u *use, code core.Code) bool {
	if u.half != nil && u.moved == 0 && w.fromConnect(u.half, code) {
		return true
	}
	// What was inside a ring when a connect began may move bytes although the connect is abandoned.
	if u.socket == nil || !u.socket.late || u.moved > 0 && w.kernel.ring == nil {
		return false
	}
	for _, v := range u.socket.uses {
		if v != u && v.kind == backend.Connect && code < core.System && w.hasReason(v, code) {
			return true
		}
	}
	return false
}

// endsInShutdown: Shutdown ends a write that was accepted only if the write still waits
// for its connection.
func (w *world) endsInShutdown(u *use) bool {
	for _, c := range w.impatient {
		if c.err != nil {
			return true // Shutdown closes the port with the operations that are left
		}
	}
	switch u.kind {
	case backend.Write, backend.CloseWrite, backend.Send, backend.PollOut:
		return u.socket.late
	case backend.WriteAt, backend.Append, backend.Sync, backend.CloseFile:
		return false
	}
	return true
}

// brokenBefore reports whether a write of the same socket had ended after some of its
// bytes and was not delivered before u was submitted. A write that ended as closed breaks
// nothing: a close ends all operations in the same way.
func (w *world) brokenBefore(u *use) bool {
	for _, v := range u.socket.uses {
		if v != u && v.endedHalfWay() &&
			(!v.handedOut || v.taken > u.began && v.failure != nil && (v.failure.Code != core.Closed || v.kind == backend.Copy)) {
			return true
		}
	}
	return false
}

// armCall is the call that the engine names when the poller refuses.
const armCall = "arm"

var errExplained = errors.New("explained")

// explain returns the error of a failure. A real one asks for addresses, so the
// descriptor must be that of the handle, whatever the other actors do meanwhile.
func (w *world) explain(f *core.Failure, fd int) error {
	if f.Err != nil {
		w.fail("%+v is explained twice", f)
	}
	if s := w.kernel.enter(fd, "getsockname"); s != nil && f.Handle != nil && (s.conn == nil || s.conn.handle != f.Handle) {
		w.fail("%+v: descriptor %d is that of another handle", f, fd)
	}
	return errExplained
}

// knownErrno reports whether the errno comes from a call of this operation, or is one
// that the handle remembers.
func (w *world) knownErrno(u *use) bool {
	f := u.failure
	if f.Err != errExplained {
		w.fail("%v: nobody has explained %+v", u, f)
	}
	if u.kind == backend.Accept && f.Call == armCall {
		switch f.Errno {
		case syscall.ENOSPC, syscall.ENOMEM, syscall.EBADF:
			return w.armRefusals > 0
		}
		return false
	}
	if u.half != nil && w.knownTo(u.half, f) { // its handle is From, or To if the failure breaks that
		return true
	}
	if u.socket == nil || f.Handle != u.op.conn.handle {
		return false
	}
	if c := w.kernel.Classify(u.kind, f.Errno); c == backend.Again || c == backend.WouldBlock {
		return false // the call is made again, or an event will come
	}
	return w.knownTo(u, f)
}

// knownTo reports whether an operation may have got the errno of f from its socket.
func (w *world) knownTo(u *use, f *core.Failure) bool {
	if u.errno == f.Errno || u.socket.fatal == f.Errno {
		return true
	}
	if f.Errno == syscall.EINVAL && u.kind == backend.Copy {
		return u.op.count < 0
	}
	if f.Errno == syscall.EINVAL && u.isSend() {
		return u.op.count < 0 || u.op.offset < 0
	}
	if f.Errno == syscall.EISCONN {
		return u.kind == backend.Connect
	}
	// It shares the failure of a connect, or was submitted after it.
	for _, v := range u.socket.uses {
		if v.kind != backend.Connect || v == u {
			continue
		}
		ended := w.hasReason(v, core.Canceled) || w.hasReason(v, core.DeadlineExceeded) ||
			w.hasReason(v, core.Closed) || w.hasReason(v, core.LimitExceeded) ||
			w.kernel.ring != nil && w.hasReason(v, core.WriteAborted) // behind a write that was abandoned inside, before there was a connection
		if v.errno == f.Errno || f.Errno == syscall.ENOTCONN && ended {
			return true
		}
	}
	return false
}

// checkProduct: a product is delivered once.
func (w *world) checkProduct(u *use) {
	o := u.op
	switch {
	case u.kind == backend.Accept:
		if o.delivered != 1 {
			w.fail("%v: Deliver was called %d times", u, o.delivered)
		}
		if (o.accepted != nil) != (u.failure == nil) {
			w.fail("%v: a connection with a failure, or neither", u)
		}
	case u.late:
		if o.delivered != 1 {
			w.fail("%v: Deliver was called %d times", u, o.delivered)
		}
		has := u.moved > 0 && o.batch == 0
		if u.kind == backend.Borrow {
			has = u.failure == nil
		}
		if (o.late != nil) != has {
			w.fail("%v: a buffer without bytes, or bytes without a buffer", u)
		}
	case u.kind == backend.Receive, u.kind == backend.Send, u.kind == backend.Read && o.isVector():
		if o.delivered != 1 {
			w.fail("%v: Deliver was called %d times", u, o.delivered)
		}
	case o.delivered != 0:
		w.fail("%v: Deliver was called", u)
	}
}

// checkBytes: a read has the bytes that the stream has at its position.
func (w *world) checkBytes(u *use) {
	switch {
	case u.op.seeks():
		w.checkText(u)
		return
	case u.kind != backend.Read || u.moved == 0:
		return
	}
	var got []byte
	if u.late {
		if u.op.late == nil {
			return
		}
		got = u.op.late.Bytes()
	} else {
		got = u.op.bytes()
	}
	if want := u.socket.other.sent[u.offset : u.offset+u.moved]; !bytes.Equal(got, want) {
		w.fail("%v: read %v, the stream has %v", u, got, want)
	}
}

// checkPoison: nothing writes to memory that the caller owns.
func (w *world) checkPoison(o *operation) {
	o.own.Memory() // panics if the caller does not own it
	w.checkSeveral(o)
	if o.seeks() {
		if o.use == nil && !bytes.Equal(o.memory, o.shadow) {
			w.fail("the buffer of operation %d was touched after its completion: %q", o.number, o.memory)
		}
		return
	}
	if m := o.memory; !bytes.Equal(m, poisoned[:len(m)]) && len(m) > 0 && o.buffer == &o.own && o.use == nil {
		w.fail("the buffer of operation %d was touched after its completion: %v", o.number, m)
	}
}

// checkHeld is checkPoison for a buffer of a pool.
func (w *world) checkHeld(b *core.Buffer) {
	if m := b.Memory(); !bytes.Equal(m, poisoned[:len(m)]) {
		w.fail("a buffer of a pool was touched while an actor held it: %v", m)
	}
}

// checkCancelled: an intent is recorded once.
func (w *world) checkCancelled(u *use) {
	if u.handedOut {
		return
	}
	if u.cancelled {
		w.fail("%v: a cancel is recorded twice", u)
	}
	u.cancelled = true
}

// checkNothing: Next must have a reason to return nothing.
func (c *caller) checkNothing(ctx *simContext) {
	switch {
	case ctx != nil && ctx.err != nil:
	case !c.closeTried && !c.shutTried:
		c.fail("Next returns nothing from an open port")
	}
}
