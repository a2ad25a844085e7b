package fault

import (
	"sync"
	"syscall"

	"github.com/completionport/completion/internal/backend"
)

var _ backend.Poller = (*poller)(nil)

// poller is another poller with faults of its own, and with the edges that
// faulty calls are owed.
type poller struct {
	backend.Poller
	choose Choose

	mu      sync.Mutex
	armed   map[int]uint32 // generations by descriptor
	owed    []backend.Event
	waiting backend.Waiting // how the leader waits, Look if it doesn't
}

// owe reports fd ready once more. Readiness may be reported too often, so both
// directions are; and since the fault has made the engine forget what the last
// real event said of short reads, it is said again.
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

// Wait hands what is owed to the leader when it returns. That is why the poller is no
// Parker, whatever the other one is: who stays in there would be told too late.
func (p *poller) Wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	if p.choose(Wait, -1) != nil {
		return 0, false
	}
	p.mu.Lock()
	if n = p.pay(events); n > 0 {
		p.mu.Unlock()
		return n, false
	}
	// Whoever owes an edge from here on wakes us.
	p.waiting = how
	p.mu.Unlock()
	n, timedOut = p.Poller.Wait(how, events)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = backend.Look
	return n + p.pay(events[n:]), timedOut
}

// pay hands out what is owed, as far as there is room. mu is held.
func (p *poller) pay(events []backend.Event) int {
	n := copy(events, p.owed)
	p.owed = append(p.owed[:0], p.owed[n:]...)
	return n
}
