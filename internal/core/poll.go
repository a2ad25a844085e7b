package core

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/completionport/completion/internal/backend"
)

// A PollIn and a PollOut wait in the queues, as any operation of their direction. They end
// when the kernel reports that a call would not wait, and leave the latch ready: so several
// that are queued behind one another end together.

// isPoll reports whether s waits for readiness alone.
func (s *Slot) isPoll() bool { return s.kind == backend.PollIn || s.kind == backend.PollOut }

// probe is the call of a PollIn or a PollOut.
func (h *Handle) probe(s *Slot) callResult {
	k, ok := h.port.kernel.(backend.Prober)
	switch {
	case !ok:
		return unsupported(s)
	case !k.Probe(int(h.fd), s.kind):
		return callResult{verdict: wouldBlock}
	}
	return callResult{verdict: moved}
}

// unsupported returns the result of a PollIn or a PollOut that nobody can perform here.
func unsupported(s *Slot) callResult {
	what := "reading"
	if s.kind == backend.PollOut {
		what = "writing"
	}
	return foreign(fmt.Errorf("completion: a poll for %s, of this handle on %s: %w", what, runtime.GOOS, errors.ErrUnsupported))
}
