package sim

import (
	"slices"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/kqueue"
)

var _ kqueue.System = (*queue)(nil)

// queue is a kqueue of the simulated kernel, for the real poller. Each call except that
// for the time is a step: others run before it takes effect. A wait is several steps:
// others also run while it takes events out, and before it returns them.
type queue struct {
	k      *kernel
	w      *world
	habits habits
	active []*knote // in the order of what happened to them
	taking []*knote // those of the wait under way
	user   knote    // the only User event
	pipe   knote    // of the read end of the only pipe
	piped  bool     // the pipe is open
	bytes  int      // in the pipe
}

// habits are the permanent properties of a kernel. What a kernel does now and then is
// among the faults.
type habits struct {
	waker  wakerHabit
	echoes bool // events carry Add and Clear as well
}

// wakerHabit is how a kernel treats User events.
type wakerHabit int

const (
	hasUser  wakerHabit = iota
	noUser              // it refuses them
	deafUser            // it accepts them, and never reports one
	wakerHabits
)

// knote is the state of one descriptor and filter in a queue.
type knote struct {
	socket *socket      // nil for the User event and the pipe
	event  kqueue.Event // as it was added; the zero Event before
	active bool         // the next wait checks it
	fired  bool         // a User event was triggered
}

func (n *knote) added() bool { return n.event.Filter != 0 }

// The pipe's descriptors are above those of sockets.
const (
	pipeRead  = 1 << 20
	pipeWrite = pipeRead + 1
	pipeSize  = 1 // so that it gets full
)

// direction is the direction of each of a socket's knotes.
var direction = [2]backend.Readiness{backend.Readable, backend.Writable}

// raise notes in the queue that something has happened to a socket. Each of its knotes
// may be late by itself. Some kernels check for room whatever has happened.
func (q *queue) raise(s *socket, about backend.Readiness) {
	for i := range s.knotes {
		n := &s.knotes[i]
		switch {
		case !n.added() || n.active:
		case about&direction[i] == 0:
			if direction[i] == backend.Writable && !s.listening && q.w.fires(extraWrite) {
				q.activate(n)
			}
		case q.w.fires(lateEdge):
			q.k.postpone(s, direction[i])
		default:
			q.activate(n)
		}
	}
}

// note makes the next wait check the knotes of a direction.
func (q *queue) note(s *socket, about backend.Readiness) {
	for i := range s.knotes {
		if about&direction[i] != 0 {
			q.activate(&s.knotes[i])
		}
	}
}

func (q *queue) activate(n *knote) {
	if !n.added() || n.active {
		return
	}
	n.active = true
	q.active = append(q.active, n)
	if n.socket != nil {
		q.w.visitAll(n.socket, visitEdge)
	}
}

func (q *queue) deactivate(n *knote) {
	if n.active {
		n.active = false
		q.active = slices.DeleteFunc(q.active, func(m *knote) bool { return m == n })
	}
}

func (q *queue) remove(n *knote) {
	q.deactivate(n)
	*n = knote{}
}

// forget removes what the queue has of a descriptor that is closed.
func (q *queue) forget(s *socket) {
	q.remove(&s.knotes[0])
	q.remove(&s.knotes[1])
	q.k.forgetLate(s)
}

// look returns what a knote's filter has to report.
func (q *queue) look(n *knote) (e kqueue.Event, ready bool) {
	e = n.event
	e.FFlags = 0
	s := n.socket
	switch {
	case n == &q.user:
		return e, n.fired && q.habits.waker != deafUser
	case n == &q.pipe:
		e.Data = int64(q.bytes)
		return e, q.bytes > 0
	case s.phase == fresh && !s.listening: // neither filter reports it before it is connected
		return e, false
	case e.Filter == kqueue.Read:
		e.Data = int64(len(s.received) + len(s.backlog))
		if s.eof || s.gone || s.phase == refused {
			e.Flags |= kqueue.EOF
		}
	default:
		e.Data = int64(s.room(q.k.capacity))
		if s.shut || s.gone || s.phase == refused {
			e.Flags |= kqueue.EOF
		}
	}
	if e.Flags&kqueue.EOF != 0 {
		e.FFlags = uint32(s.errno)
	}
	return e, q.k.mask(s)&direction[e.Filter-kqueue.Read] != 0
}

// something reports whether a wait would find events.
func (q *queue) something() bool {
	for _, n := range q.active {
		if _, ready := q.look(n); ready {
			return true
		}
	}
	return false
}

// step begins a call.
func (q *queue) step(call string) {
	q.w.trace("%s", call)
	q.w.pause()
	if q.k.closed {
		q.w.fail("%s after the queue was closed", call)
	}
}

