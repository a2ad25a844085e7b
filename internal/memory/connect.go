package memory

import (
	"slices"

	"github.com/completionport/completion/internal/backend"
)

// DefaultBacklog is the backlog of a listener whose options have none.
const DefaultBacklog = 4096

// Listen returns a listener, which has no descriptor yet. TCP port 0 selects a free port.
func (s *System) Listen(family backend.Family, at backend.Address, o backend.ListenOptions) (*Socket, backend.Errno) {
	k := s.Open(family)
	k.shares = o.ReusePort
	if k.capacity = o.Backlog; k.capacity <= 0 {
		k.capacity = DefaultBacklog
	}
	if errno := s.book.listen(k, at); errno != 0 {
		return nil, errno
	}
	k.phase = listening
	return k, 0
}

// Accept is System.Accept. The connection that it returns has no owner yet.
func (k *Socket) Accept() (*Socket, backend.Errno) {
	switch {
	case k.phase != listening:
		return nil, errInvalid
	case len(k.backlog) == 0:
		return nil, errAgain
	}
	conn := k.backlog[0]
	k.backlog = slices.Delete(k.backlog, 0, 1)
	for len(k.waiting) > 0 && k.hasPlace() {
		asker := k.waiting[0]
		k.waiting = slices.Delete(k.waiting, 0, 1)
		k.admit(asker)
	}
	return conn, 0
}

// Connect is System.Connect.
func (k *Socket) Connect(to backend.Address) backend.Errno {
	switch k.phase {
	case connecting:
		return errAlready
	case connected, listening:
		return errConnected
	case failed, closed:
		return errInvalid
	}
	if errno := k.system.book.bind(k, to); errno != 0 {
		return errno
	}
	k.phase = connecting
	k.system.send(k, request, 0)
	k.system.book.tell(k.remote) // with a delay, they now have an arrival to wait for
	if k.system.habits.PromptConnects && k.phase != connecting {
		return k.takeErrno(0)
	}
	return errInProgress
}

// Connected is System.Connected.
func (k *Socket) Connected() backend.Errno {
	switch {
	case k.errno != 0:
		return k.takeErrno(0)
	case k.phase == connecting:
		return errInProgress
	case k.phase != connected:
		return errNotConnected
	}
	return 0
}

// requested handles the arrival of this socket's connect at the other side.
func (k *Socket) requested() {
	if k.phase != connecting {
		return
	}
	l, silent := k.system.book.lookup(k.remote)
	switch {
	case silent:
	case l == nil:
		k.system.send(k, refusal, 0)
	case l.hasPlace():
		l.admit(k)
	case k.system.habits.ResetsOverflow:
		k.phase = connected
		k.edge(backend.Writable)
		k.system.send(k, reset, 0)
	default:
		l.waiting = append(l.waiting, k)
	}
}

// hasPlace reports whether the backlog has room for one more connection. As on Linux, it
// holds one more than was asked for.
func (k *Socket) hasPlace() bool { return len(k.backlog) <= k.capacity }

// admit puts the other end of the asker's connection into the backlog, unless the asker
// has given up.
func (k *Socket) admit(asker *Socket) {
	if asker.phase != connecting {
		return
	}
	conn := k.system.Open(asker.family)
	conn.phase = connected
	conn.local, conn.remote = asker.remote, asker.local
	conn.sendSize, conn.receiveSize = k.sendSize, k.receiveSize
	conn.peer, asker.peer = asker, conn
	asker.phase = connected
	k.backlog = append(k.backlog, conn)
	k.edge(backend.Readable)
	asker.edge(backend.Writable)
}

// refused handles the arrival of a refusal.
func (k *Socket) refused() {
	if k.phase != connecting {
		return
	}
	k.phase = failed
	k.errno = errRefused
	if k.family == backend.Unix {
		k.errno = errNotThere
	}
	k.edge(backend.Readable | backend.Writable)
}
