package scheduler

import "context"

// registration is a callback that a context makes when it ends. A waiter keeps its
// registration, so that waiting again with the same context costs nothing.
type registration struct {
	waiter *Waiter
	done   <-chan struct{} // of the context; two contexts with one channel end together
	stop   func() bool
	// ran and awaited are guarded by the lock. Close waits for a callback that could
	// not be stopped any more.
	ran, awaited bool
}

// keptWaiters limits the search for a record that is registered with the right context.
const keptWaiters = 8

// Context is a context with its channel. The channel is read before the lock is taken:
// the methods of a context are code of the program, which may panic.
type Context struct {
	context.Context
	done <-chan struct{}
}

// ContextOf returns ctx with its channel. The lock is not held.
func ContextOf(ctx context.Context) Context { return Context{ctx, ctx.Done()} }

// Forever is a context that never ends.
var Forever = ContextOf(context.Background())

// IsOver reports whether the context has ended. The lock is not held.
func (c Context) IsOver() bool { return c.done != nil && c.Err() != nil }

// Enlist returns a waiter record that is registered with ctx. The lock is released in
// between if the record must change its context, since that runs code of the program.
func (s *Scheduler) Enlist(ctx Context, want Want) (w *Waiter, released bool) {
	done := ctx.done
	w = s.takeWaiter(done)
	w.want, w.ended, w.over, w.hasContext = want, false, false, done != nil
	if done == nil || w.registered != nil && w.registered.done == done {
		return w, false
	}
	old := w.registered
	r := &registration{waiter: w, done: done}
	w.registered = r
	s.Unlock()
	stopped := old == nil || old.stop()
	r.stop = s.afterFunc(ctx.Context, r.contextEnded)
	s.Lock()
	if !stopped {
		s.expectCallback(old)
	}
	return w, true
}

// takeWaiter returns a free record, if possible one that is registered with the context
// of done.
func (s *Scheduler) takeWaiter(done <-chan struct{}) *Waiter {
	at := &s.free
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
	w := &Waiter{scheduler: s, number: int32(len(s.waiters))}
	w.wake.L = conditionLock{s}
	s.waiters = append(s.waiters, w)
	return w
}

// Dismiss frees a record. Once the port is closed, free records keep no context. The lock
// may be released in between.
func (s *Scheduler) Dismiss(w *Waiter) {
	w.hasContext = false
	w.next, s.free = s.free, w
	if s.closed {
		s.ReleaseContexts()
	}
}

// contextEnded is called by the context, on a goroutine of its own.
func (r *registration) contextEnded() {
	w := r.waiter
	s := w.scheduler
	s.Lock()
	r.ran = true
	if w.registered == r { // else the record serves another context by now
		w.registered = nil
		if w.hasContext {
			w.over = true
			if w.want == OneEnd {
				s.work.ContextEnded(int(w.number))
			} else {
				s.wakeWaiter(w)
			}
		}
	}
	if r.awaited {
		s.callbacks--
		s.notifyChange()
	}
	s.Unlock()
}

// expectCallback makes Close wait for a callback that could not be stopped, unless it has
// run.
func (s *Scheduler) expectCallback(r *registration) {
	if !r.ran {
		r.awaited = true
		s.callbacks++
	}
}

// ReleaseContexts stops the callbacks of the contexts that free records keep. The lock
// is released in between.
func (s *Scheduler) ReleaseContexts() {
	var kept []*registration
	for w := s.free; w != nil; w = w.next {
		if w.registered != nil {
			kept = append(kept, w.registered)
			w.registered = nil
		}
	}
	if kept == nil {
		return
	}
	s.Unlock()
	var late []*registration
	for _, r := range kept {
		if !r.stop() {
			late = append(late, r)
		}
	}
	s.Lock()
	for _, r := range late {
		s.expectCallback(r)
	}
}
