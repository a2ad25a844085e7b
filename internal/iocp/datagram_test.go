//go:build windows

package iocp

import (
	"net"
	"net/netip"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// However many datagrams are too large, a socket keeps few blocks for packets that may come.
func TestBlocksSetAsideAreFew(t *testing.T) {
	b, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	k := b.Kernel.(*Kernel)
	fd, err := k.PacketSocket(backend.IPv4, backend.Address{Inet: netip.MustParseAddrPort("127.0.0.1:0")}, backend.PacketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if errno := b.Poller.Arm(fd, 1); errno != 0 {
		t.Fatal(errno)
	}
	defer func() {
		b.Poller.Disarm(fd)
		k.Close(fd)
		b.Poller.Close()
	}()
	to := k.LocalAddr(fd).(*net.TCPAddr).AddrPort()
	for i := range byte(3 * mostAside) {
		if n, errno := k.Send(fd, []backend.Message{{Addr: to, Data: []byte{i, 1, 2}}}); n != 1 || errno != 0 {
			t.Fatalf("sent %d: %v", n, errno)
		}
	}
	for i := range byte(3 * mostAside) {
		m := &backend.Message{Data: make([]byte, 2)}
		n, errno, pending := k.StartMessage(fd, backend.Receive, m)
		if n != 1 || errno != 0 || pending || !m.Truncated || m.Data[0] != i || m.Addr != to {
			t.Fatalf("%d: %d, %v, pending %v, %+v", i, n, errno, pending, m)
		}
	}
	if got := len(k.port.sockets.Get(fd).datagrams.in.aside); got != mostAside {
		t.Errorf("%d blocks are set aside, want %d", got, mostAside)
	}
}
