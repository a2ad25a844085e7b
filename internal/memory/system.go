package memory

import (
	"github.com/completionport/completion/internal/backend"
)

// System is the state machine of an in-process kernel: sockets, their
// descriptors, and what is under way between them. The zero System is ready to
// use. It is not safe for concurrent use; see the package's documentation.
//
// The calls that take a descriptor report errors as a kernel does. Those with
// the same names on Socket need none.
type System struct {
	sockets []*Socket // by descriptor; nil where one is free
	book    addressBook

	now     int64
	delay   int64
	transit []passage // by time of arrival

	queues []*Kqueue
	habits Habits // of the queue made last
}

// firstDescriptor leaves out those that every process has.
const firstDescriptor = 3

// Lookup returns the socket behind a descriptor, or nil.
func (s *System) Lookup(fd int) *Socket {
	if i := fd - firstDescriptor; i >= 0 && i < len(s.sockets) {
		return s.sockets[i]
	}
	return nil
}

// Descriptors is how many are open.
func (s *System) Descriptors() int {
	n := 0
	for _, k := range s.sockets {
		if k != nil {
			n++
		}
	}
	return n
}

// Install gives a socket a descriptor, the smallest that is free. A socket may
// have several: the last one closed ends it.
func (s *System) Install(k *Socket) (fd int) {
	k.references++
	for i, other := range s.sockets {
		if other == nil {
			s.sockets[i] = k
			return i + firstDescriptor
		}
	}
	s.sockets = append(s.sockets, k)
	return len(s.sockets) - 1 + firstDescriptor
}

// Open makes a socket that is not connected, and has no descriptor yet.
func (s *System) Open(family backend.Family) *Socket {
	return &Socket{system: s, family: family, sendSize: DefaultBuffer, receiveSize: DefaultBuffer}
}

// Socket makes a socket that is not connected.
func (s *System) Socket(family backend.Family) int { return s.Install(s.Open(family)) }

// Accept takes the oldest connection out of the backlog. A connect that found
// no room there goes on.
func (s *System) Accept(fd int) (int, backend.Errno) {
	k := s.Lookup(fd)
	if k == nil {
		return -1, errBadDescriptor
	}
	conn, errno := k.Accept()
	if errno != 0 {
		return -1, errno
	}
	return s.Install(conn), 0
}

// Bind gives a socket that is to connect its local address.
func (s *System) Bind(fd int, local backend.Address) backend.Errno {
	if k := s.Lookup(fd); k != nil {
		return s.book.bindLocal(k, local)
	}
	return errBadDescriptor
}

// Connect asks for a connection. The answer comes with an edge.
func (s *System) Connect(fd int, to backend.Address) backend.Errno {
	if k := s.Lookup(fd); k != nil {
		return k.Connect(to)
	}
	return errBadDescriptor
}

// Connected says how a connect ended: EINPROGRESS if it has not.
func (s *System) Connected(fd int) backend.Errno {
	if k := s.Lookup(fd); k != nil {
		return k.Connected()
	}
	return errBadDescriptor
}

// Read takes bytes that have arrived: 0 at the end of the stream.
func (s *System) Read(fd int, p []byte) (int, backend.Errno) {
	if k := s.Lookup(fd); k != nil {
		return k.Read(p)
	}
	return 0, errBadDescriptor
}

// Write sends as many bytes as there is room for.
func (s *System) Write(fd int, p []byte) (int, backend.Errno) {
	if k := s.Lookup(fd); k != nil {
		return k.Write(p)
	}
	return 0, errBadDescriptor
}

// CloseWrite sends the end of the stream.
func (s *System) CloseWrite(fd int) backend.Errno {
	if k := s.Lookup(fd); k != nil {
		return k.CloseWrite()
	}
	return errBadDescriptor
}

// Close frees a descriptor, and closes the socket if it was its last.
func (s *System) Close(fd int) backend.Errno {
	k := s.Lookup(fd)
	if k == nil {
		return errBadDescriptor
	}
	s.forgetKnotes(fd)
	s.sockets[fd-firstDescriptor] = nil
	k.Release()
	return 0
}
