package sys

import (
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// strictWindows stands between operations and the system, in tests, and keeps to
// rules of Windows that Wine does not keep to:
//
//   - The status block of an operation does not change before its packet has been
//     taken from the port, unless the operation has ended in the call that began it
//     and has no packet.
//   - CancelIoEx finds nothing of an operation that has ended, also if its packet is
//     still in the port.
//   - The packet of an operation that was cancelled comes later: the first look after
//     it has come does not see it.
//   - A write that was cancelled counts 0 bytes, whatever went out.
//   - Packets come that are about operations of others on the same descriptor.
//   - A send is taken whole, whatever its size, so none may be large.
//   - A socket with a positive linger is not closed, as none of ours blocks.
//
// The system gets a status block of our own for each operation. The one that the
// operation has is filled in when the packet is taken.
type strictWindows struct {
	on atomic.Bool // for operations that are begun from now on

	mu      sync.Mutex
	inside  map[uintptr]*strictOperation // by the address of the system's block
	given   map[*windows.Overlapped]*strictOperation
	sockets map[int]strictSocket
	late    map[CompletionPort][]Packet
	begun   int
	packets int // of operations, so far

	foreign windows.Overlapped
}

type strictOperation struct {
	system  windows.Overlapped // what the system writes to
	block   *windows.Overlapped
	isWrite bool
	// canceled: CancelIoEx has found it; late: its packet has been held back.
	canceled, late bool
}

type strictSocket struct {
	port  CompletionPort
	skips bool
}

// strict is nil in a program.
var strict *strictWindows

// SetStrict has the operations that are begun until undo keep to the rules of
// Windows that Wine does not keep to. It is for tests, and called while nothing else
// is.
func SetStrict(on bool) (undo func()) {
	if strict == nil {
		if !on {
			return func() {}
		}
		strict = &strictWindows{
			inside:  make(map[uintptr]*strictOperation),
			given:   make(map[*windows.Overlapped]*strictOperation),
			sockets: make(map[int]strictSocket),
			late:    make(map[CompletionPort][]Packet),
		}
	}
	before := strict.on.Swap(on)
	return func() { strict.on.Store(before) }
}

// StrictPackets is how many packets of operations have been held to the rules.
func StrictPackets() int {
	if strict == nil {
		return 0
	}
	strict.mu.Lock()
	defer strict.mu.Unlock()
	return strict.packets
}

// associated notes what belongs to a descriptor.
func (s *strictWindows) associated(fd int, port CompletionPort, skips bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.sockets[fd] = strictSocket{port, skips}
	s.mu.Unlock()
}

// give returns the block that the system is to get for that of an operation which
// is about to begin.
func (s *strictWindows) give(block *windows.Overlapped, sends int) *windows.Overlapped {
	if s == nil || !s.on.Load() {
		return block
	}
	if sends > largestSend {
		panic("sys: a send that is taken whole, whatever room there is")
	}
	o := &strictOperation{system: *block, block: block, isWrite: sends > 0}
	s.mu.Lock()
	s.inside[addressOf(&o.system)] = o
	s.given[block] = o
	s.mu.Unlock()
	block.Internal = uintptr(windows.STATUS_PENDING)
	return &o.system
}

// took takes in what the call has returned that began an operation. The packet may
// have been taken since.
func (s *strictWindows) took(fd int, block *windows.Overlapped, errno syscall.Errno) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, socket := s.given[block], s.sockets[fd]
	switch {
	case o == nil:
	case errno == Pending:
		if s.begun++; s.begun%8 == 0 {
			windows.PostQueuedCompletionStatus(windows.Handle(socket.port), 0, uintptr(fd), &s.foreign)
		}
	case errno == 0 && !socket.skips: // there will be a packet
	case errno == 0:
		s.ended(o)
	default:
		s.forget(o)
	}
}

// ended fills in the block that the operation has. mu is held.
func (s *strictWindows) ended(o *strictOperation) {
	s.forget(o)
	n := o.system.InternalHigh
	if o.isWrite && windows.NTStatus(o.system.Internal) == windows.STATUS_CANCELLED {
		n = 0
	}
	o.block.InternalHigh, o.block.Offset, o.block.OffsetHigh = n, o.system.Offset, o.system.OffsetHigh
	o.block.Internal = o.system.Internal
}

// forget lets go of an operation that is not inside any more. mu is held.
func (s *strictWindows) forget(o *strictOperation) {
	delete(s.inside, addressOf(&o.system))
	delete(s.given, o.block)
}

// cancel is CancelIoEx.
func (s *strictWindows) cancel(fd int, block *windows.Overlapped) error {
	if s == nil {
		return windows.CancelIoEx(windows.Handle(fd), block)
	}
	s.mu.Lock()
	defer s.mu.Unlock() // the packet is not taken meanwhile
	o := s.given[block]
	switch {
	case o == nil:
		return windows.CancelIoEx(windows.Handle(fd), block)
	case o.hasEnded():
		return windows.ERROR_NOT_FOUND
	}
	err := windows.CancelIoEx(windows.Handle(fd), &o.system)
	o.canceled = o.canceled || err == nil
	return err
}

// close is closesocket.
func (s *strictWindows) close(fd int) error {
	if s != nil && s.on.Load() && lingers(fd) {
		return windows.WSAEWOULDBLOCK
	}
	return windows.Closesocket(windows.Handle(fd))
}

func (o *strictOperation) hasEnded() bool {
	return atomic.LoadUintptr(&o.system.Internal) != uintptr(windows.STATUS_PENDING)
}

// dequeue takes packets: those that were held back, and what the port has.
func (s *strictWindows) dequeue(port CompletionPort, packets []Packet, milliseconds uint32) (n int) {
	s.mu.Lock()
	held := s.late[port]
	late := copy(packets, held)
	s.late[port] = held[late:]
	s.mu.Unlock()
	if late > 0 {
		milliseconds = 0
	}
	got := late
	if late < len(packets) {
		got += port.dequeue(packets[late:], milliseconds)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, packet := range packets[:got] {
		o := s.inside[packet.overlapped]
		if o != nil && o.canceled && !o.late {
			o.late = true
			s.late[port] = append(s.late[port], packet)
			continue
		}
		if o != nil {
			s.packets++
			s.ended(o)
			packet.overlapped = addressOf(o.block)
		}
		packets[n] = packet
		n++
	}
	return n
}

func addressOf(block *windows.Overlapped) uintptr { return uintptr(unsafe.Pointer(block)) }

// HasEnded tells a test that the operation has ended, though its packet has not been
// taken. It can tell of those only that keep to the rules.
func (t *Transfer) HasEnded() bool { return strict.hasEnded(&t.overlapped) }

// HasEnded is that of a Transfer.
func (a *Acceptance) HasEnded() bool { return strict.hasEnded(&a.overlapped) }

func (s *strictWindows) hasEnded(block *windows.Overlapped) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.given[block]
	return o != nil && o.hasEnded()
}
