package scheduler

import (
	"flag"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

var (
	schedules = flag.Uint64("schedules", 3000, "how many schedules TestSchedules runs")
	oneSeed   = flag.Uint64("seed", 0, "run the schedule of this seed alone")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSchedules: in whatever order goroutines run, none sleeps while there is something
// for it, one polls at a time, and all come to an end.
func TestSchedules(t *testing.T) {
	if *oneSeed != 0 {
		if failure := trySeed(*oneSeed); failure != "" {
			t.Fatal(failure)
		}
		return
	}
	var next atomic.Uint64
	var failed atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for seed := next.Add(1); seed <= *schedules && !failed.Load(); seed = next.Add(1) {
				if failure := trySeed(seed); failure != "" {
					failed.Store(true)
					t.Errorf("-seed %d: %s", seed, failure)
				}
			}
		})
	}
	wg.Wait()
}

func trySeed(seed uint64) (failure string) {
	w := newWorld(seed)
	w.play()
	w.end()
	return w.failure
}

// play runs a world: goroutines wait, things happen, and at the end the port closes.
func (w *world) play() {
	for range 1 + w.random.IntN(3) {
		w.startDequeuer()
	}
	for range w.random.IntN(4) {
		w.startAwaiter()
	}
	for range 3 + w.random.IntN(12) {
		w.happen()
		if w.random.IntN(3) == 0 { // else several things at once
			w.run()
			w.check()
		}
	}
	w.run()
	w.check()
	w.close()
}

// startDequeuer adds a goroutine that takes items until it is told to leave.
func (w *world) startDequeuer() {
	ctx := w.newContext()
	patience, room := w.random.IntN(8), 1+w.random.IntN(3)
	if w.random.IntN(3) == 0 {
		w.start("a clock of a context", func() { w.pause(); w.pause(); ctx.end() })
	}
	w.start("a dequeuer", func() {
		for range 1 + patience {
			c := ContextOf(ctx)
			if c.IsOver() {
				return
			}
			s := &w.scheduler
			s.Lock()
			w.enter(ctx)
			s.AwaitItems(c, room)
			w.leave(ctx)
			taken := min(w.items, room)
			if taken == 0 && !ctx.over && !(s.closed && w.inFlight == 0) {
				w.fail("AwaitItems returns without an item")
			}
			for range taken {
				w.items--
				s.ItemTaken()
			}
			w.dequeued += taken
			s.ItemsChanged()
			s.Unlock()
			w.pause() // its body
		}
	})
}

// startAwaiter adds a goroutine that starts operations and waits for each.
func (w *world) startAwaiter() {
	ctx := w.newContext()
	if w.random.IntN(3) == 0 {
		w.start("a clock of a context", func() { w.pause(); w.pause(); w.pause(); ctx.end() })
	}
	times := 1 + w.random.IntN(4)
	w.start("an awaiter", func() {
		for range times {
			w.awaitOne(ctx)
		}
	})
}

func (w *world) awaitOne(ctx *simContext) {
	s := &w.scheduler
	if ContextOf(ctx).IsOver() {
		return
	}
	s.Lock()
	op := 0
	if !s.refusing {
		op = w.submit()
		w.awaited[op] = -1
	}
	s.Unlock()
	w.pause()
	s.Lock()
	if op == 0 || w.ended[op] {
		s.Unlock()
		return
	}
	w.waitFor(op, ctx)
	s.Unlock()
}

// waitFor waits for an operation that has not ended, as the engine does. The lock is
// held.
func (w *world) waitFor(op int, ctx *simContext) {
	s := &w.scheduler
	waiter, released := s.Enlist(ContextOf(ctx), OneEnd)
	if !released || !w.ended[op] {
		w.awaited[op] = waiter.Number()
		if waiter.ContextOver() {
			w.ContextEnded(int(waiter.Number()))
		}
		w.enter(ctx)
		s.Wait(waiter)
		w.leave(ctx)
		if !w.ended[op] {
			w.fail("Wait returns before the operation has ended")
		}
		w.awaited[op] = -1
	}
	s.Dismiss(waiter)
}

// enter and leave count the goroutines in a call that waits.
func (w *world) enter(ctx *simContext) {
	w.waiting++
	ctx.waiting++
	w.contexts[ctx] = true
}

func (w *world) leave(ctx *simContext) {
	w.waiting--
	ctx.waiting--
}

