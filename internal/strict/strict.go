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

	mu        sync.Mutex
	inside    map[uintptr]*operation // by the address of the system's block
	given     map[*windows.Overlapped]*operation
	sockets   map[int]socket
	late      map[sys.CompletionPort][]sys.Packet
	begun     int
	packets   int // of operations, so far
	overflows int // packets of datagrams that did not fit, which the call had reported before

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
	port        sys.CompletionPort
	skips       bool
	isDatagrams bool
	// hears: a receive ends because a datagram that was sent before has found nobody. The
	// system begins with true.
	hears bool
}

const soType = 0x1008 // SO_TYPE

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

// Overflows returns the number of packets of datagrams that did not fit, and that the calls
// had reported before.
func Overflows() int {
	if rules == nil {
		return 0
	}
	rules.mu.Lock()
	defer rules.mu.Unlock()
	return rules.overflows
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
	kind, err := windows.GetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, soType)
	isDatagrams := err == nil && kind == windows.SOCK_DGRAM
	if isDatagrams && skips && r.on.Load() {
		panic("strict: the skip mode of a datagram socket, which is documented for TCP only")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	hears := !isDatagrams || r.sockets[fd].hears
	r.sockets[fd] = socket{port, skips, isDatagrams, hears}
}

// Unreachable records what was selected.
func (r *windowsRules) Unreachable(fd int, ends bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sockets[fd]
	s.hears = ends
	r.sockets[fd] = s
}

// checkHearing panics if a receive of a datagram socket could end because of what was sent to
// others. mu is held.
func (r *windowsRules) checkHearing(fd int) {
	if s := r.sockets[fd]; !s.isDatagrams || !s.hears {
		return
	}
	if _, err := windows.Getpeername(windows.Handle(fd)); err != nil {
		panic("strict: a receive of a socket that is not connected ends when a datagram of another finds nobody")
	}
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
	if sends == 0 {
		r.checkHearing(fd)
	}
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
	case errno == 0 && !socket.skips: // a packet will come
	case errno == 0:
		r.ended(o)
	case errno == windows.WSAEMSGSIZE && socket.isDatagrams:
		// A warning, which to the kernel is no failure: there is a packet, too.
		r.forget(o)
		o.own.Internal = uintptr(windows.STATUS_BUFFER_OVERFLOW)
		windows.PostQueuedCompletionStatus(windows.Handle(socket.port), uint32(o.system.InternalHigh), uintptr(fd), o.own)
		r.overflows++
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
