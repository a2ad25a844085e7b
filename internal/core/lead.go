package core

import (
	"runtime"

	"github.com/completionport/completion/internal/backend"
)

// unknownTimeout says that the poller's time-out has passed or was cut short:
// it must be set before the next wait, whatever it is.
const unknownTimeout = backend.Never + 1

// readyPerTurn is how many directions of the ready list one turn of the leader runs,
// and timePerTurn after how many nanoseconds it ends early. What is left has its turn
// behind the next event.
const (
	readyPerTurn = 16
	timePerTurn  = 250_000
)

// lead is one step of the leader's work: perform what is known to be possible,
// one event at a time, or else wait for more. w has the lead; mu is held on
// entry and on return.
//
// One event at a time, because what follows from it mostly concerns the same
// connection: the reply is written while the socket is still in the caches.
func (p *Port) lead(w *waiter) {
	if p.ready.count > 0 {
		// One turn, and on to the events: a direction that has more than its turn
		// allows is on the list again.
		p.work(0)
		switch {
		case p.closed:
			return
		case p.satisfied(w) && len(p.seen) == 0:
			// The next leader may be satisfied in the same way, and the one after it.
			if p.lookIsDueAfterTurn() {
				p.poll(w, false)
			}
			return
		}
	}
	switch {
	case len(p.seen) > 0:
		before := p.roused
		p.serveNext()
		if p.roused != before && len(p.seen) > 0 && !p.satisfied(w) {
			p.stepAside(w)
		}
	case p.standby != nil: // it is about to look
		p.leader = nil
		p.park(w)
	default:
		p.poll(w, true)
	}
}

// stepAside lets a waiter that was served go first, while its connection is
// still in the caches: if it comes back to wait, it takes the lead and the next
// event, and so on through all of them. Each of them may also stay away and
// work, so one who stepped aside stands by: it does not sleep, and takes the
// lead when it gets its turn and nobody has it. w has the lead, mu is held on
// entry and on return.
func (p *Port) stepAside(w *waiter) {
	p.leader = nil
	if p.standby != nil {
		p.park(w)
		return
	}
	p.standby = w
	p.unlock()
	if p.steps != nil {
		p.steps.Step()
	} else {
		runtime.Gosched()
	}
	p.lock()
	p.standby = nil
}

// round performs what is possible now, I/O and deadlines, without waiting: all of
// it, or as much as one turn allows. w has the lead; mu is held on entry and on
// return.
func (p *Port) round(w *waiter) {
	if len(p.seen) == 0 && p.handles > 0 { // without, nothing can have become ready
		p.poll(w, false)
	}
	now := p.kernel.Now()
	for end := now + timePerTurn; len(p.seen) > 0 && !p.closed && now < end; now = p.kernel.Now() {
		p.serveNext()
	}
	if !p.closed {
		p.work(now)
	}
	p.pace.restart(p.kernel.Now())
}

// serveNext works on the first of the events seen. It is called by the leader;
// mu is held on entry and on return.
func (p *Port) serveNext() {
	e := p.seen[0]
	p.seen = p.seen[1:]
	p.polling = true
	p.pace.restart(0)
	p.unlock()
	var after aftermath
	p.edge(e, &after)
	if p.observe != nil {
		p.tellFinished(&after.finished)
	}
	p.lock()
	p.polling = false
	p.finishAll(&after)
	if p.timers.count > 0 && !p.closed {
		p.expireBetweenEvents()
	}
}

// expireBetweenEvents ends what is overdue once all events of a poll have been
// worked on: what has arrived in time is not overdue because it is looked at late.
// When the events, and the loop bodies between them, take long, it does not wait
// for the last of them. mu is held on entry and on return.
func (p *Port) expireBetweenEvents() {
	now := p.kernel.Now()
	if p.polled == 0 { // then nothing had a deadline
		p.polled = now
	}
	if p.timers.next() <= now && (len(p.seen) == 0 || now-p.polled >= timeBetweenLooks) {
		p.work(now)
	}
}

// work performs what is on the ready list, and what is overdue at the time now, as
// far as one turn allows; a direction that is listed meanwhile waits for the next.
// It is called by the leader; mu is held on entry and on return.
func (p *Port) work(now int64) {
	p.polling = true
	overdue := p.expired(now)
	if p.ready.count > 0 {
		p.runReady()
	}
	p.unlock()
	for _, e := range overdue {
		p.record(e.ticket, e.intent())
	}
	p.lock()
	p.overdue = overdue[:0]
	p.polling = false
	p.settled()
}

// runReady runs the directions that are on the ready list, as far as one turn
// allows. mu is held on entry and on return.
func (p *Port) runReady() {
	now := p.kernel.Now()
	end := now + timePerTurn
	for n := min(p.ready.count, readyPerTurn); n > 0 && now < end; n-- {
		r := p.ready.pop()
		p.unlock()
		p.resume(r)
		now = p.kernel.Now()
		p.lock()
	}
}

