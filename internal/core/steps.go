package core

import (
	"context"
	"sync"

	"github.com/completionport/completion/internal/backend"
)

// Steps decides which goroutine goes on next, at every point where another one
// could get in between. It is how a simulator makes any schedule happen; a port
// of a program has none, and a point costs it a comparison.
type Steps interface {
	// Step is called where nothing is locked that a lock-free access relies on:
	// others may go on before it returns.
	Step()
	// Turn is Step where the leader begins to work on an event.
	Turn()
	// Lock locks mu, whose holder may be waiting in one of these methods.
	Lock(mu *sync.Mutex)
	// Sleep returns when awake reports true, which it does at the latest when
	// another goroutine has done what the caller waits for.
	Sleep(awake func() bool)
}

// step lets others go on.
func (p *Port) step() {
	if p.steps != nil {
		p.steps.Step()
	}
}

// turn is step where the leader begins to work on an event.
func (p *Port) turn() {
	if p.steps != nil {
		p.steps.Turn()
	}
}

// lock locks the port.
func (p *Port) lock() {
	if p.steps != nil {
		p.steps.Lock(&p.mu)
		return
	}
	p.mu.Lock()
}

// lock locks the handle.
func (h *Handle) lock() {
	if h.port != nil && h.port.steps != nil {
		h.port.steps.Lock(&h.mu)
		return
	}
	h.mu.Lock()
}

// lock locks the pool.
func (p *Pool) lock() {
	if p.port.steps != nil {
		p.port.steps.Lock(&p.mu)
		return
	}
	p.mu.Lock()
}

// sleep is a waiter's sleep, until it is unlisted. mu is held on entry and on
// return, and released in between.
func (w *waiter) sleep() {
	p := w.port
	if p.steps != nil {
		p.unlock()
		p.steps.Sleep(func() bool { return w.list == nil })
		p.lock()
		return
	}
	w.wake.Wait()
}

// portLock is what a waiter's condition lets go of while it sleeps: the port's
// lock, and with it the leader if there is news for it.
type portLock struct{ port *Port }

func (l portLock) Lock()   { l.port.mu.Lock() }
func (l portLock) Unlock() { l.port.unlock() }

// awaitSettled returns when something that Close waits for has ended. mu is
// held on entry and on return.
func (p *Port) awaitSettled() {
	if p.steps == nil {
		p.settling.Wait()
		return
	}
	seen := p.settlings
	p.mu.Unlock()
	p.steps.Sleep(func() bool { return p.settlings != seen })
	p.lock()
}

// somethingSettled makes Close look again. mu is held.
func (p *Port) somethingSettled() {
	p.settlings++
	p.settling.Broadcast()
}

// afterFunc is context.AfterFunc. A context of a simulator calls f itself, as
// one of its actors: context.AfterFunc would start a goroutine of its own.
func (p *Port) afterFunc(ctx context.Context, f func()) (stop func() bool) {
	if c, ok := ctx.(interface{ AfterFunc(func()) func() bool }); ok && p.steps != nil {
		return c.AfterFunc(f)
	}
	return context.AfterFunc(ctx, f)
}

// Stage says where an operation is in its life, to a simulator.
type Stage uint8

const (
	StageOutside  Stage = iota // the caller's
	StageAccepted              // not yet in its handle's queue
	StageQueued                // in it, or a timer waiting
	StageCalling               // inside a system call
	StageFinished              // it has its outcome and was not handed out
)

// StageOf returns the stage of an operation. It changes nothing.
func StageOf(r *Record) Stage {
	s := r.slot.Load()
	switch s {
	case nil, &waited:
		return StageOutside
	case &inQueue, &inQueueAgain, &unwaited, &passing:
		return StageFinished
	}
	switch h := s.handle.Load(); {
	case !inFlight(s.use.Load()):
		return StageFinished
	case s.progress&begun == 0:
		return StageAccepted
	case s.kind != backend.Timer && h.isCalling(s):
		return StageCalling
	}
	return StageQueued
}
