package memory

import (
	"github.com/completionport/completion/internal/backend"
)

// System is the state machine of a kernel inside the process: sockets, their
// descriptors, and what is under way between them. The zero System is ready to
// use. It is not safe for concurrent use; see the package's documentation.
//
// The methods of System take a descriptor and report errors as a kernel does. The methods
// of Socket with the same names need no descriptor.
type System struct {
	sockets []*Socket // by descriptor; nil where one is free
	book    addressBook

	now     int64
	link    Link // of all that is sent
	links   map[way]Link
	sent    uint64    // the number of cargoes
	transit []passage // by time of arrival
	losses  map[backend.Address]int

	queues []*Kqueue
	habits Habits // of the queue made last
}

// firstDescriptor is above the three descriptors that every process has.
const firstDescriptor = 3

// Lookup returns the socket of a descriptor, nil if there is none.
func (s *System) Lookup(fd int) *Socket {
	if i := fd - firstDescriptor; i >= 0 && i < len(s.sockets) {
		return s.sockets[i]
	}
	return nil
}

// Descriptors returns the number of open descriptors.
func (s *System) Descriptors() int {
	n := 0
	for _, k := range s.sockets {
		if k != nil {
			n++
		}
	}
	return n
}

// Install gives a socket a descriptor, the smallest free number. A socket may have several
// descriptors and is closed with the last owner.
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

// Open returns a socket that is not connected, and has no descriptor yet.
func (s *System) Open(family backend.Family) *Socket {
	return &Socket{system: s, family: family, sendSize: DefaultBuffer, receiveSize: DefaultBuffer}
}

// Socket returns the descriptor of a new socket, which is not connected.
func (s *System) Socket(family backend.Family) int { return s.Install(s.Open(family)) }

// Accept takes the oldest connection out of the backlog. A connect that waits for room in
// the backlog goes on.
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

// Connect begins a connect. An edge reports its end.
func (s *System) Connect(fd int, to backend.Address) backend.Errno {
	if k := s.Lookup(fd); k != nil {
		return k.Connect(to)
	}
	return errBadDescriptor
}

// Connected returns how a connect has ended, EINPROGRESS if it has not.
func (s *System) Connected(fd int) backend.Errno {
	if k := s.Lookup(fd); k != nil {
		return k.Connected()
	}
	return errBadDescriptor
}

// Read reads bytes that have arrived. It returns 0 bytes at the end of the stream.
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

// Close frees a descriptor. It closes the socket if the descriptor was its last owner.
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
