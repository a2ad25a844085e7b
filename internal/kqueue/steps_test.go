//go:build unix

package kqueue_test

import (
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/kqueue"
)

// closing is a script that tells when it is closed.
type closing struct {
	*script
	during func()
}

func (c *closing) Close() error {
	c.during()
	return c.script.Close()
}

// A Wake keeps a Close out and no other Wake; a Close keeps both out.
func TestWakeAndCloseKeepEachOtherOut(t *testing.T) {
	var p *kqueue.Poller
	seen := 0
	expect := func(during string, wake, closes bool) {
		seen++
		if p.CanWake() != wake || p.CanClose() != closes {
			t.Errorf("during %s: a wake gets in: %v, a close: %v", during, p.CanWake(), p.CanClose())
		}
	}
	s := &script{answers: [][]kqueue.Event{userEvent}}
	p, err := kqueue.New(&closing{s, func() { expect("a close", false, false) }})
	if err != nil {
		t.Fatal(err)
	}
	expect("nothing", true, true)
	s.refuse = func(kqueue.Event) syscall.Errno {
		expect("a wake", true, false)
		return 0
	}
	p.Wake(backend.Park)
	p.Close()
	if expect("nothing", true, true); seen != 4 {
		t.Errorf("looked %d times", seen)
	}
}
