//go:build windows

package strict

import (
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/sys"
	"golang.org/x/sys/windows"
)

var _ sys.Interposer = (*windowsRules)(nil)

// windowsRules gives the system a status block of its own for each operation. It fills in
// the operation's block when the packet is dequeued.
type windowsRules struct {
	on atomic.Bool // whether the rules apply to operations that are begun now

	mu      sync.Mutex
	inside  map[uintptr]*operation // by the address of the system's block
	given   map[*windows.Overlapped]*operation
	sockets map[int]socket
	late    map[sys.CompletionPort][]sys.Packet
	begun   int
	packets int // of operations, so far

	foreign windows.Overlapped
}

type operation struct {
	system  windows.Overlapped // what the system writes to
	own     *windows.Overlapped
	fd      int
	isWrite bool
	// canceled: CancelIoEx has found it. late: its packet has been held back.
	canceled, late bool
}

type socket struct {
	port  sys.CompletionPort
	skips bool
}

// rules is nil until Set is called.
var rules *windowsRules

// Set turns the rules on or off for the operations that are begun until undo is called. It
// must be called while no operation is under way.
func Set(on bool) (undo func()) {
	if rules == nil {
		if !on {
			return func() {}
		}
		rules = &windowsRules{
			inside:  make(map[uintptr]*operation),
			given:   make(map[*windows.Overlapped]*operation),
			sockets: make(map[int]socket),
			late:    make(map[sys.CompletionPort][]sys.Packet),
		}
		sys.Interposed = rules
	}
	before := rules.on.Swap(on)
	return func() { rules.on.Store(before) }
}

// Packets returns the number of packets of operations to which the rules were applied.
func Packets() int {
	if rules == nil {
		return 0
	}
	rules.mu.Lock()
	defer rules.mu.Unlock()
	return rules.packets
}

// HasEnded reports whether an operation on fd has ended without its packet having been
// dequeued: a write if isWrite is true, otherwise any other operation. The rules must have
// been on when the operation was begun.
func HasEnded(fd int, isWrite bool) bool {
	rules.mu.Lock()
	defer rules.mu.Unlock()
	for _, o := range rules.given {
		if o.fd == fd && o.isWrite == isWrite && o.hasEnded() {
			return true
		}
	}
	return false
}

// Associated records the port and the mode of a descriptor.
func (r *windowsRules) Associated(fd int, port sys.CompletionPort, skips bool) {
	r.mu.Lock()
	r.sockets[fd] = socket{port, skips}
	r.mu.Unlock()
}

// Begin gives the system a block of its own.
func (r *windowsRules) Begin(fd int, own *windows.Overlapped, sends int) *windows.Overlapped {
	if !r.on.Load() {
		return own
	}
	if sends > sys.LargestSend {
		panic("strict: a send that is taken whole, whatever room there is")
	}
	o := &operation{system: *own, own: own, fd: fd, isWrite: sends > 0}
	r.mu.Lock()
	r.inside[addressOf(&o.system)] = o
	r.given[own] = o
	r.mu.Unlock()
	own.Internal = uintptr(windows.STATUS_PENDING)
	return &o.system
}

// Began records the errno of the call. The packet may have been dequeued already.
func (r *windowsRules) Began(fd int, own *windows.Overlapped, errno syscall.Errno) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o, socket := r.given[own], r.sockets[fd]
	switch {
	case o == nil:
	case errno == sys.Pending:
		if r.begun++; r.begun%8 == 0 {
			windows.PostQueuedCompletionStatus(windows.Handle(socket.port), 0, uintptr(fd), &r.foreign)
		}
	case sys.MaybeQueued(errno):
		r.forget(o)
		windows.PostQueuedCompletionStatus(windows.Handle(socket.port), 0, uintptr(fd), own)
	case errno == 0 && !socket.skips: // a packet will come
	case errno == 0:
		r.ended(o)
	default:
		r.forget(o)
	}
}

// ended fills in the operation's own block. mu is held.
func (r *windowsRules) ended(o *operation) {
	r.forget(o)
	n := o.system.InternalHigh
	if o.isWrite && windows.NTStatus(o.system.Internal) == windows.STATUS_CANCELLED {
		n = 0
	}
	o.own.InternalHigh, o.own.Offset, o.own.OffsetHigh = n, o.system.Offset, o.system.OffsetHigh
	o.own.Internal = o.system.Internal
}

// forget removes an operation that is not inside any more. mu is held.
func (r *windowsRules) forget(o *operation) {
	delete(r.inside, addressOf(&o.system))
	delete(r.given, o.own)
}

// Cancel is CancelIoEx.
func (r *windowsRules) Cancel(fd int, own *windows.Overlapped) error {
	r.mu.Lock()
	defer r.mu.Unlock() // the packet is not processed in this time
	o := r.given[own]
	switch {
	case o == nil:
		return windows.CancelIoEx(windows.Handle(fd), own)
	case o.hasEnded():
		return windows.ERROR_NOT_FOUND
	}
	err := windows.CancelIoEx(windows.Handle(fd), &o.system)
	o.canceled = o.canceled || err == nil
	return err
}

// CloseSocket is closesocket.
func (r *windowsRules) CloseSocket(fd int) error {
	if r.on.Load() && sys.Lingers(fd) {
		return windows.WSAEWOULDBLOCK
	}
	return windows.Closesocket(windows.Handle(fd))
}

func (o *operation) hasEnded() bool {
	return atomic.LoadUintptr(&o.system.Internal) != uintptr(windows.STATUS_PENDING)
}

// Dequeue returns the packets that were held back, and packets from the port. It holds
// back those of cancelled operations once.
func (r *windowsRules) Dequeue(port sys.CompletionPort, packets []sys.Packet, milliseconds uint32) (n int) {
	r.mu.Lock()
	held := r.late[port]
	late := copy(packets, held)
	r.late[port] = held[late:]
	r.mu.Unlock()
	if late > 0 {
		milliseconds = 0
	}
	got := late
	if late < len(packets) {
		got += port.DequeueDirect(packets[late:], milliseconds)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, packet := range packets[:got] {
		o := r.inside[packet.Overlapped]
		if o != nil && o.canceled && !o.late {
			o.late = true
			r.late[port] = append(r.late[port], packet)
			continue
		}
		if o != nil {
			r.packets++
			r.ended(o)
			packet.Overlapped = addressOf(o.own)
		}
		packets[n] = packet
		n++
	}
	return n
}

func addressOf(block *windows.Overlapped) uintptr { return uintptr(unsafe.Pointer(block)) }