// poll waits for readiness or the next deadline, and notes what it saw. Without
// block it takes one look. w has the lead, and all events that were seen before
// have been worked on; mu is held on entry and on return.
//
// A wake-up is never lost. Whoever has news publishes it under mu and then, if
// parked is set, wakes the poller. The leader sets the time-out first, looks
// at everything under mu, and sets parked in the same hold of the lock: news
// from before are seen by the look, news from after find parked set and the
// time-out in place. A wake-up that comes late ends the next wait early, which
// only costs a look.
func (p *Port) poll(w *waiter, block bool) {
	if block && p.timers.count > 0 && p.timers.next() <= p.kernel.Now() {
		block = false // more is overdue than one turn of the leader ends
	}
	if block && !p.setTimeout(w) {
		return // there is news already
	}
	if p.closed {
		return
	}
	p.polls++
	p.polling = true
	p.pace.restart(0)
	p.until, p.how = 0, backend.Look
	if block && p.ready.count == 0 {
		p.until, p.how = p.timers.next(), backend.Park
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
	p.parked, p.polling = false, false
	p.seen = p.events[:n]
	p.settled()
	p.polled = 0
	if p.timers.count == 0 || p.closed {
		return
	}
	p.polled = p.kernel.Now()
	if n == 0 && p.timers.next() <= p.polled {
		p.work(p.polled)
	}
}

// sleep waits for events in the way that poll has chosen. No lock is held.
func (p *Port) sleep(w *waiter, how backend.Waiting) (n int) {
	slept := how != backend.Look && p.observe != nil
	if slept {
		p.tell(Trace{Step: StepAsleep, FD: -1})
	}
	if how != backend.Look && p.spin > 0 {
		n, how = p.look(w, how)
	}
	if n == 0 {
		var timedOut bool
		if n, timedOut = p.poller.Wait(how, p.events, p.serve); timedOut {
			p.timeout = unknownTimeout
		}
	}
	if slept {
		p.tell(Trace{Step: StepAwake, FD: -1, N: int64(n)})
	}
	return n
}

// serveAsleep performs a single event while the leader is in the poller, and
// tells how many are left for it and whether it goes on waiting there: then the
// poller need not look again before it sleeps. That is how a leader serves
// others that await. It keeps to the protocol of poll. No lock is held.
func (p *Port) serveAsleep(n int) (left int, again bool) {
	if n != 1 || p.spin > 0 || p.observe != nil {
		return n, false
	}
	p.lock()
	p.parked = false
	p.unlock()
	var after aftermath
	p.edge(p.events[0], &after)
	p.lock()
	defer p.unlock()
	p.finishAll(&after)
	if p.closed || p.satisfied(p.leader) || p.ready.count > 0 || p.timers.next() < p.timeout {
		return 0, false
	}
	if p.timers.count > 0 && p.timers.next() <= p.kernel.Now() {
		// The poller would look at its time-out only when it finds no event.
		return 0, false
	}
	p.polls++
	p.until = p.timers.next()
	p.parked = true
	return 0, true
}

// setTimeout tells the poller how long it may wait. One that ends earlier than
// needed is left alone: it costs a look, setting it anew costs the same each
// time. Setting it needs the lock released; if that let news in, setTimeout
// reports false. mu is held on entry and on return.
func (p *Port) setTimeout(w *waiter) bool {
	until := p.timers.next()
	if p.timeout <= until || p.ready.count > 0 {
		return true
	}
	p.unlock()
	p.poller.SetTimeout(until)
	p.lock()
	p.timeout = until
	return !p.satisfied(w) && p.timers.next() >= until
}

// look spins: it polls without waiting until there is an event, news, or the
// spin time is over. It returns how the leader should wait for events after
// that. An operation that is due before the end of the spin time ends it: until is
// the leader's for as long as it is in the poller, and an earlier one is news. No
// lock is held.
func (p *Port) look(w *waiter, how backend.Waiting) (int, backend.Waiting) {
	for end := min(p.kernel.Now()+p.spin, p.until); ; {
		n, _ := p.poller.Wait(backend.Look, p.events, nil)
		if n > 0 || p.attention.Load() {
			return n, backend.Look
		}
		if now := p.kernel.Now(); now >= end {
			break
		}
		runtime.Gosched()
	}
	// The same look as in poll: news since then must not be slept on.
	p.lock()
	defer p.unlock()
	if p.satisfied(w) || p.attention.Load() || p.until <= p.kernel.Now() {
		return 0, backend.Look
	}
	p.parked = true
	return 0, how
}
