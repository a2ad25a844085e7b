package scheduler

import (
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// slowTimeout is a poller that calls during while it sets a time-out.
type slowTimeout struct {
	busy
	during func()
}

func (p *slowTimeout) SetTimeout(int64) { p.during() }

// Wait brings an item.
func (p *slowTimeout) Wait(backend.Waiting, []backend.Event) (int, bool) {
	p.scheduler.Lock()
	p.items++
	p.scheduler.Unlock()
	return 0, false
}

// A goroutine that sets the time-out is in the poller: Drain, which also sets one, waits for
// it, and so does the close of the poller.
func TestBusyWhileATimeoutIsSet(t *testing.T) {
	p := &slowTimeout{busy: busy{T: t, now: 1, deadline: 5}}
	s := &p.scheduler
	calls := 0
	p.during = func() {
		calls++
		s.Lock()
		defer s.Unlock()
		if !s.Busy() {
			t.Error("nobody is in the poller")
		}
	}
	s.Init(Options{Work: p, Poller: p, Clock: p, Processors: 1})
	p.takeOne()
	if calls != 1 {
		t.Errorf("%d time-outs were set, want 1", calls)
	}
	s.Lock()
	defer s.Unlock()
	if s.Busy() {
		t.Error("a goroutine is in the poller")
	}
}
