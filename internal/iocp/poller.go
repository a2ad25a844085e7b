//go:build windows

package iocp

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var _ backend.Poller = (*Poller)(nil)

// Poller is the poller of one port. A leader always blocks in the system, whichever way
// it is told to wait: Go's own poller is a completion port, and none can wait for another.
type Poller struct {
	port    sys.CompletionPort
	skip    bool
	sockets backend.Table[socket]
	orphans orphanedAccepts

	// closing keeps Wake from posting to a handle that has a new owner.
	closing sync.RWMutex
	closed  bool
	retries atomic.Bool // a wake that has failed will be tried again

	// The leader's.
	until   int64
	timer   sys.WaitTimer
	packets []sys.Packet
}

// Arm associates fd with the port. A socket that Adopt has returned leaves its former
// port in the same step.
func (p *Poller) Arm(fd int, generation uint32) syscall.Errno {
	associate := p.port.Associate
	if p.sockets.Get(fd) != nil { // it comes from Adopt
		associate = p.port.Move
	}
	skips, errno := associate(fd, p.skip)
	if errno == 0 {
		p.sockets.Set(fd, &socket{generation: generation, skips: skips})
	}
	return errno
}

// Disarm forgets fd. Nothing of it is inside the kernel any more, except accepts that
// no operation waits for.
func (p *Poller) Disarm(fd int) {
	if s := p.sockets.Get(fd); s != nil {
		if q := s.accepts.Load(); q != nil {
			q.close(fd, &p.orphans)
		}
		p.sockets.Set(fd, nil)
	}
}

// SetTimeout sets the end of the next wait.
func (p *Poller) SetTimeout(until int64) { p.until = until }

// Wake posts a packet.
func (p *Poller) Wake(backend.Waiting) {
	p.closing.RLock()
	if !p.closed && p.port.Wake() != 0 {
		p.wakeLater()
	}
	p.closing.RUnlock()
}

// wakeLater wakes again until the system has memory for a packet: a leader that sleeps
// without a limit is woken once, and nobody else will wake it. The caller of Wake can't
// wait for that, so a timer of Go's runtime does.
func (p *Poller) wakeLater() {
	// A wake that fails while another is to be tried again is covered by that one: the
	// mark is removed before the packet is posted.
	if p.retries.CompareAndSwap(false, true) {
		time.AfterFunc(time.Millisecond, func() {
			p.retries.Store(false)
			p.Wake(backend.Block)
		})
	}
}

// Wait takes packets, and blocks until there is one that means something.
func (p *Poller) Wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	if how == backend.Look {
		return p.take(events, 0), false
	}
	n = p.take(events, p.milliseconds())
	return n, n == 0 && p.until != backend.Never
}

// milliseconds returns the time-out of the next wait, rounded up. Where the system has
// the calls, a timer ends the wait more exactly.
func (p *Poller) milliseconds() uint32 {
	if p.until == backend.Never {
		return sys.Infinite
	}
	if p.timer.Set(p.port, p.until) {
		return 0
	}
	left := max(p.until-sys.Now(), 0)
	return uint32(min((left+999_999)/1_000_000, sys.Infinite-1))
}

// take dequeues packets, and translates those that the engine is to know of.
func (p *Poller) take(events []backend.Event, milliseconds uint32) (n int) {
	if len(p.packets) < len(events) {
		p.packets = make([]sys.Packet, len(events))
	}
	got := p.port.Dequeue(p.packets[:len(events)], milliseconds)
	for i := range p.packets[:got] {
		packet := &p.packets[i]
		switch packet.Key {
		case 0: // of Wake
			continue
		case sys.TimerKey:
			p.timer.Fired()
			continue
		}
		s := p.sockets.Get(int(packet.Key))
		if ended := p.endedOf(s, packet); ended != 0 {
			events[n] = backend.Event{FD: int(packet.Key), Generation: s.generation, Ready: ended}
			n++
		}
	}
	return n
}

// endedOf returns what a packet of a descriptor means to the engine, 0 if nothing. The
// socket is the one that the packet is about, since none is closed with an operation
// inside, except for the packets of orphaned accepts.
func (p *Poller) endedOf(s *socket, packet *sys.Packet) backend.Readiness {
	if s != nil {
		if packet.IsOf(&s.in) {
			return backend.EndedIn
		}
		if q := s.accepts.Load(); q != nil {
			if found, tell := q.take(packet); tell {
				return backend.EndedIn
			} else if found {
				return 0
			}
		}
	}
	if p.orphans.take(packet) || s == nil {
		return 0
	}
	if out := s.out.Load(); out != nil && packet.IsOf(out) {
		return backend.EndedOut
	}
	return 0 // of a call that the program has made with the descriptor lent to it
}

// Close closes the completion port, after the packets of all orphaned accepts.
func (p *Poller) Close() error {
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
