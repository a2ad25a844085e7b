package memory

import (
	"github.com/completionport/completion/internal/backend"
)

// DefaultBuffer is the size of a send buffer and of a receive buffer.
const DefaultBuffer = 64 << 10

// Socket is one end of a connection, or a listener, or not yet either. It belongs to a
// System. Like those of the System, its methods take no lock and wait for nothing.
type Socket struct {
	system     *System
	family     backend.Family
	phase      phase
	references int // descriptors, and other owners
	armed      *registration
	knotes     []*knote // of queues

	local, remote backend.Address
	ownsPort      bool // the address book lists the local port as taken

	// A connection.
	peer        *Socket // nil when the other end is closed
	in          stream
	sendSize    int
	receiveSize int
	errno       backend.Errno // one call returns it
	dead        bool          // a reset has arrived
	finSent     bool
	starved     bool // a write found too little room: new room makes an edge
	resets      bool // closing sends a reset

	datagrams *datagrams // of a datagram socket

	// A listener.
	capacity int
	shares   bool      // it shares its address with other listeners that do so
	backlog  []*Socket // established, the oldest first
	waiting  []*Socket // their connects found the backlog full

	// Told, if not nil, is called after each change that may allow a call to go on.
	// It must not call the System.
	Told func()
}

// phase is the state of a socket.
type phase uint8

const (
	fresh phase = iota
	listening
	connecting
	connected
	failed // its connect did
	closed
	ofDatagrams
)

// room returns how many bytes a write can send.
func (k *Socket) room() int {
	if k.peer == nil { // the bytes are lost on the way
		return k.sendSize
	}
	return max(k.sendSize+k.peer.receiveSize-k.peer.in.held(), 0)
}

// Read is System.Read.
func (k *Socket) Read(p []byte) (int, backend.Errno) {
	switch k.phase {
	case connecting:
		return 0, errAgain
	case connected:
	default:
		return 0, k.takeErrno(errNotConnected)
	}
	if n := k.in.take(p); n > 0 {
		if peer := k.peer; peer != nil && peer.starved && peer.room() > 0 {
			peer.starved = false
			peer.edge(backend.Writable)
		}
		return n, 0
	}
	switch {
	case k.in.ended:
		return 0, 0
	case k.errno != 0:
		return 0, k.takeErrno(0)
	case k.dead, len(p) == 0:
		return 0, 0
	}
	return 0, errAgain
}

// Write is System.Write.
func (k *Socket) Write(p []byte) (int, backend.Errno) {
	switch {
	case k.phase == connecting:
		return 0, errAgain
	case k.phase != connected, k.dead, k.finSent:
		return 0, k.takeErrno(errBrokenPipe)
	case k.peer == nil:
		// The other end is closed, and answers with a reset. The sender can't know.
		k.system.send(k, reset, 0)
		return len(p), 0
	}
	n := min(len(p), k.room())
	if n < len(p) {
		k.starved = true
		if n == 0 {
			return 0, errAgain
		}
	}
	k.peer.in.put(p[:n])
	k.system.send(k.peer, data, n)
	return n, 0
}

// Mark makes reads of the other end stop behind the bytes written so far: at an urgent
// byte, which itself is not stored, or at the end of a message.
func (k *Socket) Mark() backend.Errno {
	switch {
	case k.phase != connected || k.dead || k.finSent:
		return errBrokenPipe
	case k.peer != nil:
		k.peer.in.mark()
		k.system.send(k.peer, data, 0)
	}
	return 0
}

// takeErrno returns the socket's error, which one call returns, or other if there is none.
func (k *Socket) takeErrno(other backend.Errno) backend.Errno {
	errno := k.errno
	k.errno = 0
	if errno == 0 {
		return other
	}
	return errno
}

// CloseWrite is System.CloseWrite.
func (k *Socket) CloseWrite() backend.Errno {
	switch {
	case k.phase != connected || k.dead || k.over():
		return errNotConnected
	case k.finSent:
		return 0
	}
	k.finSent = true
	if k.peer != nil {
		k.system.send(k.peer, ending, 0)
	}
	return 0
}

// over reports whether each side has received the other's end of the stream. TCP has then
// forgotten the connection, or is in TIME_WAIT.
func (k *Socket) over() bool {
	return k.family != backend.Unix && k.finSent && k.in.ended && (k.peer == nil || k.peer.in.ended)
}

// receives reports whether what arrives still counts.
func (k *Socket) receives() bool { return k.phase == connected && !k.dead }

// die handles the arrival of a reset.
func (k *Socket) die() {
	k.dead = true
	k.errno = errReset
	if k.in.ended { // the reset concerns what this end sends
		k.errno = errBrokenPipe
	}
	k.peer = nil
}

// Retain adds an owner.
func (k *Socket) Retain() { k.references++ }

// Release removes an owner. The last one closes the socket.
func (k *Socket) Release() {
	if k.references--; k.references == 0 {
		k.close()
	}
}

func (k *Socket) close() {
	was := k.phase
	k.phase = closed
	k.system.book.remove(k)
	switch was {
	case listening:
		for _, conn := range k.backlog {
			conn.resets = true
			conn.close()
		}
		for _, asker := range k.waiting {
			k.system.send(asker, refusal, 0)
		}
		k.backlog, k.waiting = nil, nil
	case connected:
		k.hangUp()
	case ofDatagrams:
		k.letSendersGo()
	}
	k.armed = nil
	k.in = stream{left: k.in.left, latest: k.in.latest}
	k.tell()
}

// hangUp sends the other end a reset or the end of the stream.
func (k *Socket) hangUp() {
	peer := k.peer
	k.peer = nil
	if peer == nil {
		return
	}
	peer.peer = nil
	switch {
	case k.resets || k.in.held() > 0:
		k.system.send(peer, reset, 0)
	case !k.finSent:
		k.system.send(peer, ending, 0)
	}
	if peer.starved { // there is room again: what it still writes is lost
		peer.starved = false
		peer.edge(backend.Writable)
	}
}

// kind returns the kind of the socket.
func (k *Socket) kind() backend.SocketKind {
	switch k.phase {
	case listening:
		return backend.ListeningSocket
	case ofDatagrams:
		return backend.DatagramSocket
	}
	return backend.StreamSocket
}

// Family returns the socket's address family.
func (k *Socket) Family() backend.Family { return k.family }

// SetBuffers changes the sizes of the buffers, in bytes; 0 leaves a size as it is.
func (k *Socket) SetBuffers(send, receive int) {
	if send > 0 {
		k.sendSize = send
	}
	if receive > 0 {
		k.receiveSize = receive
	}
	for _, end := range []*Socket{k, k.peer} {
		if end != nil && end.starved && end.room() > 0 {
			end.starved = false
			end.edge(backend.Writable)
		}
	}
}

// SetResetOnClose makes closing send a reset.
func (k *Socket) SetResetOnClose(on bool) { k.resets = on }
