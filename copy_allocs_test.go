package completion_test

import (
	"context"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/race"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/porttest"
)

// A Copy allocates nothing in the steady state: its halves, its pipe or its memory are used
// again. The race detector empties sync.Pools at random.
func TestAllocationsOfCopy(t *testing.T) {
	if race.Enabled {
		t.Skip("something is allocated")
	}
	defer notStrict()()
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) {
		p, err := open(nil)
		must(t, err)
		defer p.Close()
		if n := testing.AllocsPerRun(500, copyEcho(t, p, loop(t, p), loop(t, p))); n != 0 {
			t.Errorf("%v allocations per run", n)
		}
	})
}

// copyEcho sends something to the peer of a, which sends it back, and lets a Copy move it to b,
// whose peer sends it back, too.
func copyEcho(t *testing.T, p *completion.Port, a, b *completion.Socket) func() {
	write := &ops.Write{To: a, Buf: completion.Own(make([]byte, 16))}
	over := &ops.Copy{From: a, To: b, Count: 16}
	read := &ops.Read{From: b, Buf: completion.Own(make([]byte, 16)), Full: true}
	return func() {
		must(t, p.Submit(over, read, write))
		for range 3 {
			op, err := p.Next(context.Background())
			must(t, err)
			must(t, op.Err())
		}
	}
}
