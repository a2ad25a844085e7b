package sim

import (
	"slices"
	"syscall"

	"github.com/completionport/completion/internal/backend"
)

var _ backend.Kernel = (*kernel)(nil)

// kernel is a small system: descriptors, sockets, and a clock that stands still
// until the scheduler moves it. All of it is plain memory.
type kernel struct {
	w           *world
	now         int64
	capacity    int       // of a socket's buffer
	limit       int       // of descriptors
	sockets     []*socket // all that there ever were
	table       []*socket // by descriptor
	descriptors int
	highest     int // the descriptors below it have been used

	queue *queue // nil with another than kqueue
	ring  *ring  // nil with another

	// The poller's.
	ready    []*socket
	late     []edge // edges to come
	ghosts   []backend.Event
	until    int64 // end of a parked wait; see poller
	event    bool  // a wake-up of a blocked wait
	closed   bool
	sleepers int
	looking  bool // a look is under way: a leader that spins waits for the clock
}

func (k *kernel) Now() int64 { return k.now }

// socketOf returns the socket of a descriptor that the engine makes a call on.
func (k *kernel) socketOf(fd int, call string) *socket {
	if fd < 0 || fd >= len(k.table) || k.table[fd] == nil {
		k.w.fail("%s on descriptor %d, which is not open", call, fd)
		return nil
	}
	return k.table[fd]
}

// enter begins a call that concerns no operation.
func (k *kernel) enter(fd int, call string) *socket {
	k.w.traceCall(call, fd)
	k.w.pause()
	return k.socketOf(fd, call)
}

// call begins a call that an operation makes. Others run before the call takes effect,
// and after it as soon as the engine takes a lock. call returns nil if the call is a
// mistake.
func (k *kernel) call(fd int, kind backend.Kind) (*socket, *use) {
	s := k.begin(fd, kind)
	if s == nil {
		return nil, nil
	}
	u := k.w.caller(s, kind)
	if u == nil {
		return nil, nil
	}
	k.w.checkOrder(u, s)
	return s, u
}

// begin begins a call on a direction of a descriptor, as call does. It returns nil if the
// call is a mistake.
func (k *kernel) begin(fd int, kind backend.Kind) *socket {
	name := kind.String()
	s := k.socketOf(fd, name)
	if s == nil {
		return nil
	}
	k.w.traceCall(name, fd)
	side := sideOf(kind)
	if s.inside[side]++; s.inside[side] > 1 {
		k.w.fail("two calls at once on one direction of descriptor %d", fd)
	}
	k.w.called()
	k.w.pause()
	s.inside[side]--
	s.calls[side]++
	if s.begun[side] != nil {
		k.w.fail("a %s on descriptor %d, and %v is inside", name, fd, s.begun[side].use)
	}
	if d := k.w.plan.busy.call; d > 0 && k.w.stage == chaos {
		k.w.advance(k.now + d)
	}
	if k.socketOf(fd, name) != s {
		k.w.fail("descriptor %d changed hands during a call", fd)
		return nil
	}
	return s
}

// refuse ends a call that did nothing.
func (k *kernel) refuse(s *socket, u *use, errno syscall.Errno) syscall.Errno {
	if u != nil {
		u.calls++
		u.errno = errno
		k.w.visit(u, visitOf(k.Classify(u.kind, errno)))
		k.w.trace("%v: %s", u, errno)
		k.w.mix(uint64(errno))
	}
	if !slices.Contains(s.told, errno) {
		s.told = append(s.told, errno)
	}
	if s.fatal == 0 && u != nil && k.Classify(u.kind, errno) == backend.Fatal {
		s.fatal = errno
	}
	return errno
}

func (k *kernel) Read(fd int, p []byte) (int, syscall.Errno) {
	s, u := k.call(fd, backend.Read)
	if u == nil {
		return 0, syscall.EBADF
	}
	if u.whole == nil {
		return k.receive(s, u, p)
	}
	k.w.checkMost(u.whole, len(p), copiedBytes)
	n, errno := k.receive(s, u, p)
	u.whole.takes(p[:n])
	u.short = n > 0 && n < len(p)
	return n, errno
}

