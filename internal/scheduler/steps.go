package scheduler

import (
	"context"
	"sync"
)

// Steps decides which goroutine runs next, at every point where another one could
// interleave. A simulator uses it to make any schedule happen. The port of a program has
// none, and a point costs it a comparison.
type Steps interface {
	// Step is called where no lock is held that a lock-free access relies on: other
	// goroutines may run before it returns.
	Step()
	// Turn is Step where a goroutine begins to work on an event.
	Turn()
	// Lock locks mu, whose holder may be waiting in one of these methods.
	Lock(mu *sync.Mutex)
	// Sleep returns when awake reports true. awake does so at the latest when another
	// goroutine has done what the caller waits for.
	Sleep(awake func() bool)
}

// Lock locks the port.
func (s *Scheduler) Lock() {
	if s.steps != nil {
		s.steps.Lock(&s.mu)
		return
	}
	s.mu.Lock()
}

// Unlock unlocks the port, and then wakes the leader if the work under the lock is news
// for it: no system call is made under a lock.
func (s *Scheduler) Unlock() {
	wake, how := s.wakeAfter, s.how
	s.wakeAfter = false
	s.mu.Unlock()
	if wake {
		s.poller.Wake(how)
	}
}

// TryLock is sync.Mutex.TryLock.
func (s *Scheduler) TryLock() bool { return s.mu.TryLock() }

// UnlockQuietly unlocks the port and wakes nobody: the caller holds another lock, or has
// no news. A wake-up that is due is left to a later Unlock.
func (s *Scheduler) UnlockQuietly() { s.mu.Unlock() }

// sleep returns when w is in no list any more. The lock is released in between.
func (w *Waiter) sleep() {
	s := w.scheduler
	if s.steps != nil {
		s.Unlock()
		s.steps.Sleep(func() bool { return w.list == nil })
		s.Lock()
		return
	}
	w.wake.Wait()
}

// conditionLock is the lock that a condition releases while a goroutine sleeps: that of
// the port. Its Unlock also wakes the leader if there is news for it.
type conditionLock struct{ *Scheduler }

func (l conditionLock) Lock()   { l.mu.Lock() }
func (l conditionLock) Unlock() { l.Scheduler.Unlock() }

// AwaitChange returns when notifyChange was called. The lock is released in between, which
// wakes nobody.
func (s *Scheduler) AwaitChange() {
	if s.steps == nil {
		s.changed.Wait()
		return
	}
	seen := s.changes
	s.mu.Unlock()
	s.steps.Sleep(func() bool { return s.changes != seen })
	s.Lock()
}

// afterFunc is context.AfterFunc. A context of a simulator calls f itself, as
// one of its actors: context.AfterFunc would start a goroutine of its own.
func (s *Scheduler) afterFunc(ctx context.Context, f func()) (stop func() bool) {
	if c, ok := ctx.(interface{ AfterFunc(func()) func() bool }); ok && s.steps != nil {
		return c.AfterFunc(f)
	}
	return context.AfterFunc(ctx, f)
}
