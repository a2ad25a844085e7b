package sim

import (
	"slices"
	"syscall"

	"github.com/completionport/completion/internal/backend"
)

// phase is how far a stream socket's connection is.
type phase uint8

const (
	fresh phase = iota
	pending
	connected
	refused
)

// socket is a listener, or one side of a connection: the port's, with a
// descriptor, or the peer's, without.
type socket struct {
	number int
	fd     int // -1 without
	open   bool

	// A stream.
	phase    phase
	other    *socket
	received []byte // arrived and not read
	sent     []byte // all that ever went to the other side
	consumed int    // how much of other.sent was read
	marks    []mark // where reads end
	messages bool   // it is a unix socket: its marks are ends of messages
	taken    bool   // the first mark was there before the port was, and nothing tells of it
	eof      bool   // the other side sends no more
	shut     bool   // nor does this one
	gone     bool   // by a reset
	nobody   bool   // the other side is closed: a write brings a reset
	full     bool   // a write found no room: room brings an edge
	errno    syscall.Errno
	target   target // of a connect under way
	late     bool   // it was not connected from the start

	// A listener.
	listening bool
	backlog   []*socket

	// What the poller knows.
	armed      bool
	listed     bool // in the ready list
	generation uint32
	announced  bool     // an event of it was given to the leader
	arrived    bool     // data that no event has told of yet
	knotes     [2]knote // with kqueue: those of Read and Write

	peer *peer // who moves this side, if it is not the port

	// For the checks.
	inside [2]int // calls under way, by side
	calls  [2]int // made
	debts  [2]debt
	uses   []*use
	told   []syscall.Errno // errnos that calls were given
	fatal  syscall.Errno   // the first of them that ends a connection
	conn   *connection     // the port's handle of it
}

const backlogLimit = 3

// mark is a place in the stream where a read ends that has taken something: at
// urgent data, or at the end of a message.
type mark int // so many bytes of other.sent are before it

// stretch is how many bytes a read can take: up to the next mark. It passes a mark
// that it begins at.
func (s *socket) stretch() int {
	for len(s.marks) > 0 && int(s.marks[0]) <= s.consumed {
		s.marks, s.taken = s.marks[1:], false
	}
	if len(s.marks) == 0 {
		return len(s.received)
	}
	return min(len(s.received), int(s.marks[0])-s.consumed)
}

// stopsShort tells whether epoll says that reads may. Its poller knows a unix
// socket, of which the kernel says nothing.
func (s *socket) stopsShort() bool {
	if s.messages || len(s.marks) == 0 {
		return s.messages
	}
	last := int(s.marks[len(s.marks)-1])
	return last >= s.consumed && (len(s.marks) > 1 || !s.taken)
}

// room is how many bytes the other side can take.
func (s *socket) room(capacity int) int {
	if s.other == nil {
		return capacity
	}
	return max(capacity-len(s.other.received), 0)
}

// mask is what the poller would say of the socket now.
func (k *kernel) mask(s *socket) (r backend.Readiness) {
	if s.listening {
		if len(s.backlog) > 0 {
			r |= backend.Readable
		}
		return r
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

// roomy is when a full socket counts as writable again: not for every byte.
func (k *kernel) roomy(s *socket) bool { return s.room(k.capacity)*3 >= k.capacity }

// raise tells the poller that something has happened to the socket, and to which
// direction: kqueue looks at that one, epoll at both. The edge may come late.
func (k *kernel) raise(s *socket, about backend.Readiness) {
	if k.queue != nil {
		k.queue.raise(s, about)
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

// edge is one that is late.
type edge struct {
	socket *socket
	about  backend.Readiness // 0 with epoll
}

// postpone makes an edge come later.
func (k *kernel) postpone(s *socket, about backend.Readiness) {
	if k.queue == nil {
		about = 0
	}
	if e := (edge{s, about}); !slices.Contains(k.late, e) {
		k.late = append(k.late, e)
	}
}

// arrive lets a late edge come.
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

// deliver moves bytes to the other side. There is room, or nobody.
func (k *kernel) deliver(s *socket, p []byte) {
	s.sent = append(s.sent, p...)
	if s.nobody {
		return
	}
	s.other.received = append(s.other.received, p...)
	s.other.arrived = true
	k.raise(s.other, backend.Readable)
}

// markHere ends what was sent so far, as urgent data does, or the end of a message.
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

// finish ends what s sends.
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

// breakOff is a reset that s sends.
func (k *kernel) breakOff(s *socket) {
	if o := s.other; o != nil {
		k.broken(o)
	}
}

// broken is a reset that s receives. After the peer's FIN, Linux calls it a
// broken pipe.
func (k *kernel) broken(s *socket) {
	if s.gone {
		return
	}
	s.gone = true
	s.errno = errReset
	if s.eof {
		s.errno = syscall.EPIPE
	}
	k.raise(s, backend.Readable|backend.Writable)
}

// closeSide is close(2) as the connection sees it.
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

// newSocket makes one without a descriptor.
func (k *kernel) newSocket() *socket {
	s := &socket{number: len(k.sockets), fd: -1, open: true}
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
