package completion

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var (
	_ backend.Poller = (*iocp)(nil)
	_ backend.Native = (*iocpKernel)(nil)
	_ kernel         = (*iocpKernel)(nil)
)

var backends = []opener{{"iocp", openIOCP}}

// skipOnSuccess saves the packet of an operation that has ended well when its
// call returns.
var skipOnSuccess = true

// iocp is the completion port of Windows, natively: the kernel performs the
// operations, and a packet tells of the end of each. Waiting blocks in the
// system: Go's own poller is a completion port that takes no other in.
type iocp struct {
	port    sys.CompletionPort
	skip    bool
	sockets socketTable
	orphans orphanedAccepts

	// closing keeps Wake from posting to a handle that is somebody else's.
	closing sync.RWMutex
	closed  bool
	retries atomic.Bool // a wake that has failed will be tried again

	// The leader's.
	until   int64
	timer   sys.WaitTimer
	packets []sys.Packet
}

// iocpKernel performs the operations of its port.
type iocpKernel struct {
	sys.Kernel
	*iocp
}

// associated is what a port has of one descriptor. The kernel writes into it
// while an operation is inside, so it must stay reachable until that has ended.
type associated struct {
	generation uint32
	skips      bool // no packet if an operation has ended well at once
	in         sys.Transfer
	// Made when first needed, since many only read and few are listeners. The leader
	// looks at them for packets that others than the engine have caused.
	out     atomic.Pointer[sys.Transfer]
	accepts atomic.Pointer[acceptQueue]
}

// openPorts are those that have not been closed. A port that is dropped must
// not become garbage, since the kernel goes on writing to its memory.
var openPorts sync.Map // *iocp

func openIOCP() (backend.Backend, error) {
	port, err := sys.NewCompletionPort()
	if err != nil {
		return backend.Backend{}, err
	}
	p := &iocp{port: port, skip: skipOnSuccess, until: backend.Never}
	openPorts.Store(p, nil)
	return backend.Backend{Name: "iocp", Poller: p, ArmCall: "CreateIoCompletionPort", Kernel: &iocpKernel{iocp: p}}, nil
}

// Arm associates fd with the port.
func (p *iocp) Arm(fd int, generation uint32) syscall.Errno {
	associate := p.port.Associate
	if p.sockets.get(fd) != nil { // it comes from Adopt
		associate = p.port.Move
	}
	skips, errno := associate(fd, p.skip)
	if errno == 0 {
		p.sockets.set(fd, &associated{generation: generation, skips: skips})
	}
	return errno
}

// Disarm forgets fd. Nothing of it is inside the kernel any more but accepts that
// nobody asked for.
func (p *iocp) Disarm(fd int) {
	if a := p.sockets.get(fd); a != nil {
		if q := a.accepts.Load(); q != nil {
			q.close(fd, &p.orphans)
		}
		p.sockets.set(fd, nil)
	}
}

// SetTimeout sets the end of the next wait.
func (p *iocp) SetTimeout(until int64) { p.until = until }

// Wake posts a packet.
func (p *iocp) Wake(backend.Waiting) {
	p.closing.RLock()
	if !p.closed && p.port.Wake() != 0 {
		p.wakeLater()
	}
	p.closing.RUnlock()
}

// wakeLater tries again until the system has memory for a packet: a leader that
// sleeps without a limit is woken once, and nobody else will do it. Whoever wakes
// can't wait for that, so a timer of Go's runtime does.
func (p *iocp) wakeLater() {
	// One that fails while another is to be tried again is covered by that: the mark
	// is taken away before the packet is posted.
	if p.retries.CompareAndSwap(false, true) {
		time.AfterFunc(time.Millisecond, func() {
			p.retries.Store(false)
			p.Wake(backend.Block)
		})
	}
}

// Wait looks, or blocks until there is something to see: there is one way only.
func (p *iocp) Wait(how backend.Waiting, events []backend.Event, serve func(int) (int, bool)) (n int, timedOut bool) {
	if how == backend.Look {
		return p.take(events, 0), false
	}
	for again := true; again; {
		n = p.take(events, p.milliseconds())
		if n == 0 {
			return 0, p.until != backend.Never
		}
		n, again = serve(n)
	}
	return n, false
}

// milliseconds is how long to wait, rounded up. Where the system can, a timer ends
// the wait more exactly.
func (p *iocp) milliseconds() uint32 {
	if p.until == backend.Never {
		return sys.Infinite
	}
	if p.timer.Set(p.port, p.until) {
		return 0
	}
	left := max(p.until-sys.Now(), 0)
	return uint32(min((left+999_999)/1_000_000, sys.Infinite-1))
}

// take translates packets, but for those that concern nobody.
func (p *iocp) take(events []backend.Event, milliseconds uint32) (n int) {
	if len(p.packets) < len(events) {
		p.packets = make([]sys.Packet, len(events))
	}
	got := p.port.Dequeue(p.packets[:len(events)], milliseconds)
	for i := range p.packets[:got] {
		packet := &p.packets[i]
		switch packet.Key {
		case 0: // it only wakes
			continue
		case sys.TimerKey: // so does this one
			p.timer.Fired()
			continue
		}
		a := p.sockets.get(int(packet.Key))
		if ended := p.endedOf(a, packet); ended != 0 {
			events[n] = backend.Event{FD: int(packet.Key), Generation: a.generation, Ready: ended}
			n++
		}
	}
	return n
}

