package sim

import (
	"bytes"
	"slices"
	"syscall"

	"github.com/completionport/completion/internal/backend"
)

var (
	_ backend.Native      = (*ring)(nil)
	_ backend.Prober      = (*ring)(nil)
	_ backend.ReportsOnce = (*onceRing)(nil)
	_ backend.Selector    = (*selectingRing)(nil)
)

// ring is the kernel as a Native one: it performs accepts, connects, reads and writes by itself.
// What is inside ends at any later step, in any order, also while the call is under way that
// has started it. The calls that do not wait are those of the kernel.
type ring struct {
	backend.Kernel // not the *kernel, which is a Direct one
	k              *kernel
	w              *world
	plan           ringPlan
	inside         []*begun // in the order in which they were started
	results        []*begun // what has ended, and no event has told of
	groups         []*group
	ending         bool // an operation gets its result now
}

// begun is an operation that was started, until Finish has returned its result.
type begun struct {
	use       *use
	socket    *socket
	kind      backend.Kind
	data      []byte
	was       []byte // the bytes of a write, when it was started
	message   *backend.Message
	group     *group // of a read that selects its buffer
	abandoned bool   // its end was asked for, and heard
	unheard   bool   // the last time it was not heard
	ended     bool
	told      bool // by an event, or by a call
	sent      int  // bytes of a write that goes on
	n         int
	errno     syscall.Errno
	number    int  // of the buffer that it has taken, or -1
	lacked    bool // it found none
}

// newKernel returns the kernel that the engine gets: with the methods that the plan says.
func (w *world) newKernel() backend.Kernel {
	k := w.kernel
	if w.plan.backend != onRing {
		return k
	}
	r := &ring{Kernel: k, k: k, w: w, plan: w.plan.ring}
	k.ring = r
	switch once, selects := (onceRing{r}), (selectingRing{r}); {
	case r.plan.once && r.plan.selects:
		return struct {
			*ring
			overs
			selecting
		}{r, overs{r}, selecting{r}}
	case r.plan.once:
		return once
	case r.plan.selects:
		return selects
	}
	return r
}

// onceRing reports a reset to one operation only.
type onceRing struct{ *ring }

// IsOver is called under a lock.
func (r onceRing) IsOver(fd int) bool { return overs{r.ring}.IsOver(fd) }

// overs has the method of a onceRing alone.
type overs struct{ of *ring }

func (o overs) IsOver(fd int) bool {
	s := o.of.k.socketOf(fd, "is over")
	return s != nil && (s.gone || s.eof && s.shut)
}

// about begins a call about the operation that is inside. It returns nil if the call is a
// mistake.
func (r *ring) about(fd int, kind backend.Kind, call string) *begun {
	k, w := r.k, r.w
	s := k.socketOf(fd, call)
	if s == nil {
		return nil
	}
	w.traceCall(call, fd)
	side := sideOf(kind)
	if s.inside[side]++; s.inside[side] > 1 {
		w.fail("two calls at once on one direction of descriptor %d", fd)
	}
	w.called()
	w.pause()
	s.inside[side]--
	s.calls[side]++
	b := s.begun[side]
	if k.socketOf(fd, call) != s || b == nil || b.kind != kind {
		w.fail("%s of a %v of socket %d, and none is inside", call, kind, s.number)
		return nil
	}
	if u := w.caller(s, kind); u != b.use {
		w.fail("%s for %v, and inside is %v", call, u, b.use)
		return nil
	}
	return b
}

func (r *ring) Start(fd int, kind backend.Kind, data []byte, to *backend.Address) (n int, errno syscall.Errno, pending bool) {
	isPoll := kind == backend.PollIn
	if isPoll {
		kind = backend.Read
	}
	s, u := r.k.call(fd, kind)
	if u == nil {
		return 0, syscall.EBADF, false
	}
	if isPoll != (u.kind == backend.PollIn) {
		r.w.fail("%v is started as a poll: %v", u, isPoll)
	}
	b := &begun{use: u, socket: s, kind: kind, data: data, number: -1}
	switch {
	case kind == backend.Connect:
		r.connect(b, to)
	case kind == backend.Accept && len(s.early) > 0:
		r.w.fired[acceptedAhead]++
		n, errno = r.k.acceptFrom(&s.early, s, u)
		return n, errno, false
	case kind == backend.Read && len(data) > 0:
		r.w.checkRead(u, s, data)
	case u.isPoll() && len(data) > 0:
		r.w.fail("%v is to move something", u)
	case kind == backend.PollOut:
		r.w.checkAborted(u, s)
	case kind == backend.Write:
		r.w.checkWrite(u, s, data)
		b.was = bytes.Clone(data)
	}
	return r.begin(b)
}

// begin puts b inside. It may end in the call that starts it, with an event or without.
func (r *ring) begin(b *begun) (n int, errno syscall.Errno, pending bool) {
	u := b.use
	if u.calls == 0 {
		u.calls = 1 // it has reached the kernel
	}
	if b.group == nil && r.canEnd(b) && r.w.schedule.pick(4) == 3 {
		r.w.fired[endedInStart]++
		r.end(b)
		return b.n, b.errno, false
	}
	r.w.trace("%v is inside", u)
	b.socket.begun[sideOf(b.kind)] = b
	r.inside = append(r.inside, b)
	r.w.pause()
	if b.told {
		r.w.fired[endedBeforeReturn]++
	}
	return 0, 0, true
}

