package sys

import (
	"io"
	"net"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// connectedTo returns a connected socket and its peer.
func connectedTo(t *testing.T) (fd int, peer net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port, err := NewCompletionPort()
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	fd, err = Kernel{}.Socket(backend.IPv4)
	if err != nil {
		t.Fatal(err)
	}
	if _, errno := port.Associate(fd, false); errno != 0 {
		t.Fatal(errno)
	}
	transfer := new(Transfer)
	if errno := transfer.Connect(fd, backend.Address{Inet: l.Addr().(*net.TCPAddr).AddrPort()}); errno != 0 && errno != Pending {
		t.Fatal(errno)
	}
	dequeue(port, 1)
	_, errno := transfer.Result(fd)
	if errno = transfer.Connected(fd, errno); errno != 0 {
		t.Fatal(errno)
	}
	if peer, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	return fd, peer
}

// refusesLinger closes no socket with a positive linger, as Windows does. Package strict
// has this rule, too, and others.
type refusesLinger struct{ Interposer }

func (refusesLinger) CloseSocket(fd int) error {
	if Lingers(fd) {
		return windows.WSAEWOULDBLOCK
	}
	return windows.Closesocket(windows.Handle(fd))
}

// A socket with a positive linger is closed all the same, though the system refuses
// that while it has one: the peer sees the end.
func TestCloseWithLinger(t *testing.T) {
	fd, peer := connectedTo(t)
	Interposed = refusesLinger{}
	defer func() { Interposed = nil }()
	anHour := windows.Linger{Onoff: 1, Linger: 3600}
	if err := windows.SetsockoptLinger(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_LINGER, &anHour); err != nil || !Lingers(fd) {
		t.Fatalf("it does not linger: %v", err)
	}
	if errno := closeSocket(fd); errno != windows.WSAEWOULDBLOCK {
		t.Fatalf("closed with a linger: %v", errno)
	}
	if errno := (Kernel{}).Close(fd); errno != 0 {
		windows.SetsockoptLinger(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_LINGER, &windows.Linger{})
		windows.Closesocket(windows.Handle(fd))
		t.Fatalf("close: %v", errno)
	}
	if n, err := peer.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the end is %d bytes, %v", n, err)
	}
}

// Zero seconds of linger, which mean a reset, stay.
func TestCloseWithReset(t *testing.T) {
	fd, _ := connectedTo(t)
	if err := (Kernel{}).SetResetOnClose(fd, true); err != nil || Lingers(fd) {
		t.Errorf("reset on close, and lingers: %v, %v", Lingers(fd), err)
	}
	Close(fd)
}
