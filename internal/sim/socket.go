package sim

import (
	"slices"
	"syscall"

	"github.com/completionport/completion/internal/backend"
)

// phase is the state of a stream socket's connection.
type phase uint8

const (
	fresh phase = iota
	pending
	connected
	refused
)

// socket is a listener, or one side of a connection: the port's side has a descriptor,
// the peer's side has none.
type socket struct {
	number int
	fd     int // -1 for none
	open   bool

	// A stream.
	phase    phase
	other    *socket
	received []byte // arrived and not read
	sent     []byte // all bytes that ever went to the other side
	consumed int    // how many bytes of other.sent were read
	marks    []mark // where reads end
	messages bool   // it is a unix socket: its marks are ends of messages
	taken    bool   // the first mark is older than the port, and no event reports it
	eof      bool   // the other side sends no more
	shut     bool   // this side sends no more
	gone     bool   // by a reset
	nobody   bool   // the other side is closed: a write causes a reset
	full     bool   // a write found no room: room causes an edge
	errno    syscall.Errno
	target   target // of a connect under way
	late     bool   // it was not connected from the start
	watched  bool   // another owner reads and writes it
	layer    *layer // nil for none
	lines    bool   // what it sends is lines

	// A listener.
	listening bool
	backlog   []*socket

	mail *mailbox // of a datagram socket
	file *file    // it is none: it has the uses of a file

	// What the poller knows.
	armed      bool
	listed     bool // in the ready list
	generation uint32
	announced  bool     // the leader got an event of it
	arrived    bool     // there is data that no event has reported yet
	knotes     [2]knote // with kqueue: those of Read and Write

	// With a ring.
	begun    [2]*begun     // what is inside, by side
	early    []*socket     // accepted ahead
	ahead    int           // how many more it may accept ahead
	selected int           // of the last read: the number of the buffer that it has taken, or -1
	lacked   bool          // and that it found none
	why      syscall.Errno // of a reset
	untold   int           // bytes that writes have sent and do not tell of

	peer *peer // moves this side, if the port does not

	// For the checks.
	inside [2]int // calls under way, by side
	calls  [2]int // calls made, by side
	debts  [2]debt
	uses   []*use
	told   []syscall.Errno // errnos that calls returned
	fatal  syscall.Errno   // the first of them that ends a connection
	conn   *connection     // the port's handle of it
}

const backlogLimit = 3

// mark is a position in the stream where a read that has taken something ends: at urgent
// data, or at the end of a message.
type mark int // the number of bytes of other.sent before it

// stretch returns how many bytes a read can take: up to the next mark. A read passes a
// mark that it begins at.
func (s *socket) stretch() int {
	for len(s.marks) > 0 && int(s.marks[0]) <= s.consumed {
		s.marks, s.taken = s.marks[1:], false
	}
	if len(s.marks) == 0 {
		return len(s.received)
	}
	return min(len(s.received), int(s.marks[0])-s.consumed)
}

// stopsShort reports whether epoll's poller says that reads may stop short. The poller
// recognizes a unix socket, for which the kernel reports nothing.
func (s *socket) stopsShort() bool {
	if s.messages || len(s.marks) == 0 {
		return s.messages
	}
	last := int(s.marks[len(s.marks)-1])
	return last >= s.consumed && (len(s.marks) > 1 || !s.taken)
}

// room returns how many bytes the other side can take.
func (s *socket) room(capacity int) int {
	if s.other == nil {
		return capacity
	}
	return max(capacity-len(s.other.received), 0)
}

// mask returns what the poller would report of the socket now.
func (k *kernel) mask(s *socket) (r backend.Readiness) {
	if s.listening {
		if len(s.backlog) > 0 {
			r |= backend.Readable
		}
		return r
	}
	if s.mail != nil {
		return k.maskOfMail(s)
	}
	switch s.phase {
	case pending:
		return 0
	case fresh:
		return backend.Readable | backend.Writable
	}
	if len(s.received) > 0 || s.eof || s.gone || s.errno != 0 || s.phase == refused {
		r |= backend.Readable
	}
	if s.gone || s.errno != 0 || s.shut || s.nobody || s.phase == refused || k.roomy(s) {
		r |= backend.Writable
	}
	if s.eof || s.gone || s.phase == refused || s.stopsShort() {
		r |= backend.StopsShort
	}
	return r
}

// roomy reports whether a full socket counts as writable again: not for every byte.
func (k *kernel) roomy(s *socket) bool { return s.room(k.capacity)*3 >= k.capacity }

