package core

import (
	"context"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// Stats counts calls, those that found nothing to do, and pooled reads that found their
// pool empty.
func TestStatsCountsCalls(t *testing.T) {
	k, p, h := newScript(t)
	k.idle = true
	check := func(calls, wouldBlocks, poolWaits uint64) {
		t.Helper()
		if s := p.Stats(); s.Calls != calls || s.WouldBlocks != wouldBlocks || s.PoolWaits != poolWaits {
			t.Errorf("%d calls, %d would block, %d waited for the pool; want %d, %d, %d",
				s.Calls, s.WouldBlocks, s.PoolWaits, calls, wouldBlocks, poolWaits)
		}
	}
	write := newOperation(backend.Write, h, 3)
	p.Submit([]Operation{write}, false)
	check(1, 1, 0)
	k.write = append(k.write, func(b []byte) (int, syscall.Errno) { return len(b), 0 })
	edgeOf(p, backend.Event{FD: 7, Generation: h.generation, Ready: backend.Writable})
	check(2, 1, 0)
	p.Next(context.Background())

	var held *Buffer
	p, _, held, _ = starve(1)
	check(0, 0, 1) // it has no buffer yet for a call
	held.Release()
}