// connect begins a connect, unless it is one that has ended as one to be started again.
func (r *ring) connect(b *begun, to *backend.Address) {
	k, s, u := r.k, b.socket, b.use
	switch {
	case s.phase != fresh && u.calls == 0:
		r.w.fail("%v: connect is asked for in phase %d", u, s.phase)
	case s.phase != fresh:
		return
	}
	s.target = r.w.targets[to.Inet.Port()]
	switch {
	case r.w.fires(noWay):
		s.phase, s.errno = refused, errUnreachable
	case r.w.fires(connectPending) || s.target.slow:
		r.w.fired[connectPending]++
		k.attempt(s)
	default:
		k.decide(s)
	}
}

func (r *ring) StartMessage(fd int, kind backend.Kind, m *backend.Message) (n int, errno syscall.Errno, pending bool) {
	s, u := r.k.call(fd, kind)
	if u == nil {
		return 0, syscall.EBADF, false
	}
	return r.begin(&begun{use: u, socket: s, kind: kind, message: m, number: -1})
}

func (r *ring) Finish(fd int, kind backend.Kind) (n int, errno syscall.Errno) {
	b := r.about(fd, kind, "finish")
	switch {
	case b == nil:
		return 0, syscall.EBADF
	case !b.told:
		r.w.fail("the result of %v is asked for, and no event has told of its end", b.use)
	}
	b.socket.begun[sideOf(kind)] = nil
	b.socket.selected, b.socket.lacked = b.number, b.lacked
	r.w.trace("%v: result %d, errno %d", b.use, b.n, b.errno)
	return b.n, b.errno
}

func (r *ring) Abandon(fd int, kind backend.Kind) (heard bool) {
	b := r.about(fd, kind, "abandon")
	if b == nil {
		return true
	}
	switch w := r.w; {
	case b.abandoned:
		w.fail("the end of %v is asked for twice", b.use)
	case !w.mayEndEarly(b.use):
		w.fail("the end of %v is asked for without a reason", b.use)
	case b.ended:
		w.fired[abandonedTooLate]++
	case w.fires(abandonNotHeard):
	default:
		heard, b.abandoned = true, true
	}
	b.unheard = !heard
	r.w.trace("the end of %v is asked for, heard: %v", b.use, heard)
	for range 1 + r.w.schedule.pick(3) { // its event may come before the call returns
		r.w.pause()
	}
	if b.told {
		r.w.fired[endedInAbandon]++
	}
	return heard
}

// mayEndEarly reports whether u may have an intent.
func (w *world) mayEndEarly(u *use) bool {
	if u.half != nil || u.whole != nil { // the other half may have ended
		return true
	}
	return u.cancelTried || u.earliest <= w.kernel.now || w.closeTried || w.shutTried || u.op.conn.closeTried
}

// Probe is not called: a poll is started.
func (r *ring) Probe(fd int, _ backend.Kind) bool {
	r.w.fail("descriptor %d is probed", fd)
	return false
}

func (r *ring) AcceptAhead(fd, n int) (ended bool) {
	b := r.about(fd, backend.Accept, "accept ahead")
	if b == nil {
		return false
	}
	b.socket.ahead = n - 1
	if !b.ended && r.canEnd(b) && r.w.schedule.pick(3) == 2 {
		r.w.fired[endedByAcceptAhead]++
		r.take(b)
		r.end(b)
		b.told, ended = true, true
	}
	r.w.pause()
	return ended
}

// take takes b out of the list of those inside.
func (r *ring) take(b *begun) {
	r.inside = slices.DeleteFunc(r.inside, func(c *begun) bool { return c == b })
}

// canEnd reports whether an operation has a result now, apart from one that was abandoned.
func (r *ring) canEnd(b *begun) bool {
	s := b.socket
	switch b.kind {
	case backend.Connect:
		return s.phase != pending
	case backend.Write:
		return s.phase != pending && (s.phase != connected || s.gone || s.errno != 0 || s.shut || s.nobody || s.room(r.k.capacity) > 0)
	case backend.Send, backend.PollOut:
		return r.k.mask(s)&backend.Writable != 0
	}
	return r.k.mask(s)&backend.Readable != 0
}

// ripe returns the operations that can end now.
func (r *ring) ripe() (list []*begun) {
	for _, b := range r.inside {
		if b.abandoned || r.canEnd(b) {
			list = append(list, b)
		}
	}
	return list
}

// endOne ends one of the operations that can end. An event will tell of it.
func (r *ring) endOne() {
	list := r.ripe()
	b := list[r.w.schedule.pick(len(list))]
	if r.sendsAPiece(b) {
		return
	}
	r.take(b)
	r.end(b)
	r.results = append(r.results, b)
	r.w.trace("%v has ended inside: %d, errno %d", b.use, b.n, b.errno)
}