// receive is the effect of a read of u into p.
func (k *kernel) receive(s *socket, u *use, p []byte) (int, syscall.Errno) {
	k.w.checkRead(u, s, p)
	switch {
	case k.w.fires(interruptedRead):
		return 0, k.refuse(s, u, syscall.EINTR)
	case s.phase == fresh, s.phase == refused && s.errno == 0:
		return 0, k.refuse(s, u, syscall.ENOTCONN)
	case s.phase == pending:
		return 0, k.refuse(s, u, syscall.EAGAIN)
	case len(s.received) > 0 && !s.taken && k.w.fires(againRead):
		k.postpone(s, backend.Readable)
		return 0, k.refuse(s, u, syscall.EAGAIN)
	case len(s.received) > 0:
		most := min(len(p), s.stretch())
		if most < min(len(p), len(s.received)) {
			k.w.fired[stoppedBy(s)]++
		}
		if most > 1 && k.w.fires(shortRead) { // the rest arrives just after
			most = 1 + k.w.schedule.pick(most-1)
			k.postpone(s, backend.Readable)
		}
		n := k.take(s, p[:most])
		k.w.wasRead(u, s, n, n == len(p))
		return n, 0
	case s.errno != 0:
		errno := s.errno
		s.errno = 0
		return 0, k.refuse(s, u, errno)
	case s.eof || s.gone:
		u.sawEnd, u.errno = true, 0
		k.w.wasRead(u, s, 0, true)
		return 0, 0
	}
	return 0, k.refuse(s, u, syscall.EAGAIN)
}

// stoppedBy returns the fault that ends a read at the next mark.
func stoppedBy(s *socket) fault {
	switch {
	case s.messages:
		return stoppedAtMessage
	case s.taken:
		return stoppedAtTaken
	}
	return stoppedAtUrgent
}

func (k *kernel) Write(fd int, p []byte) (int, syscall.Errno) {
	s, u := k.call(fd, backend.Write)
	if u == nil {
		return 0, syscall.EBADF
	}
	k.w.checkWrite(u, s, p)
	return k.send(s, part{u, p})
}

// send is the effect of a write of parts. An errno belongs to the first.
func (k *kernel) send(s *socket, parts ...part) (int, syscall.Errno) {
	room, u := s.room(k.capacity), parts[0].use
	switch {
	case (k.ring == nil || !k.ring.ending) && k.w.fires(interruptedWrite): // inside, only what was abandoned is interrupted
		return 0, k.refuse(s, u, syscall.EINTR)
	case s.phase == pending:
		return 0, k.refuse(s, u, syscall.EAGAIN)
	case s.errno != 0:
		errno := s.errno
		s.errno = 0
		return 0, k.refuse(s, u, errno)
	case s.phase != connected, s.shut, s.gone:
		return 0, k.refuse(s, u, syscall.EPIPE)
	case s.nobody:
		k.w.fired[wroteToNobody]++
		k.deliverParts(s, parts, sizeOf(parts))
		k.broken(s)
		return sizeOf(parts), 0
	case k.w.fires(noBuffersWrite):
		return 0, k.refuse(s, u, syscall.ENOBUFS)
	case room > 0 && k.w.fires(againWrite):
		s.full = true
		k.postpone(s, backend.Writable)
		return 0, k.refuse(s, u, syscall.EAGAIN)
	case room == 0:
		s.full = true
		return 0, k.refuse(s, u, syscall.EAGAIN)
	}
	n := min(room, sizeOf(parts))
	if n > 1 && k.w.fires(shortWrite) {
		n = 1 + k.w.schedule.pick(n-1)
		k.postpone(s, backend.Writable)
	}
	return k.deliverParts(s, parts, n), 0
}

func (k *kernel) Accept(fd int) (int, syscall.Errno) {
	s, u := k.call(fd, backend.Accept)
	if u == nil {
		return -1, syscall.EBADF
	}
	return k.acceptFrom(&s.backlog, s, u)
}

// acceptFrom is the effect of an accept: of one in the backlog, or of one that a ring has accepted
// ahead.
func (k *kernel) acceptFrom(list *[]*socket, s *socket, u *use) (int, syscall.Errno) {
	switch {
	case !s.listening:
		return -1, k.refuse(s, u, syscall.EINVAL)
	case k.w.fires(interruptedAccept):
		return -1, k.refuse(s, u, syscall.EINTR)
	case k.w.fires(noDescriptors), k.descriptors >= k.limit:
		k.w.fired[noDescriptors]++
		return -1, k.refuse(s, u, syscall.EMFILE)
	case k.w.fires(noBuffersAccept):
		return -1, k.refuse(s, u, syscall.ENOBUFS)
	case len(*list) == 0:
		return -1, k.refuse(s, u, syscall.EAGAIN)
	case k.w.fires(againAccept):
		k.postpone(s, backend.Readable)
		return -1, k.refuse(s, u, syscall.EAGAIN)
	}
	c := (*list)[0]
	*list = (*list)[1:]
	if k.w.fires(diedInBacklog) {
		k.breakOff(c)
		c.open = false
		return -1, k.refuse(s, u, errAborted)
	}
	k.describe(c)
	u.calls++
	u.product = c
	k.w.visit(u, visitResult)
	k.w.trace("%v: accepted socket %d as descriptor %d", u, c.number, c.fd)
	return c.fd, 0
}

