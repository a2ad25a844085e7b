package scheduler

import (
	"context"
	"sync"
)

// Steps decides which goroutine goes on next, at every point where another one
// could get in between. It is how a simulator makes any schedule happen. A port
// of a program has none, and a point costs it a comparison.
type Steps interface {
	// Step is called where nothing is locked that a lock-free access relies on:
	// others may go on before it returns.
	Step()
	// Turn is Step where a goroutine begins to work on an event.
	Turn()
	// Lock locks mu, whose holder may be waiting in one of these methods.
	Lock(mu *sync.Mutex)
	// Sleep returns when awake reports true, which it does at the latest when
	// another goroutine has done what the caller waits for.
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

// Unlock unlocks the port, and then wakes the leader if what was done under the lock
// is news to it: no system call is made under a lock.
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

// UnlockQuietly unlocks the port and wakes nobody: the caller holds another lock. It
// calls for a wake-up that a later Unlock makes.
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

// conditionLock is what a condition releases while a goroutine sleeps: the lock of the
// port, and with it the leader if there is news for it.
type conditionLock struct{ *Scheduler }

func (l conditionLock) Lock()   { l.mu.Lock() }
func (l conditionLock) Unlock() { l.Scheduler.Unlock() }

// AwaitChange returns when Settled was called. The lock is released in between, and
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
