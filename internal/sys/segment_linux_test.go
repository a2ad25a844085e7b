package sys

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// counted returns how many of equal datagrams arrive as such after prepare, and the kernel.
func counted(t *testing.T, prepare func(fd int)) (*Kernel, int, int) {
	k := new(Kernel)
	at := backend.Address{Inet: netip.MustParseAddrPort("127.0.0.1:0")}
	fd, err := k.PacketSocket(backend.IPv4, at, backend.PacketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close(fd) })
	prepare(fd)
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(at.Inet.Addr(), uint16(sa.(*unix.SockaddrInet4).Port))
	messages := make([]backend.Message, 10)
	for i := range messages {
		messages[i] = backend.Message{Addr: to, Data: []byte{byte(i), 1, 2}}
	}
	if n, errno := k.Send(fd, messages); n != 10 || errno != 0 {
		t.Fatalf("sent %d, %v", n, errno)
	}
	n := 0
	for ; ; n++ {
		m := []backend.Message{{Data: make([]byte, 100)}}
		if _, errno := k.Receive(fd, m); errno == syscall.EAGAIN {
			break
		} else if errno != 0 || m[0].N != 3 || m[0].Data[0] != byte(n) {
			t.Fatalf("datagram %d: %v, %+v", n, errno, m[0])
		}
	}
	return k, fd, n
}

// A socket whose options forbid segmentation sends one by one from then on.
func TestSegmentsRefused(t *testing.T) {
	k, fd, n := counted(t, func(fd int) {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
			t.Fatal(err)
		}
	})
	if n != 10 || !k.unsegmented.has(fd) {
		t.Errorf("%d datagrams, refused: %v", n, k.unsegmented.has(fd))
	}
	k.Close(fd)
	if k.unsegmented.has(fd) {
		t.Error("a new socket with this number would be taken for the old one")
	}
}

// Any other socket goes on with it.
func TestSegments(t *testing.T) {
	k, fd, n := counted(t, func(int) {})
	if n != 10 || k.unsegmented.has(fd) && segments(fd) {
		t.Errorf("%d datagrams, refused: %v", n, k.unsegmented.has(fd))
	}
}
