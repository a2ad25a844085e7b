package fault

import (
	"sync"
	"syscall"

	"github.com/completionport/completion/internal/backend"
)

var _ backend.Poller = (*poller)(nil)

// poller adds faults to another poller, and the edges that faults of calls require.
type poller struct {
	backend.Poller
	choose Choose

	mu      sync.Mutex
	armed   map[int]uint32  // generations by descriptor
	owed    []backend.Event // edges that Wait has not returned yet
	waiting backend.Waiting // how the leader waits, Look if it doesn't
}

// owe makes Wait report fd ready once more. It reports both directions, since readiness may
// be reported too often. It reports StopsShort, since the fault has made the engine forget
// the StopsShort of the last real event.
func (p *poller) owe(fd int) {
	p.mu.Lock()
	p.owed = append(p.owed, backend.Event{FD: fd, Generation: p.armed[fd], Ready: backend.Readable | backend.Writable | backend.StopsShort})
	how := p.waiting
	p.mu.Unlock()
	if how != backend.Look {
		p.Poller.Wake(how)
	}
}

func (p *poller) Arm(fd int, generation uint32) syscall.Errno {
	if f := p.choose(Arm, fd); f != nil {
		return f.Errno
	}
	p.mu.Lock()
	p.armed[fd] = generation
	p.mu.Unlock()
	return p.Poller.Arm(fd, generation)
}

func (p *poller) Disarm(fd int) {
	p.mu.Lock()
	delete(p.armed, fd)
	p.mu.Unlock()
	p.Poller.Disarm(fd)
}

// Wait also returns the edges that are owed. The poller is no Parker, even if the other
// poller is one: a leader that stays inside Park would get these edges too late.
func (p *poller) Wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	if p.choose(Wait, -1) != nil {
		return 0, false
	}
	p.mu.Lock()
	if n = p.pay(events); n > 0 {
		p.mu.Unlock()
		return n, false
	}
	// From here on, owe wakes the leader.
	p.waiting = how
	p.mu.Unlock()
	n, timedOut = p.Poller.Wait(how, events)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = backend.Look
	return n + p.pay(events[n:]), timedOut
}

// pay moves edges that are owed into events, as many as there is room for. mu is held.
func (p *poller) pay(events []backend.Event) int {
	n := copy(events, p.owed)
	p.owed = append(p.owed[:0], p.owed[n:]...)
	return n
}