// Now has a finer unit than the world's clock, so the poller has to round times.
func (q *queue) Now() int64 { return q.k.now*tick + tick/2 }

// Change makes changes up to the first that fails. A signal may come before,
// between and after them.
func (q *queue) Change(first, second kqueue.Event) syscall.Errno {
	q.step("kevent, to change")
	signal := -1
	if q.w.fires(interruptedChange) {
		signal = q.w.schedule.pick(3)
	}
	for i, e := range [...]kqueue.Event{first, second} {
		if i == signal {
			return syscall.EINTR
		}
		if e.Filter == 0 {
			continue
		}
		if errno := q.change(e, i > 0); errno != 0 {
			q.w.trace("change of descriptor %d, filter %d: %v", e.Ident, e.Filter, errno)
			return errno
		}
	}
	if signal >= 0 {
		return syscall.EINTR
	}
	return 0
}

func (q *queue) change(e kqueue.Event, second bool) syscall.Errno {
	n := q.knote(e)
	switch {
	case n == nil:
		return syscall.EBADF
	case n == &q.user && q.habits.waker == noUser:
		return syscall.EINVAL
	case e.Flags&kqueue.Add == 0 && !n.added():
		return syscall.ENOENT
	case e.Flags&kqueue.Delete != 0:
		q.remove(n)
		return 0
	case n.socket != nil && !n.added() && q.w.fires(armRefused):
		return q.refuse(second)
	}
	q.make(n, e)
	return 0
}

// make adds a knote, or changes an existing one: what its events carry, and whether the
// next wait checks it.
func (q *queue) make(n *knote, e kqueue.Event) {
	if e.Flags&kqueue.Add != 0 {
		if n.socket != nil && n.added() && n.event.Generation != e.Generation {
			q.w.fail("descriptor %d is armed twice", e.Ident)
		}
		n.event = e
	}
	n.event.Generation = e.Generation
	if n == &q.user {
		n.fired = (n.fired || e.FFlags&kqueue.Trigger != 0) && e.Flags&kqueue.Clear == 0
	}
	if s := n.socket; s != nil {
		q.raise(s, direction[e.Filter-kqueue.Read])
	} else {
		q.activate(n)
	}
}

// refuse returns the errno of a change that fails: there is no memory, or the descriptor
// was closed before the port got it.
func (q *queue) refuse(second bool) syscall.Errno {
	q.w.armRefusals++
	if second {
		q.w.fired[refusedHalfWay]++
	}
	if q.w.schedule.pick(2) == 0 {
		return syscall.ENOMEM
	}
	q.w.fired[changedClosed]++
	return syscall.EBADF
}

// knote returns the knote of a change, or nil if its descriptor is not open.
func (q *queue) knote(e kqueue.Event) *knote {
	switch {
	case e.Filter == kqueue.User:
		return &q.user
	case e.Ident == pipeRead && q.piped:
		return &q.pipe
	}
	s := q.k.socketOf(e.Ident, "a change")
	if s == nil {
		return nil
	}
	n := &s.knotes[e.Filter-kqueue.Read]
	n.socket = s
	return n
}

func (q *queue) Pipe() (read, write int, err error) {
	q.step("opens a pipe")
	q.piped, q.bytes = true, 0
	return pipeRead, pipeWrite, nil
}

func (q *queue) Signal(write int) {
	q.step("writes to the pipe")
	switch {
	case write != pipeWrite || !q.piped:
		q.w.fail("a byte for descriptor %d, which is no open pipe", write)
	case q.bytes == pipeSize:
		q.w.fired[fullPipe]++
		q.w.trace("the pipe is full")
	default:
		q.bytes++
		q.activate(&q.pipe)
	}
}

func (q *queue) Drain(read int) {
	q.step("empties the pipe")
	if read != pipeRead || !q.piped {
		q.w.fail("descriptor %d is emptied, which is no open pipe", read)
	}
	q.bytes = 0
}

func (q *queue) ClosePipe(read, write int) {
	q.step("closes the pipe")
	if read != pipeRead || write != pipeWrite || !q.piped {
		q.w.fail("the pipe %d, %d is closed and is not open", read, write)
	}
	q.remove(&q.pipe)
	q.piped = false
}

func (q *queue) Close() error {
	q.step("closes the queue")
	switch {
	case q.k.sleepers > 0:
		q.w.fail("the queue is closed under a wait")
	case q.piped:
		q.w.fail("the queue is closed and its pipe is not")
	}
	q.k.closed = true
	return nil
}
