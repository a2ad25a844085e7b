package core

import "runtime"

// unknownTimeout says that the poller's time-out has passed or was cut short:
// it must be set before the next wait, whatever it is.
const unknownTimeout = Never + 1

// poll is the leader's work: wait for readiness or the next deadline, perform
// what has become possible, and end what the clock ends. Without block it
// takes one look. w has the lead; mu is held on entry and on return.
//
// A wake-up is never lost. Whoever has news publishes it under mu and then, if
// parked is set, wakes the poller. The leader sets the time-out first, looks
// at everything under mu, and sets parked in the same hold of the lock: news
// from before are seen by the look, news from after find parked set and the
// time-out in place. A wake-up that comes late ends the next wait early, which
// only costs a look.
func (p *Port) poll(w *waiter, block bool) {
	if block && !p.setTimeout(w) {
		return // there is news already
	}
	if p.closed {
		return
	}
	p.polls++
	p.polling, p.taken = true, 0
	p.until, p.how = 0, Look
	if block && len(p.ready) == 0 {
		p.until, p.how = p.nextTimer(), Park
		if w.want == anItem {
			p.how = p.loopWait
		}
		p.parked = p.spin == 0
	}
	how := p.how
	p.attention.Store(false)
	p.unlock()

	n := p.sleep(w, how)

	p.lock()
	p.parked = false
	ready := p.takeReady()
	if len(p.timers) > 0 {
		p.overdue = p.expired(p.kernel.Now())
	}
	overdue := p.overdue
	p.unlock()

	p.perform(p.events[:n], ready, overdue)

	p.lock()
	clear(ready)
	p.overdue = p.overdue[:0]
	p.polling = false
	p.settled()
}

// sleep waits for events in the way that poll has chosen. No lock is held.
func (p *Port) sleep(w *waiter, how Waiting) (n int) {
	slept := how != Look && p.observe != nil
	if slept {
		p.tell(Trace{Step: StepAsleep, FD: -1})
	}
	if how != Look && p.spin > 0 {
		n, how = p.look(w, how)
	}
	if n == 0 {
		var timedOut bool
		if n, timedOut = p.poller.Wait(how, p.events); timedOut {
			p.timeout = unknownTimeout
		}
	}
	if slept {
		p.tell(Trace{Step: StepAwake, FD: -1, N: int64(n)})
	}
	return n
}

// setTimeout tells the poller how long it may wait. One that ends earlier than
// needed is left alone: it costs a look, setting it anew costs the same each
// time. Setting it needs the lock released; if that let news in, setTimeout
// reports false. mu is held on entry and on return.
func (p *Port) setTimeout(w *waiter) bool {
	until := p.nextTimer()
	if p.timeout <= until || len(p.ready) > 0 {
		return true
	}
	p.unlock()
	p.poller.SetTimeout(until)
	p.lock()
	p.timeout = until
	return !p.satisfied(w) && p.nextTimer() >= until
}

// look spins: it polls without waiting until there is an event, news, or the
// spin time is over. It returns how the leader should wait for events after
// that. No lock is held.
func (p *Port) look(w *waiter, how Waiting) (int, Waiting) {
	for end := p.kernel.Now() + p.spin; ; {
		n, _ := p.poller.Wait(Look, p.events)
		if n > 0 || p.attention.Load() {
			return n, Look
		}
		if now := p.kernel.Now(); now >= end {
			break
		}
		runtime.Gosched()
	}
	// The same look as in poll: news since then must not be slept on.
	p.lock()
	defer p.unlock()
	if p.satisfied(w) || p.attention.Load() {
		return 0, Look
	}
	p.parked = true
	return 0, how
}

// takeReady takes over the ready list. mu is held.
func (p *Port) takeReady() []readyDirection {
	ready := p.ready
	p.ready, p.readyTaken = p.readyTaken[:0], ready
	return ready
}

// perform works off one poll. No lock is held.
func (p *Port) perform(events []Event, ready []readyDirection, overdue []expiry) {
	for _, e := range events {
		p.edge(e)
	}
	for _, r := range ready {
		p.resume(r)
	}
	for _, e := range overdue {
		i := toExpire
		if e.fires {
			i = toFire
		}
		p.record(e.ticket, i)
	}
}