// raise notes in the poller that something has happened to the socket, and in which
// direction: kqueue checks that direction, epoll both. The edge may come late.
func (k *kernel) raise(s *socket, about backend.Readiness) {
	if k.queue != nil {
		k.queue.raise(s, about)
		return
	}
	if k.ring != nil { // it looks at the socket
		return
	}
	if !s.armed || s.listed {
		return
	}
	if k.w.fires(lateEdge) {
		k.postpone(s, about)
		return
	}
	k.list(s)
}

func (k *kernel) list(s *socket) {
	if s.armed && !s.listed {
		s.listed = true
		k.ready = append(k.ready, s)
		k.w.visitAll(s, visitEdge)
	}
}

// edge is an edge that is late.
type edge struct {
	socket *socket
	about  backend.Readiness // 0 with epoll
}

// postpone delays an edge.
func (k *kernel) postpone(s *socket, about backend.Readiness) {
	if k.ring != nil {
		return
	}
	if k.queue == nil {
		about = 0
	}
	if e := (edge{s, about}); !slices.Contains(k.late, e) {
		k.late = append(k.late, e)
	}
}

// arrive delivers a late edge.
func (k *kernel) arrive(e edge) {
	if k.queue != nil {
		k.queue.note(e.socket, e.about)
		return
	}
	k.list(e.socket)
}

// forgetLate drops the edges of a socket that is closed.
func (k *kernel) forgetLate(s *socket) {
	k.late = slices.DeleteFunc(k.late, func(e edge) bool { return e.socket == s })
}

// deliver moves bytes to the other side, which has room or is closed.
func (k *kernel) deliver(s *socket, p []byte) {
	s.sent = append(s.sent, p...)
	if s.nobody {
		return
	}
	s.other.received = append(s.other.received, p...)
	s.other.arrived = true
	k.raise(s.other, backend.Readable)
}

// markHere puts a mark behind the bytes sent so far, as urgent data or the end of a
// message does.
func (k *kernel) markHere(s *socket) {
	o := s.other
	if s.nobody || o == nil {
		return
	}
	o.marks = append(o.marks, mark(len(s.sent)))
	if !o.messages && o.consumed == len(s.sent) {
		k.w.fired[urgentAlone]++
	}
	k.raise(o, backend.Readable)
}

// take reads from a socket and makes room for the other side.
func (k *kernel) take(s *socket, p []byte) int {
	n := copy(p, s.received)
	s.received = s.received[n:]
	s.consumed += n
	if o := s.other; o != nil && o.full && k.roomy(o) {
		o.full = false
		k.raise(o, backend.Writable)
	}
	return n
}

// finish ends the stream that s sends.
func (k *kernel) finish(s *socket) {
	s.shut = true
	if o := s.other; o != nil && !o.eof {
		o.eof = true
		if o.arrived {
			k.w.fired[dataAndFin]++
		}
		k.raise(o, backend.Readable)
	}
}

// breakOff sends a reset from s.
func (k *kernel) breakOff(s *socket) {
	if o := s.other; o != nil {
		k.broken(o)
	}
}

// broken makes s receive a reset. After the peer's FIN, Linux reports EPIPE for it.
func (k *kernel) broken(s *socket) {
	if s.gone {
		return
	}
	s.gone = true
	s.errno = errReset
	if s.eof {
		s.errno = syscall.EPIPE
	}
	s.why = s.errno
	k.raise(s, backend.Readable|backend.Writable)
}

// closeSide is the effect of close(2) on the connection.
func (k *kernel) closeSide(s *socket) {
	s.open = false
	o := s.other
	if o == nil {
		return
	}
	if !o.gone {
		if len(s.received) > 0 {
			k.w.fired[resetUnread]++
			k.breakOff(s)
		} else {
			k.finish(s)
		}
	}
	o.nobody = true
}

// pair connects two sockets.
func pair(a, b *socket) {
	a.other, b.other = b, a
	a.phase, b.phase = connected, connected
}

// newSocket makes a socket without a descriptor.
func (k *kernel) newSocket() *socket {
	s := &socket{number: len(k.sockets), fd: -1, open: true, lines: k.w.plan.lines}
	s.messages = k.w.plan.sockets == unixSockets || k.w.plan.sockets == bothSockets && s.number%4 < 2
	k.sockets = append(k.sockets, s)
	return s
}

// describe gives the socket the lowest free descriptor.
func (k *kernel) describe(s *socket) int {
	fd := 3
	for fd < len(k.table) && k.table[fd] != nil {
		fd++
	}
	for fd >= len(k.table) {
		k.table = append(k.table, nil)
	}
	if fd < k.highest {
		k.w.fired[reused]++
	}
	k.highest = max(k.highest, fd+1)
	k.table[fd] = s
	s.fd = fd
	k.descriptors++
	return fd
}
