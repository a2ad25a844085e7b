package sim

import (
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/kqueue"
)

var _ backend.Poller = (*kqueuePoller)(nil)

// kqueuePoller is the unchanged poller of package kqueue, with checks of its arguments
// and results. Its steps are those of its queue.
type kqueuePoller struct {
	*kqueue.Poller
	queue *queue
}

// newKqueuePoller opens a queue, which belongs to the kernel from then on.
func newKqueuePoller(k *kernel, h habits) *kqueuePoller {
	k.queue = &queue{k: k, w: k.w, habits: h}
	p := &kqueuePoller{queue: k.queue}
	var err error
	if p.Poller, err = kqueue.New(p.queue); err != nil {
		k.w.fail("the poller can't be opened: %v", err)
	}
	return p
}

// tick is how many nanoseconds of the queue's clock are one unit of the world's clock. A
// wait is a whole number of microseconds.
const tick = 1000

// SetTimeout gets a time of the world's clock.
func (p *kqueuePoller) SetTimeout(until int64) {
	w := p.queue.w
	w.trace("sets the time-out to %d", until)
	w.pause()
	if until != backend.Never {
		until *= tick
	}
	p.Poller.SetTimeout(until)
}

// Wake waits for the poller's own lock in the world's way. Between the decision to wake
// and the call, others may have run and closed the poller.
func (p *kqueuePoller) Wake(how backend.Waiting) {
	w := p.queue.w
	if w.current == nil {
		return
	}
	w.trace("wakes the leader, %s", waitings[how])
	before := w.steps
	w.pause()
	if !p.CanWake() {
		w.Sleep(p.CanWake)
	}
	p.Poller.Wake(how)
	if w.steps > before+2 {
		w.fired[wakeUpInFlight]++
	}
}

func (p *kqueuePoller) Wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	k, w := p.queue.k, p.queue.w
	w.tracePoint(waitings[how])
	if k.sleepers++; k.sleepers > 1 {
		w.fail("two leaders in the poller")
	}
	k.looking = how == backend.Look
	w.turned()
	n, timedOut = p.Poller.Wait(how, events)
	k.looking = false
	k.sleepers--
	w.mix(uint64(n))
	w.trace("the wait brings %d events, timed out: %v", n, timedOut)
	return n, timedOut
}

// Close waits for the poller's own lock in the world's way.
func (p *kqueuePoller) Close() error {
	w := p.queue.w
	w.trace("closes the poller")
	w.checkCallbacks()
	if !p.CanClose() {
		w.Sleep(p.CanClose)
	}
	return p.Poller.Close()
}
