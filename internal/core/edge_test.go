package core

import (
	"encoding/binary"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// FuzzEdges gives the port events of descriptors and generations that it has, has had, or
// never had. An event of an open handle makes the port try a direction and does nothing
// else. All other events are counted as stale.
func FuzzEdges(f *testing.F) {
	f.Add([]byte{7, 0, 0, 0, 1, 1, 8, 0, 0, 0, 2, 7})
	f.Add([]byte{255, 255, 255, 255, 1, 4, 0, 2, 0, 0, 1, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, p, h := newScript(t)
		other, _ := p.AddHandle(8, true, nil)
		other.Close() // its number is free again, its events are stale
		stale := uint64(0)
		for ; len(data) >= 6; data = data[6:] {
			e := backend.Event{
				FD:         int(int32(binary.LittleEndian.Uint32(data))),
				Generation: uint32(data[4]),
				Ready:      backend.Readiness(data[5]) & (backend.Readable | backend.Writable | backend.StopsShort),
			}
			if e.FD != 7 || e.Generation != h.generation {
				stale++
			}
			edgeOf(p, e)
		}
		if got := p.Stats().StaleEvents; got != stale {
			t.Errorf("%d stale events, want %d", got, stale)
		}
		if h.queue[in].tail != nil || h.queue[out].tail != nil {
			t.Errorf("the handle has changed: %+v", h)
		}
		p.Close()
	})
}
