package completion_test

import (
	"testing"

	"github.com/completionport/completion"
)

// Changing the peer and asking for addresses allocates nothing, and DialPacketTo its result only.
func TestAllocationsOfPeers(t *testing.T) {
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	a, err := p.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	b, err := p.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	c, err := p.DialPacketTo(a.LocalAddrPort())
	must(t, err)
	to := b.LocalAddrPort()
	opened := 1.0
	if p.Backend() == "io_uring" {
		opened = 2 // the backend keeps an entry, too
	}
	for name, want := range map[string]struct {
		count float64
		f     func()
	}{
		"ConnectTo":      {0, func() { must(t, c.ConnectTo(to)) }},
		"LocalAddrPort":  {0, func() { c.LocalAddrPort() }},
		"RemoteAddrPort": {0, func() { c.RemoteAddrPort() }},
		"DialPacketTo": {opened, func() {
			s, err := p.DialPacketTo(to)
			must(t, err)
			must(t, s.Close())
		}},
	} {
		if n := testing.AllocsPerRun(100, want.f); n != want.count {
			t.Errorf("%s: %v allocations, want %v", name, n, want.count)
		}
	}
}
