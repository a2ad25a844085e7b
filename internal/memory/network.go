package memory

import (
	"sync"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// Network is a System that goroutines share, with the faults that a test has injected. The
// zero Network is ready to use. No goroutine waits while it holds the lock.
type Network struct {
	mu     sync.Mutex // guards all below, and the ends and pollers of this network
	system System

	mostBytes int // the limit of one call of a port; 0 for no limit
	failures  []failure
}

// failure is a fault injected for calls of ports.
type failure struct {
	call  string
	errno backend.Errno
	times int // left; negative for always
}

// lock takes the lock, and delivers what is due to arrive.
func (n *Network) lock() {
	n.mu.Lock()
	n.advance()
}

// advance delivers what is due. It reads the clock only if something is under way or may
// be delayed. mu is held.
func (n *Network) advance() {
	if n.system.timed() {
		n.system.Advance(sys.Now())
	}
}

// wait returns when c is signaled, at the time until, or at the next arrival at any
// socket. It may return without a reason. mu is held, and released during the wait.
func (n *Network) wait(c *sync.Cond, until int64) {
	until = min(until, n.system.NextArrival())
	if until != Never {
		t := time.AfterFunc(time.Duration(until-sys.Now()), func() {
			n.mu.Lock() // without it, the Broadcast could come before Wait has begun
			c.Broadcast()
			n.mu.Unlock()
		})
		defer t.Stop()
	}
	c.Wait()
	n.advance()
}

// LimitTransfer limits the number of bytes that one call of a port moves, 0 for no limit.
// The rest is ready at once, as if it had just arrived.
func (n *Network) LimitTransfer(bytes int) {
	n.lock()
	defer n.mu.Unlock()
	n.mostBytes = bytes
}

// SetDelay is System.SetDelay.
func (n *Network) SetDelay(d time.Duration) {
	n.change(func(s *System) { s.SetDelay(int64(d)) })
}

// SetRate is System.SetRate.
func (n *Network) SetRate(bytes int) { n.change(func(s *System) { s.SetRate(bytes) }) }

// LinkTo is System.LinkTo.
func (n *Network) LinkTo(at backend.Address, l Link) { n.change(func(s *System) { s.LinkTo(at, l) }) }

// LinkFrom is System.LinkFrom.
func (n *Network) LinkFrom(at backend.Address, l Link) {
	n.change(func(s *System) { s.LinkFrom(at, l) })
}

// change runs f, which may make cargoes arrive later from now on.
func (n *Network) change(f func(s *System)) {
	n.lock()
	defer n.mu.Unlock()
	f(&n.system)
	n.advance()
}

// Refuse is System.Refuse.
func (n *Network) Refuse(at backend.Address) {
	n.lock()
	defer n.mu.Unlock()
	n.system.Refuse(at)
}

// Ignore is System.Ignore.
func (n *Network) Ignore(at backend.Address) {
	n.lock()
	defer n.mu.Unlock()
	n.system.Ignore(at)
}

// Restore is System.Restore.
func (n *Network) Restore(at backend.Address) {
	n.lock()
	defer n.mu.Unlock()
	n.system.Restore(at)
}

// Lose is System.Lose.
func (n *Network) Lose(at backend.Address, times int) {
	n.change(func(s *System) { s.Lose(at, times) })
}

// Calls are the names of calls that Fail accepts.
var Calls = []string{"socket", "listen", "accept", "connect", "read", "write", "closewrite", "receive", "send"}

// Fail makes the next calls of ports with this name end with an errno. times is their
// number, negative for all. If times is 0, Fail removes all faults of this name.
func (n *Network) Fail(call string, errno backend.Errno, times int) {
	n.lock()
	defer n.mu.Unlock()
	if times != 0 {
		n.failures = append(n.failures, failure{call, Native(errno), times})
		return
	}
	left := n.failures[:0]
	for _, f := range n.failures {
		if f.call != call {
			left = append(left, f)
		}
	}
	n.failures = left
}

// fault returns the errno that was injected for this call, 0 for none. mu is held.
func (n *Network) fault(call string) backend.Errno {
	for i := range n.failures {
		f := &n.failures[i]
		if f.call != call {
			continue
		}
		errno := f.errno
		if f.times--; f.times == 0 {
			n.failures = append(n.failures[:i], n.failures[i+1:]...)
		}
		return errno
	}
	return 0
}

// Descriptors returns the number of descriptors that the ports of this network have open.
func (n *Network) Descriptors() int {
	n.lock()
	defer n.mu.Unlock()
	return n.system.Descriptors()
}
