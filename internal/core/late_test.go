package core

import (
	"context"
	"runtime"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// SetDeadline may come between the turn that found an operation due and the moment at
// which that is recorded. It has returned true, so the old deadline must not count.
func TestDeadlineMovedInTheTurn(t *testing.T) {
	for name, deadline := range map[string]int64{"later": 1000, "none": 0} {
		k, p, h := newScript(t)
		read := newOperation(backend.Read, h, 1)
		read.deadline = 10
		p.Submit([]Operation{read}, false)
		k.now = 20
		st := p.lock()
		due, _ := st.timers.expired(k.now, &st.unheard.slot)
		st.unlock()
		if len(due) != 1 || !p.SetDeadline(read, deadline) {
			t.Fatalf("%s: %d operations are due, or the deadline was not set", name, len(due))
		}
		if p.record(due[0].ticket, due[0].intent()) || p.Stats().InFlight != 1 {
			t.Errorf("%s: the read has timed out", name)
		}
	}
}

// The same for a timer, and the port closes in between. It looks for timers in the heap,
// where this one is not, and must not wait for it.
func TestDeadlineMovedInTheLastTurn(t *testing.T) {
	k, p, _ := newScript(t)
	timer := newOperation(backend.Timer, nil, 0)
	timer.due, timer.deadline = 1000, 10
	p.Submit([]Operation{timer}, false)
	k.now = 20
	st := p.lock()
	due, _ := st.timers.expired(k.now, &st.unheard.slot)
	st.unlock()
	p.endTimers(closing)
	if len(due) != 1 || !p.SetDeadline(timer, 0) {
		t.Fatalf("%d operations are due, or the deadline was not set", len(due))
	}
	p.record(due[0].ticket, due[0].intent())
	ends(t, p, timer, 0, closedFailure)
}

// An operation may be Accepted, and in no queue yet, while Shutdown looks what its context
// cuts short: that is a write, and nothing else.
func TestShutdownMeetsAccepted(t *testing.T) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for kind, want := range map[backend.Kind]bool{backend.Read: true, backend.Write: false} {
		k := &script{t: t, now: 1, idle: true}
		var p *Port
		all := make(chan bool, 1)
		p = NewPort(Options{Kernel: k, Poller: pollerOf{k}, Observe: func(e Trace) {
			if e.Step != StepSubmitted {
				return
			}
			go func() {
				a, _ := p.Shutdown(over)
				all <- a
			}()
			for !isClosed(p) { // by then Shutdown has looked
				runtime.Gosched()
			}
		}})
		h, _ := p.AddHandle(7, true, nil)
		op := newOperation(kind, h, 1)
		op.buffer.n = 1
		p.Submit([]Operation{op}, false)
		if got := <-all; got != want {
			t.Errorf("a %v that is Accepted: Shutdown reports %v", kind, got)
		}
	}
}

func isClosed(p *Port) bool {
	st := p.lock()
	defer st.unlockQuietly()
	return st.closed
}