func (k *kernel) Connect(fd int, to backend.Address) syscall.Errno {
	s, u := k.call(fd, backend.Connect)
	if u == nil {
		return syscall.EBADF
	}
	if s.phase != fresh {
		k.w.fail("%v: connect is asked for in phase %d", u, s.phase)
		return syscall.EISCONN
	}
	s.target = k.w.targets[to.Inet.Port()]
	switch {
	case k.w.fires(noWay):
		s.phase = refused
		return k.refuse(s, u, errUnreachable)
	case k.w.fires(interruptedConnect): // the connect goes on in the background
		k.attempt(s)
		return k.refuse(s, u, syscall.EINTR)
	case k.w.fires(connectPending) || s.target.slow:
		k.w.fired[connectPending]++
		k.attempt(s)
		return k.refuse(s, u, syscall.EINPROGRESS)
	}
	k.decide(s)
	u.calls++
	return k.outcome(s, u)
}

// attempt leaves a connect under way. It is decided later.
func (k *kernel) attempt(s *socket) {
	s.phase = pending
	k.w.pending = append(k.w.pending, s)
}

// outcome returns what a connect, or SO_ERROR, returns for a decided socket.
func (k *kernel) outcome(s *socket, u *use) syscall.Errno {
	if s.errno != 0 {
		errno := s.errno
		s.errno = 0
		return k.refuse(s, u, errno)
	}
	if s.phase != connected {
		return k.refuse(s, u, syscall.ENOTCONN)
	}
	k.w.visit(u, visitResult)
	k.w.trace("%v: connected", u)
	return 0
}

func (k *kernel) Connected(fd int) syscall.Errno {
	s, u := k.call(fd, backend.Connect)
	if u == nil {
		return syscall.EBADF
	}
	switch {
	case s.phase == fresh:
		k.w.fail("%v: asked how a connect went that was not asked for", u)
	case s.phase == pending:
		return k.refuse(s, u, syscall.EINPROGRESS)
	case k.w.fires(againConnected):
		k.postpone(s, backend.Writable)
		return k.refuse(s, u, syscall.EINPROGRESS)
	}
	u.calls++
	return k.outcome(s, u)
}

func (k *kernel) CloseWrite(fd int) syscall.Errno {
	s, u := k.call(fd, backend.CloseWrite)
	if u == nil {
		return syscall.EBADF
	}
	if s.phase != connected || s.gone {
		return k.refuse(s, u, syscall.ENOTCONN)
	}
	u.calls++
	k.finish(s)
	k.w.visit(u, visitResult)
	k.w.trace("%v: shut", u)
	return 0
}

func (k *kernel) Close(fd int) syscall.Errno {
	s := k.enter(fd, "close")
	if s == nil {
		return syscall.EBADF
	}
	if s.armed {
		k.w.fail("descriptor %d is closed and still armed", fd)
	}
	k.w.checkClosing(s)
	if k.queue != nil {
		k.queue.forget(s)
	}
	k.table[fd] = nil
	k.descriptors--
	s.fd = -1
	for _, c := range slices.Concat(s.backlog, s.early) {
		k.breakOff(c)
		c.open = false
	}
	s.backlog, s.early = nil, nil
	if !s.watched { // else its owner still has it
		k.closeSide(s)
	}
	return 0
}

// Classify returns what package sys returns on Linux, for the errnos of this kernel.
func (k *kernel) Classify(kind backend.Kind, errno syscall.Errno) backend.Class {
	if isOfMail := kind == backend.Receive || kind == backend.Send; isOfMail && errno != syscall.EAGAIN && errno != syscall.EINTR && errno != errCanceled {
		return backend.Failed
	}
	switch errno {
	case syscall.EAGAIN, syscall.EINPROGRESS:
		return backend.WouldBlock
	case syscall.EINTR:
		if kind == backend.Connect {
			return backend.WouldBlock
		}
		return backend.Again
	case errAborted, errCanceled:
		return backend.Again
	case syscall.EPIPE:
		if kind == backend.Connect {
			return backend.Failed
		}
		return backend.BrokenPipe
	case errReset, errRefused, errTimedOut, errUnreachable:
		return backend.Fatal
	}
	return backend.Failed
}
