package porttest

import (
	"sync"
	"sync/atomic"
	"time"
)

// patience is for how long nothing may happen in a case before it is taken for
// hung. It is no part of any check.
const patience = 2 * time.Minute

// progress is what a watchdog compares: if it has changed, the case gets on.
type progress struct{ waits, completed uint64 }

// watchdog ends a case that is stuck: one in which nothing has changed at so many
// looks in a row as make up its patience. However slow a machine is, a case that
// gets on is left alone. One that completes operations for ever is for package
// testing to end.
type watchdog struct {
	look  func() progress
	stuck func()

	mu      sync.Mutex
	timer   *time.Timer
	last    progress
	quiet   int // looks in a row
	stopped bool
}

const looks = 8

func watch(look func() progress, stuck func()) *watchdog {
	w := &watchdog{look: look, stuck: stuck, last: look()}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(patience/looks, w.check)
	return w
}

func (w *watchdog) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	now := w.look()
	if w.quiet++; now != w.last {
		w.last, w.quiet = now, 0
	}
	if w.quiet == looks {
		w.stuck()
		return
	}
	w.timer.Reset(patience / looks)
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
}

// wait is begun by a case before a loop that completes operations of its own until
// something else happens. They are no progress, or the watchdog would never see
// that it does not happen. The end of the wait is progress again.
func (e *env) wait() (end func()) {
	e.waits.Add(1)
	return func() { e.waits.Add(1) }
}

// waits counts the beginnings and the ends: it is odd within one.
type waits struct{ atomic.Uint64 }

// progress is called by the watchdog.
func (e *env) progress() progress {
	p := progress{waits: e.waits.Load()}
	if p.waits%2 != 0 {
		return p
	}
	e.portsLock.Lock()
	defer e.portsLock.Unlock()
	for _, port := range e.ports {
		p.completed += port.Stats().Completed
	}
	return p
}
