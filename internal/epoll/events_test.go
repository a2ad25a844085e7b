//go:build linux

package epoll

import (
	"encoding/binary"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// FuzzEpollEvents translates whatever the kernel might say. An event of the
// eventfd is left out; of every other one nothing is lost but the bits that no
// one asked for, and nothing is added.
func FuzzEpollEvents(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0})
	f.Add([]byte{3, 0, 0, 0, 0xf8, 0xff, 0xff, 0xff, 3, 0, 0, 0})
	f.Add([]byte{0x18, 0x20, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		const size = 12 // bits, descriptor, generation
		p := &Poller{events: make([]backend.Event, 128), buffer: make([]sys.EpollEvent, 128)}
		var want []backend.Event
		n := 0
		for ; len(data) >= size && n < len(p.buffer); n++ {
			bits, fd, generation := binary.LittleEndian.Uint32(data), binary.LittleEndian.Uint32(data[4:]), binary.LittleEndian.Uint32(data[8:])
			data = data[size:]
			p.buffer[n] = sys.EpollEvent{Events: bits, Fd: int32(fd), Pad: int32(generation)}
			if generation != 0 {
				event := backend.Event{FD: int(int32(fd)), Generation: generation, Ready: meaning(bits)}
				if event.FD < 0 { // a socket with messages
					event.FD, event.Ready = -1-event.FD, event.Ready|backend.StopsShort
				}
				want = append(want, event)
			}
		}
		p.take(n)
		if p.n != len(want) {
			t.Fatalf("%d events, want %d", p.n, len(want))
		}
		for i, got := range p.events[:p.n] {
			if got != want[i] {
				t.Errorf("event %d is %+v, want %+v", i, got, want[i])
			}
		}
	})
}

// meaning is epoll_ctl(2) once more, in numbers: IN 1, PRI 2, OUT 4, ERR 8,
// HUP 16, RDHUP 8192.
func meaning(bits uint32) (r backend.Readiness) {
	if bits&(1|8|16) != 0 {
		r |= backend.Readable
	}
	if bits&2 != 0 {
		r |= backend.StopsShort
	}
	if bits&(4|8|16) != 0 {
		r |= backend.Writable
	}
	if bits&8192 != 0 {
		r |= backend.Readable | backend.StopsShort
	}
	return r
}
