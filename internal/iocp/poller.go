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
// it is told to wait: Go's own poller is a completion port, which can't wait for another.
type Poller struct {
	port    sys.CompletionPort
	skip    bool
	sockets backend.Table[socket]
	orphans orphanedAccepts
	lost    sync.Map // blocks of closed datagram sockets, by their datagramSocket

	// closing keeps Wake from posting to a handle that has a new owner.
	closing sync.RWMutex
	closed  bool
	retries atomic.Bool // a wake has failed and will be tried again

	// Only the leader uses these.
	until   int64
	timer   sys.WaitTimer
	packets []sys.Packet
}

// Arm associates fd with the port. For a socket from Adopt, this replaces its former port
// in the same step.
func (p *Poller) Arm(fd int, generation uint32) syscall.Errno {
	associate, skip := p.port.Associate, p.skip
	entry := &socket{generation: generation}
	if mark := p.sockets.Get(fd); mark != nil { // of PacketSocket, of a pipe, or of Adopt
		if mark.pipe != nil || mark.pipes != nil {
			return p.armPipe(fd, entry, mark)
		}
		if mark.datagrams != nil {
			entry.datagrams, skip = mark.datagrams, false
		}
		if mark.adopted {
			associate = p.port.Move
		}
	}
	skips, errno := associate(fd, skip)
	if errno == 0 {
		entry.skips = skips
		p.sockets.Set(fd, entry)
	}
	return errno
}

// Disarm removes the entry of fd. Nothing of fd is inside the kernel any more, except
// accepts without an operation.
func (p *Poller) Disarm(fd int) {
	if s := p.sockets.Get(fd); s != nil {
		if q := s.accepts.Load(); q != nil {
			q.close(fd, &p.orphans)
		}
		if s.datagrams != nil {
			s.datagrams.close(p)
		}
		if s.pipes != nil {
			s.pipes.close()
		}
		if s.pipe != nil || s.pipes != nil {
			p.sockets.Set(fd, &socket{pipe: s.pipe, pipes: s.pipes}) // a mark for Close
			return
		}
		p.sockets.Set(fd, nil)
	}
}

// SetTimeout sets the time until which the next waits may last.
func (p *Poller) SetTimeout(until int64) { p.until = until }

// Wake posts a packet, which ends a wait, or the next one.
func (p *Poller) Wake(backend.Waiting) {
	p.closing.RLock()
	if !p.closed && p.port.Wake() != 0 {
		p.wakeLater()
	}
	p.closing.RUnlock()
}

// wakeLater wakes again until the system has memory for a packet. A leader that sleeps
// without a limit is woken once, so no other wake would follow. The caller of Wake can't
// wait for the memory, so a timer of Go's runtime tries again.
func (p *Poller) wakeLater() {
	// A wake that fails while another one waits for its retry needs no retry of its own:
	// the mark is removed before the packet is posted.
	if p.retries.CompareAndSwap(false, true) {
		time.AfterFunc(time.Millisecond, func() {
			p.retries.Store(false)
			p.Wake(backend.Block)
		})
	}
}

// Wait takes packets. Unless how is Look, it waits for the first. It may return without an
// event, after a packet that does not concern the engine.
func (p *Poller) Wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	if how == backend.Look {
		return p.take(events, 0), false
	}
	n = p.take(events, p.milliseconds())
	return n, n == 0 && p.until != backend.Never
}

// milliseconds returns the time-out of the next wait, rounded up. It also sets the timer,
// which ends the wait more exactly where the system has the calls for it.
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

// take dequeues packets, and returns events for those that concern the engine.
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
		if l := listenerOf(s); l != nil {
			if l.take(p, packet) {
				events[n] = backend.Event{FD: l.fd, Generation: l.generation, Ready: backend.EndedIn}
				n++
			}
			continue
		}
		if ended := p.endedOf(s, packet); ended != 0 {
			events[n] = backend.Event{FD: int(packet.Key), Generation: s.generation, Ready: ended}
			n++
		}
	}
	return n
}

// endedOf returns which operation has ended for the engine, 0 if none. s is the socket of
// the packet, since no socket is closed with an operation inside. Packets of orphaned
// accepts are the exception: s may be a new owner of the number.
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
	if s.datagrams != nil {
		return s.datagrams.endedOf(packet)
	}
	if out := s.out.Load(); out != nil && packet.IsOf(out) {
		return backend.EndedOut
	}
	return 0 // of a call of the program, to which the descriptor was lent
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