// endedOf says what a packet of a descriptor means to the engine, if anything.
// The descriptor is the one that the packet is about, since none is closed with
// an operation inside; but for the packets of orphaned accepts.
func (p *iocp) endedOf(a *associated, packet *sys.Packet) backend.Readiness {
	if a != nil {
		if packet.IsOf(&a.in) {
			return backend.EndedIn
		}
		if q := a.accepts.Load(); q != nil {
			if found, tell := q.take(packet); tell {
				return backend.EndedIn
			} else if found {
				return 0
			}
		}
	}
	if p.orphans.take(packet) || a == nil {
		return 0
	}
	if out := a.out.Load(); out != nil && packet.IsOf(out) {
		return backend.EndedOut
	}
	return 0 // of a call that the program has made with the descriptor lent to it
}

// Close gives the completion port back, when the last packet has come.
func (p *iocp) Close() error {
	var none [1]backend.Event
	for p.orphans.count.Load() > 0 {
		p.take(none[:], sys.Infinite)
	}
	p.timer.Close()
	openPorts.Delete(p)
	p.closing.Lock()
	p.closed = true
	p.closing.Unlock()
	return p.port.Close()
}

// Close closes a descriptor, and not the port.
func (k *iocpKernel) Close(fd int) syscall.Errno { return k.Kernel.Close(fd) }

// Disown takes the mark of Adopt back, if that was not armed.
func (k *iocpKernel) Disown(fd int) {
	if k.sockets.get(fd) != nil {
		k.sockets.set(fd, nil)
	}
	k.Kernel.Disown(fd)
}

// Adopt leaves a mark for Arm, which makes the socket the port's. Nothing that can
// fail comes after that, so what fails before leaves c to package net.
func (k *iocpKernel) Adopt(c any, listening bool) (int, error) {
	fd, err := k.Kernel.Adopt(c, listening)
	if err == nil {
		k.sockets.set(fd, new(associated))
	}
	return fd, err
}

// transfer is what the operation of that kind works with.
func (a *associated) transfer(kind backend.Kind) *sys.Transfer {
	if kind == backend.Read {
		return &a.in
	}
	out := a.out.Load()
	if out == nil {
		out = new(sys.Transfer)
		a.out.Store(out)
	}
	return out
}

// Start begins an operation. All that the packet's dequeuer needs is in place
// before the call; after it, nothing may be touched if there will be a packet.
func (k *iocpKernel) Start(fd int, kind backend.Kind, data []byte, to *backend.Address) (n int, errno syscall.Errno, pending bool) {
	a := k.sockets.get(fd)
	if kind == backend.Accept {
		return a.acceptQueue().start(fd)
	}
	t, skips := a.transfer(kind), a.skips
	switch kind {
	case backend.Connect:
		errno = t.Connect(fd, *to)
	case backend.Write:
		errno = t.Send(fd, data)
	default:
		errno = t.Receive(fd, data)
	}
	switch {
	case errno == sys.Pending || errno == 0 && !skips:
		return 0, 0, true
	case errno != 0:
		t.Failed()
		return 0, errno, false
	}
	n, errno = finish(t, fd, kind)
	return n, errno, false
}

// Finish tells how an operation has ended.
func (k *iocpKernel) Finish(fd int, kind backend.Kind) (int, syscall.Errno) {
	a := k.sockets.get(fd)
	if kind == backend.Accept {
		return a.acceptQueue().finish(fd)
	}
	return finish(a.transfer(kind), fd, kind)
}

func finish(t *sys.Transfer, fd int, kind backend.Kind) (int, syscall.Errno) {
	n, errno := t.Result(fd)
	if kind == backend.Connect {
		return 0, t.Connected(fd, errno)
	}
	return n, errno
}

// Abandon cancels what is pending.
func (k *iocpKernel) Abandon(fd int, kind backend.Kind) (heard bool) {
	a := k.sockets.get(fd)
	if kind == backend.Accept {
		return a.acceptQueue().abandon(fd)
	}
	return a.transfer(kind).Cancel(fd)
}

// AcceptAhead has so many accepts of fd inside.
func (k *iocpKernel) AcceptAhead(fd, n int) (ended bool) {
	return k.sockets.get(fd).acceptQueue().ahead(fd, n)
}

// socketTable finds what is associated by its descriptor. Reading needs no lock:
// chunks, once there, stay.
type socketTable struct {
	mu     sync.Mutex // for growing
	chunks atomic.Pointer[[]*socketChunk]
}

// The system hands out multiples of four.
const (
	socketsPerChunk = 511
	descriptorStep  = 4
)

type socketChunk [socketsPerChunk]atomic.Pointer[associated]

// get returns nil if there is none.
func (t *socketTable) get(fd int) *associated {
	chunks, i := t.chunks.Load(), fd/descriptorStep
	if c := i / socketsPerChunk; chunks != nil && c < len(*chunks) && (*chunks)[c] != nil {
		return (*chunks)[c][i%socketsPerChunk].Load()
	}
	return nil
}

func (t *socketTable) set(fd int, a *associated) {
	i := fd / descriptorStep
	t.mu.Lock()
	defer t.mu.Unlock()
	var chunks []*socketChunk
	if old := t.chunks.Load(); old != nil {
		chunks = *old
	}
	if c := i / socketsPerChunk; c >= len(chunks) || chunks[c] == nil {
		// A copy: others may be reading the old directory.
		grown := make([]*socketChunk, max(c+1, len(chunks)))
		copy(grown, chunks)
		grown[c] = new(socketChunk)
		t.chunks.Store(&grown)
		chunks = grown
	}
	chunks[i/socketsPerChunk][i%socketsPerChunk].Store(a)
}
