package core

import (
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// If the other owner can't be made, the handle is as before.
func TestDetachFails(t *testing.T) {
	_, p, h := newScript(t)
	kept := func(int) { t.Error("the descriptor was given away") }
	refused := newOperation(backend.Read, h, 1)
	why := h.Detach(func(int) bool {
		p.Submit([]Operation{refused}, false)
		if again := h.Detach(func(int) bool { return true }, kept); again != IsClosed {
			t.Error("detached twice at a time:", again)
		}
		return false
	}, kept)
	if why != NotBusy || h.Closing() || refused.self().failure != closedFailure {
		t.Error(why, h.Closing(), refused.self().failure)
	}
	read := newOperation(backend.Read, h, 1)
	p.Submit([]Operation{read}, false)
	if p.Stats().InFlight != 1 {
		t.Error("the handle takes no operations any more")
	}
	if why := h.Detach(func(int) bool { return true }, kept); why != HasWork {
		t.Error(why)
	}
	p.Close()
	if p.Stats().Handles != 0 {
		t.Error("the handle is left after Close")
	}
}

// A port that is closed meanwhile gets the descriptor back: it closes it, and Close
// does not wait for ever.
func TestDetachFailsInAClosedPort(t *testing.T) {
	_, p, h := newScript(t)
	closed := make(chan bool)
	h.Detach(func(int) bool {
		go func() { closed <- p.Close() }()
		for !isClosed(p) {
		}
		return false
	}, nil)
	if !<-closed || p.Stats().Handles != 0 {
		t.Error("the handle is left after Close")
	}
}

func TestDetachWithLayer(t *testing.T) {
	_, _, h := newScript(t)
	l := h.lock()
	l.state |= layered
	l.mu.Unlock()
	if why := h.Detach(func(int) bool { return true }, nil); why != IsLayered {
		t.Error(why)
	}
	if why := new(Handle).Detach(nil, nil); why != IsClosed {
		t.Error(why)
	}
}
