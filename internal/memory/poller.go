package memory

import (
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var _ backend.Poller = (*Poller)(nil)

// Poller is the poller of one port. A leader waits on a channel and a timer,
// whichever way it is told to wait.
type Poller struct {
	network *Network
	watcher *Watcher
	told    chan struct{} // has room for one message: look again
	woken   bool          // guarded by the network's lock

	// Only the leader uses these.
	until int64
	timer *time.Timer // nil until there is something to wait for
}

// NewPoller returns a poller for one port.
func (n *Network) NewPoller() *Poller {
	p := &Poller{network: n, watcher: n.system.NewWatcher(), told: make(chan struct{}, 1), until: Never}
	p.watcher.Told = p.tell
	return p
}

// tell makes the leader look again. It never blocks.
func (p *Poller) tell() {
	select {
	case p.told <- struct{}{}:
	default:
	}
}

// Arm registers a descriptor.
func (p *Poller) Arm(fd int, generation uint32) backend.Errno {
	p.network.lock()
	defer p.network.mu.Unlock()
	return p.watcher.Arm(fd, generation)
}

// Disarm ends the registration of a descriptor.
func (p *Poller) Disarm(fd int) {
	p.network.lock()
	defer p.network.mu.Unlock()
	p.watcher.Disarm(fd)
}

// SetTimeout sets the time until which the next waits may last.
func (p *Poller) SetTimeout(until int64) { p.until = until }

// Wake ends a wait, or the next one.
func (p *Poller) Wake(backend.Waiting) {
	p.network.mu.Lock()
	p.woken = true
	p.network.mu.Unlock()
	p.tell()
}

// Wait collects edges. Unless how is Look, it waits for the first.
func (p *Poller) Wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	for {
		p.network.lock()
		n = p.watcher.Collect(events)
		arrival := p.network.system.NextArrival()
		if how == backend.Look {
			p.network.mu.Unlock()
			return n, false
		}
		// One return is enough for edges and a wake: the engine also finds the reason
		// for the wake when it serves the edges.
		woken := p.woken
		p.woken = false
		p.network.mu.Unlock()
		if n > 0 || woken {
			return n, false
		}
		now := int64(0)
		if p.until != Never || arrival != Never {
			now = sys.Now()
		}
		if p.until <= now {
			return 0, true
		}
		sleep(p.told, &p.timer, min(p.until, arrival), now)
	}
}

// sleep returns when told has a message, or at the time until. It keeps its timer for the
// next call.
func sleep(told chan struct{}, timer **time.Timer, until, now int64) {
	if until == Never {
		<-told
		return
	}
	d := time.Duration(until - now)
	if *timer == nil {
		*timer = time.NewTimer(d)
	} else {
		(*timer).Reset(d)
	}
	select {
	case <-told:
		(*timer).Stop()
	case <-(*timer).C:
	}
}

// Close does nothing: all descriptors have been disarmed.
func (p *Poller) Close() error { return nil }
