package sim

import (
	"slices"
	"syscall"

	"github.com/completionport/completion/internal/backend"
)

// letter is one datagram.
type letter struct {
	bytes []byte
	port  uint16 // of its sender
}

// mailbox is what a datagram socket has besides. Its peer sends to it, and takes out what
// it has sent.
type mailbox struct {
	queue   []letter // that have arrived
	sent    int      // datagrams that the peer has not taken out yet
	numbers int      // of datagrams that have arrived
}

// addMailbox makes a datagram socket of the port, and its peer.
func (w *world) addMailbox() {
	s, remote := w.kernel.newSocket(), w.kernel.newSocket()
	pair(s, remote)
	s.mail, remote.mail = &mailbox{}, &mailbox{}
	s.messages, remote.messages = false, false
	w.givePeer(remote)
	if c := w.adopt(s, false); c != nil {
		c.handle.SetDatagrams()
	}
}

// maskOfMail is mask for a datagram socket.
func (k *kernel) maskOfMail(s *socket) (r backend.Readiness) {
	if len(s.mail.queue) > 0 || s.errno != 0 {
		r |= backend.Readable
	}
	if s.mail.sent < k.capacity || s.errno != 0 {
		r |= backend.Writable
	}
	return r
}

// stirsMail is stirs for the peer of a datagram socket.
func (w *world) stirsMail(p *peer) bool {
	s := p.socket.other
	return s.open && (w.stage == chaos && p.activity > 0 || w.stage != chaos && s.mail.sent > 0)
}

// stirAny lets any peer make one action.
func (w *world) stirAny(p *peer) {
	if p.socket.mail != nil {
		w.stirMail(p)
	} else if p.socket.watched {
		w.stirOwner(p)
	} else {
		w.stir(p)
	}
}

// stirMail lets the peer of a datagram socket make one action.
func (w *world) stirMail(p *peer) {
	k, s := w.kernel, p.socket.other
	if w.stage != chaos {
		k.takeOut(s, s.mail.sent)
		return
	}
	p.activity--
	switch w.schedule.pick(7) {
	default:
		for range 1 + w.schedule.pick(3) {
			k.letterComes(s)
		}
	case 4, 5:
		k.takeOut(s, 1+w.schedule.pick(3))
	case 6:
		w.trace("an earlier datagram of socket %d was refused", s.number)
		w.fired[refusedEarlier]++
		s.errno = errRefused
		k.raise(s, backend.Readable|backend.Writable)
	}
}

// letterComes delivers a datagram of its own bytes and sender, if there is room.
func (k *kernel) letterComes(s *socket) {
	box := s.mail
	if len(box.queue) >= k.capacity {
		return
	}
	box.numbers++
	l := letter{make([]byte, k.w.schedule.pick(8)), uint16(100*s.number + box.numbers)}
	for i := range l.bytes {
		l.bytes[i] = byte(box.numbers*13 + i*7 + s.number)
	}
	box.queue = append(box.queue, l)
	s.arrived = true
	k.w.trace("socket %d gets a datagram of %d bytes", s.number, len(l.bytes))
	k.raise(s, backend.Readable)
}

// takeOut makes room for n datagrams.
func (k *kernel) takeOut(s *socket, n int) {
	s.mail.sent -= min(n, s.mail.sent)
	k.w.trace("socket %d has sent all but %d", s.number, s.mail.sent)
	if s.full {
		s.full = false
		k.raise(s, backend.Writable)
	}
}

func (k *kernel) Receive(fd int, messages []backend.Message) (int, syscall.Errno) {
	s, u := k.call(fd, backend.Receive)
	if u == nil {
		return 0, syscall.EBADF
	}
	return k.receiveLetters(s, u, messages)
}

// receiveLetters is the effect of a Receive.
func (k *kernel) receiveLetters(s *socket, u *use, messages []backend.Message) (int, syscall.Errno) {
	k.w.checkReceive(u, messages)
	queue := &s.mail.queue
	switch {
	case k.w.fires(interruptedRead):
		return 0, k.refuse(s, u, syscall.EINTR)
	case s.errno != 0:
		return 0, k.refuse(s, u, k.takeErrno(s))
	case len(*queue) == 0:
		return 0, k.refuse(s, u, syscall.EAGAIN)
	case k.w.fires(againRead):
		k.postpone(s, backend.Readable)
		return 0, k.refuse(s, u, syscall.EAGAIN)
	}
	n := k.some(min(len(messages), len(*queue)), shortBatch)
	for i := range n {
		u.receive(&messages[i], (*queue)[i])
	}
	*queue = slices.Clone((*queue)[n:])
	u.calls++
	k.w.mix(uint64(n))
	k.w.visit(u, visitResult)
	k.w.trace("%v: %d datagrams", u, n)
	if n < len(messages) && k.w.fires(errorBehind) {
		u.errno, u.errorBehind = errRefused, true
		return n, errRefused
	}
	return n, 0
}

// some returns n, or less if the fault happens. No edge comes for the rest.
func (k *kernel) some(n int, f fault) int {
	if n > 1 && k.w.fires(f) {
		return 1 + k.w.schedule.pick(n-1)
	}
	return n
}

func (k *kernel) takeErrno(s *socket) syscall.Errno {
	errno := s.errno
	s.errno = 0
	return errno
}

// receive stores a datagram in a message.
func (u *use) receive(m *backend.Message, l letter) {
	m.N = copy(m.Data, l.bytes)
	m.Addr, m.Truncated = addressOf(l.port), m.N < len(l.bytes)
	u.got = append(u.got, letter{l.bytes[:m.N], l.port})
	u.truncated = append(u.truncated, m.Truncated)
	u.moved += m.N
}

func (k *kernel) Send(fd int, messages []backend.Message) (int, syscall.Errno) {
	s, u := k.call(fd, backend.Send)
	if u == nil {
		return 0, syscall.EBADF
	}
	k.w.checkSend(u, messages, len(u.parts)-u.done)
	return k.sendMail(s, u, messages)
}

// sendMail is the effect of a Send.
func (k *kernel) sendMail(s *socket, u *use, messages []backend.Message) (int, syscall.Errno) {
	room := k.capacity - s.mail.sent
	switch {
	case k.w.fires(interruptedWrite):
		return 0, k.refuse(s, u, syscall.EINTR)
	case s.errno != 0:
		return 0, k.refuse(s, u, k.takeErrno(s))
	case k.w.fires(noBuffersWrite):
		return 0, k.refuse(s, u, syscall.ENOBUFS)
	case room == 0:
		s.full = true
		return 0, k.refuse(s, u, syscall.EAGAIN)
	case k.w.fires(againWrite):
		k.postpone(s, backend.Writable)
		return 0, k.refuse(s, u, syscall.EAGAIN)
	}
	return k.sendLetters(s, u, messages, room), 0
}

// sendLetters sends as many datagrams as there is room for, or less.
func (k *kernel) sendLetters(s *socket, u *use, messages []backend.Message, room int) int {
	n := k.some(min(len(messages), room), shortSend)
	for i := range n {
		messages[i].N = len(messages[i].Data)
		u.moved += messages[i].N
	}
	s.mail.sent += n
	u.done += n
	u.calls++
	k.w.mix(uint64(n))
	if u.done < len(u.parts) {
		k.w.visit(u, visitPartial)
	} else {
		k.w.visit(u, visitResult)
	}
	k.w.trace("%v: sends %d datagrams", u, n)
	return n
}
