package core

import "context"

// registration is a callback that a context will make when it ends. A waiter
// keeps the one it has, so that waiting again with the same context costs
// nothing.
type registration struct {
	waiter *waiter
	done   <-chan struct{} // of the context; two contexts with one channel end together
	stop   func() bool
	// ran and awaited are guarded by Port.mu. A callback that could not be
	// stopped any more is awaited by Close.
	ran, awaited bool
}

// keptWaiters bounds the search for a record that heeds the right context.
const keptWaiters = 8

// heeded is a context with its channel. It is asked for both before a lock is taken:
// its methods are code of others, which may panic.
type heeded struct {
	context.Context
	done <-chan struct{}
}

func heed(ctx context.Context) heeded { return heeded{ctx, ctx.Done()} }

// heedNone is a context that never ends.
var heedNone = heed(context.Background())

// isOver tells whether the context has ended, which the background can't. No lock is
// held.
func (c heeded) isOver() bool { return c.done != nil && c.Err() != nil }

// enlist takes a waiter record that heeds ctx. mu is held on entry and on
// return; it is released in between if the record has to change its context,
// since that runs code of others.
func (p *Port) enlist(ctx heeded, want want) (w *waiter, released bool) {
	done := ctx.done
	w = p.takeWaiter(done)
	w.want, w.finished, w.ended, w.heeds = want, false, false, done != nil
	if done == nil || w.registered != nil && w.registered.done == done {
		return w, false
	}
	old := w.registered
	r := &registration{waiter: w, done: done}
	w.registered = r
	p.unlock()
	stopped := old == nil || old.stop()
	r.stop = p.afterFunc(ctx.Context, r.contextEnded)
	p.lock()
	if !stopped {
		p.expectCallback(old)
	}
	return w, true
}

// takeWaiter returns a free record, if possible one that heeds done already.
func (p *Port) takeWaiter(done <-chan struct{}) *waiter {
	at := &p.freeWaiters
	for i, link := 0, at; done != nil && *link != nil && i < keptWaiters; i++ {
		if r := (*link).registered; r != nil && r.done == done {
			at = link
			break
		}
		link = &(*link).next
	}
	if w := *at; w != nil {
		*at, w.next = w.next, nil
		return w
	}
	w := &waiter{port: p, number: int32(len(p.waiters))}
	w.wake.L = portLock{p}
	p.waiters = append(p.waiters, w)
	return w
}

// dismiss puts a record back. Once the port is closed it keeps no context. mu
// is held on entry and on return, and may be released in between.
func (p *Port) dismiss(w *waiter) {
	w.heeds, w.ticket = false, Ticket{}
	w.next, p.freeWaiters = p.freeWaiters, w
	if p.closed {
		p.stopContexts()
	}
}

// contextEnded is called by the context, on a goroutine of its own.
func (r *registration) contextEnded() {
	w := r.waiter
	p := w.port
	p.lock()
	r.ran = true
	var ticket Ticket
	if w.registered == r { // else the record serves another context by now
		w.registered = nil
		if w.heeds {
			w.ended = true
			ticket = w.ticket
			if w.want != oneOp { // its operation is cancelled instead
				p.rouse(w)
			}
		}
	}
	if r.awaited {
		p.callbacks--
		p.somethingSettled()
	}
	p.unlock()
	p.record(ticket, toCancel)
}

// expectCallback notes that a callback could not be stopped and may still be
// on its way. mu is held.
func (p *Port) expectCallback(r *registration) {
	if !r.ran {
		r.awaited = true
		p.callbacks++
	}
}

// stopContexts lets go of the contexts that free records keep. mu is held on
// entry and on return, and released in between.
func (p *Port) stopContexts() {
	var regs []*registration
	for w := p.freeWaiters; w != nil; w = w.next {
		if w.registered != nil {
			regs = append(regs, w.registered)
			w.registered = nil
		}
	}
	if regs == nil {
		return
	}
	p.unlock()
	var late []*registration
	for _, r := range regs {
		if !r.stop() {
			late = append(late, r)
		}
	}
	p.lock()
	for _, r := range late {
		p.expectCallback(r)
	}
}