// submit starts an operation, whose event comes at once, later, or with the close.
func (w *world) submit() (op int) {
	w.next++
	w.inFlight++
	if w.random.IntN(2) == 0 {
		w.events = append(w.events, w.next)
	}
	return w.next
}

// happen makes one random event happen.
func (w *world) happen() {
	s := &w.scheduler
	switch w.random.IntN(8) {
	case 0: // a post
		w.start("a poster", func() { s.Lock(); w.publishItem(); s.Unlock() })
	case 1: // something is ready, and no event comes for it
		w.start("a canceller", func() { s.Lock(); w.ready++; s.WakeLeader(); s.Unlock() })
	case 2: // a deadline
		w.start("a submitter of a timer", func() {
			s.Lock()
			at := w.now + int64(w.random.IntN(4))
			w.due = append(w.due, at)
			s.DeadlineSet(at)
			s.Unlock()
		})
	case 3: // an operation ends elsewhere
		w.start("one that ends an operation", func() { s.Lock(); w.finish(w.unended()); s.Unlock() })
	case 4: // an operation for the queue, which ends by an event
		w.start("a submitter", func() { s.Lock(); w.submit(); s.Unlock() })
	case 5: // an event of nothing, or of an operation that waits for one
		w.events = append(w.events, w.unended())
	case 6:
		w.now += int64(w.random.IntN(5))
	case 7:
		w.startAwaiter()
	}
}

// unended returns an operation that has not ended, 0 if there is none.
func (w *world) unended() int {
	for op := 1; op <= w.next; op++ {
		if !w.ended[op] {
			return op
		}
	}
	return 0
}

// check is called when no goroutine can run: none may sleep while there is something for
// it.
func (w *world) check() {
	s := &w.scheduler
	if w.failure != "" {
		return
	}
	if w.waiting == 0 {
		return
	}
	switch {
	case w.items > 0 && (s.dequeuers.count > 0 || s.leader != nil && s.leader.want == Item):
		w.fail("%d items lie in the queue and a dequeuer sleeps", w.items)
	case w.ready > 0:
		w.fail("something is ready and all sleep")
	case len(w.events) > 0:
		w.fail("events are there and all sleep")
	case w.Deadline() <= w.now:
		w.fail("something is due and all sleep")
	case s.leader == nil || !w.polling:
		w.fail("%d wait and nobody polls", w.waiting)
	case s.standby != nil:
		w.fail("the one that stands by sleeps")
	}
	for ctx := range w.contexts {
		if ctx.over && ctx.waiting > 0 {
			w.fail("a context is over and its waiter sleeps")
		}
	}
	for op, number := range w.awaited {
		if number >= 0 && w.ended[op] {
			w.fail("operation %d has ended and its waiter sleeps", op)
		}
	}
}

// close closes the port as the engine does, while all still wait.
func (w *world) close() {
	s := &w.scheduler
	shutdown := w.random.IntN(2) == 0
	w.start("a closer", func() {
		if shutdown {
			w.drain()
		}
		s.Lock()
		s.Close()
		s.Unlock()
		for op := w.unended(); op != 0; op = w.unended() {
			s.Lock()
			w.finish(op)
			s.Unlock()
		}
		s.Lock()
		s.ReleaseContexts()
		for w.inFlight > 0 || s.Busy() {
			s.AwaitChange()
		}
		if w.polling || w.serving > 0 || w.called > 0 {
			w.fail("closed while somebody polls, %d work, or %d callbacks run", w.serving, w.called)
		}
		s.WakeAll()
		s.Unlock()
	})
	w.run()
	for _, a := range w.actors {
		if !a.done {
			w.fail("%s has not come to its end", a.name)
		}
	}
}

// drain is a Shutdown: everything ends while it waits.
func (w *world) drain() {
	s := &w.scheduler
	s.Lock()
	s.Refuse()
	s.Unlock()
	w.start("what is left", func() {
		for op := w.unended(); op != 0; op = w.unended() {
			s.Lock()
			if w.random.IntN(2) == 0 {
				w.events = append(w.events, op)
			}
			w.finish(op)
			s.Unlock()
		}
	})
	s.Lock()
	waiter, _ := s.Enlist(Forever, AllEnds)
	w.waiting++
	s.Wait(waiter)
	w.waiting--
	s.Dismiss(waiter)
	s.Unlock()
	if w.inFlight > 0 {
		w.fail("Shutdown returns with %d in flight", w.inFlight)
	}
}
