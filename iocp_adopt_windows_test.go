package completion_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/sys"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/windows"
)

// bareSocket is a socket of package net that File has taken out of the port of Go's
// runtime: it has no completion port. With Wine none of package net's can be that.
type bareSocket struct{ handle windows.Handle }

func newBareSocket(t *testing.T) *bareSocket {
	return newBareSocketOf(t, windows.SOCK_STREAM, windows.IPPROTO_TCP)
}

func newBareSocketOf(t *testing.T, kind, protocol int32) *bareSocket {
	s, err := windows.WSASocket(windows.AF_INET, kind, protocol, nil, 0,
		windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	must(t, err)
	b := &bareSocket{s}
	t.Cleanup(func() { b.Close() })
	return b
}

func (b *bareSocket) SyscallConn() (syscall.RawConn, error) { return bareRaw{b}, nil }

func (b *bareSocket) Close() error {
	if b.handle == windows.InvalidHandle {
		return net.ErrClosed
	}
	err := windows.Closesocket(b.handle)
	b.handle = windows.InvalidHandle
	return err
}

// bareRaw lends its descriptor.
type bareRaw struct{ socket *bareSocket }

func (bareRaw) Read(func(uintptr) bool) error  { return errors.ErrUnsupported }
func (bareRaw) Write(func(uintptr) bool) error { return errors.ErrUnsupported }

func (b bareRaw) Control(f func(uintptr)) error {
	if b.socket.handle == windows.InvalidHandle {
		return net.ErrClosed
	}
	f(uintptr(b.socket.handle))
	return nil
}

// bareConn is as much of a net.Conn as adopting needs.
type bareConn struct {
	net.Conn
	*bareSocket
}

func (b bareConn) Close() error        { return b.bareSocket.Close() }
func (b bareConn) LocalAddr() net.Addr { return &net.TCPAddr{} }

// bareListener is as much of a net.Listener.
type bareListener struct {
	net.Listener
	*bareSocket
	addr net.Addr
}

func (b bareListener) Close() error   { return b.bareSocket.Close() }
func (b bareListener) Addr() net.Addr { return b.addr }

// A socket without a completion port is taken over as it is: what has arrived is
// there, and closing the original closes nothing.
func TestAdoptWithoutPort(t *testing.T) {
	calls := countCalls(t)
	p, err := completion.Open(&completion.Config{Backend: "iocp"})
	must(t, err)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	b := newBareSocket(t)
	to := l.Addr().(*net.TCPAddr)
	must(t, windows.Connect(b.handle, &windows.SockaddrInet4{Port: to.Port, Addr: [4]byte{127, 0, 0, 1}}))
	peer, err := l.Accept()
	must(t, err)
	defer peer.Close()
	_, err = peer.Write([]byte("hello"))
	must(t, err)

	s, err := p.AdoptConn(bareConn{bareSocket: b})
	must(t, err)
	if b.handle != windows.InvalidHandle {
		t.Error("the original is open")
	}
	if n := calls()["NtSetInformationFile"]; n != 0 {
		t.Errorf("%d ports replaced where there was none", n)
	}
	if _, err := p.AdoptConn(bareConn{bareSocket: b}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("adopted twice: %v", err)
	}
	talkOver(t, p, s, peer)
	if got, want := s.RemoteAddr().String(), l.Addr().String(); got != want {
		t.Errorf("connected to %s, want %s", got, want)
	}
	must(t, s.Close())
	if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the end is %v", err)
	}
	must(t, p.Close())
}

// talkOver reads what the peer has sent, 5 bytes, and sends it back.
func talkOver(t *testing.T, p *completion.Port, s *completion.Socket, peer net.Conn) {
	t.Helper()
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 5)), Full: true}
	must(t, p.Await(context.Background(), read))
	must(t, p.Await(context.Background(), &ops.Write{To: s, Buf: read.Buf}))
	got := make([]byte, 5)
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != "hello" {
		t.Errorf("received %q, %v", got, err)
	}
}

// The same with a listener, and who waits in its backlog.
func TestAdoptListenerWithoutPort(t *testing.T) {
	p, err := completion.Open(&completion.Config{Backend: "iocp"})
	must(t, err)
	b := newBareSocket(t)
	must(t, windows.Bind(b.handle, &windows.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, windows.Listen(b.handle, 10))
	bound, err := windows.Getsockname(b.handle)
	must(t, err)
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: bound.(*windows.SockaddrInet4).Port}
	peer, err := net.Dial("tcp4", addr.String())
	must(t, err)
	defer peer.Close()
	_, err = peer.Write([]byte("hello"))
	must(t, err)
	if _, err := p.AdoptConn(bareConn{bareSocket: b}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a listener was adopted as a connection: %v", err)
	}
	l, err := p.AdoptListener(bareListener{bareSocket: b, addr: addr})
	must(t, err)
	if l.Addr().String() != addr.String() {
		t.Errorf("listens on %v, want %v", l.Addr(), addr)
	}
	accept := &ops.Accept{On: l}
	must(t, p.Await(context.Background(), accept))
	talkOver(t, p, accept.Conn, peer)
	must(t, p.Close())
}

// imitateMove makes the system answer to a socket's move to another port, and
// records what it was asked for.
func imitateMove(t *testing.T, answer windows.NTStatus) *[]moved {
	var all []moved
	before := sys.SetInformationFile
	sys.SetInformationFile = func(h windows.Handle, status *windows.IO_STATUS_BLOCK, info *byte, size, class uint32) error {
		all = append(all, moved{h, *(*[2]uintptr)(unsafe.Pointer(info)), size, class})
		if answer != 0 {
			return answer
		}
		return nil
	}
	t.Cleanup(func() { sys.SetInformationFile = before })
	return &all
}

type moved struct {
	handle      windows.Handle
	portAndKey  [2]uintptr
	size, class uint32
}

// A socket of package net is moved to the port, in one step and after all else that
// can fail; the modes are set after it, since the system forgets them.
func TestAdoptMoves(t *testing.T) {
	calls := countCalls(t)
	count := sys.OnCall
	var order []string
	sys.OnCall = func(name string) syscall.Errno {
		order = append(order, name)
		return count(name)
	}
	all := imitateMove(t, 0)
	p, err := completion.Open(&completion.Config{Backend: "iocp"})
	must(t, err)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	must(t, err)
	order = nil
	s, err := p.AdoptConn(c)
	must(t, err)
	want := []string{"getsockopt", "getsockopt", "WSADuplicateSocket", "WSASocket", "WSAIoctl", "getpeername",
		"CreateIoCompletionPort", "NtSetInformationFile", "SetFileCompletionNotificationModes"}
	if len(order) != len(want) {
		t.Fatalf("calls %v, want %v", order, want)
	}
	for i := range want {
		if order[i] != want[i] {
			t.Errorf("calls %v, want %v", order, want)
			break
		}
	}
	fd := descriptorOf(t, s)
	if len(*all) != 1 {
		t.Fatalf("moved %d times", len(*all))
	}
	got := (*all)[0]
	if got.handle != windows.Handle(fd) || got.portAndKey[0] == 0 || got.portAndKey[1] != fd || got.size != uint32(unsafe.Sizeof(got.portAndKey)) || got.class != 61 {
		t.Errorf("moved %+v, of descriptor %d", got, fd)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the original: %v", err)
	}
	must(t, p.Close())
	if got := calls(); got["WSASocket"] != 1 || got["closesocket"] != 1 {
		t.Errorf("not closed once: %v", got)
	}
}

func descriptorOf(t *testing.T, s *completion.Socket) (fd uintptr) {
	t.Helper()
	raw, err := s.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(h uintptr) { fd = h }))
	return fd
}

// What can't be moved is as it was: it talks, and has its deadlines. The error is
// the system's, be it that it can't, or not now.
func TestAdoptRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer windows.NTStatus
		want   error
	}{
		{"NotImplemented", windows.STATUS_NOT_IMPLEMENTED, errors.ErrUnsupported},
		{"InvalidInfoClass", windows.STATUS_INVALID_INFO_CLASS, errors.ErrUnsupported},
		{"NotSupported", windows.STATUS_NOT_SUPPORTED, errors.ErrUnsupported},
		{"UnderWay", windows.STATUS_UNSUCCESSFUL, windows.ERROR_BUSY},
		{"AccessDenied", windows.STATUS_ACCESS_DENIED, os.ErrPermission},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := countCalls(t)
			all := imitateMove(t, c.answer)
			p, err := completion.Open(&completion.Config{Backend: "iocp"})
			must(t, err)
			l, err := net.Listen("tcp4", "127.0.0.1:0")
			must(t, err)
			defer l.Close()
			_, err = p.AdoptListener(l)
			isRefusal(t, err, c.want)
			one, err := net.Dial("tcp4", l.Addr().String())
			must(t, err)
			defer one.Close()
			two, err := l.Accept()
			must(t, err)
			defer two.Close()
			_, err = p.AdoptConn(one)
			isRefusal(t, err, c.want)
			if len(*all) != 2 {
				t.Errorf("asked %d times", len(*all))
			}
			goesOn(t, one, two)
			atRest(t, p, calls)
		})
	}
}

func isRefusal(t *testing.T, err, want error) {
	t.Helper()
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "adopt" || !errors.Is(err, want) || errors.Is(err, errors.ErrUnsupported) != (want == errors.ErrUnsupported) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// goesOn checks that a connection of package net has all that it had.
func goesOn(t *testing.T, one, two net.Conn) {
	t.Helper()
	must(t, one.SetReadDeadline(time.Now().Add(time.Millisecond)))
	if _, err := one.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read with a deadline: %v", err)
	}
	must(t, one.SetReadDeadline(time.Time{}))
	for _, c := range [][2]net.Conn{{one, two}, {two, one}} {
		_, err := c[0].Write([]byte("hello"))
		must(t, err)
		got := make([]byte, 5)
		if _, err := io.ReadFull(c[1], got); err != nil || string(got) != "hello" {
			t.Errorf("received %q, %v", got, err)
		}
	}
}

// atRest checks that a port has kept nothing, and closes it.
func atRest(t *testing.T, p *completion.Port, calls func() map[string]int) {
	t.Helper()
	if n := completion.MarkedSockets(p); n != 0 || p.Stats().Handles != 0 {
		t.Errorf("%d sockets marked, %d handles", n, p.Stats().Handles)
	}
	p.Close()
	if got := calls(); got["WSASocket"] != got["closesocket"] {
		t.Errorf("not all was closed: %v", got)
	}
}

// What fails before the move leaves the connection alone, too: a step on the way,
// and a port that is closed.
func TestAdoptFailsEarly(t *testing.T) {
	all := imitateMove(t, 0)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	one, err := net.Dial("tcp4", l.Addr().String())
	must(t, err)
	defer one.Close()
	two, err := l.Accept()
	must(t, err)
	defer two.Close()
	for _, call := range []string{"WSADuplicateSocket", "CreateIoCompletionPort", "closed"} {
		calls := countCalls(t)
		count, fails := sys.OnCall, false
		sys.OnCall = func(name string) syscall.Errno {
			if fails && name == call {
				return windows.WSAENOBUFS
			}
			return count(name)
		}
		p, err := completion.Open(&completion.Config{Backend: "iocp"})
		must(t, err)
		want := error(windows.WSAENOBUFS)
		if call == "closed" {
			must(t, p.Close())
			want = net.ErrClosed
		}
		fails = true
		if _, err := p.AdoptConn(one); !errors.Is(err, want) {
			t.Errorf("%s: %v", call, err)
		}
		if _, err := p.AdoptListener(l); !errors.Is(err, want) {
			t.Errorf("%s: %v", call, err)
		}
		fails = false
		goesOn(t, one, two)
		atRest(t, p, calls)
	}
	if len(*all) != 0 {
		t.Errorf("moved %d times", len(*all))
	}
}

// barePackets is as much of a net.PacketConn.
type barePackets struct {
	net.PacketConn
	*bareSocket
}

func (b barePackets) Close() error { return b.bareSocket.Close() }

// A datagram socket without a completion port, with a datagram that has arrived. A stream is
// refused, and stays as it is.
func TestAdoptPacketsWithoutPort(t *testing.T) {
	p, err := completion.Open(&completion.Config{Backend: "iocp"})
	must(t, err)
	if _, err := p.AdoptPacketConn(barePackets{bareSocket: newBareSocket(t)}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a stream: %v", err)
	}
	b := newBareSocketOf(t, windows.SOCK_DGRAM, windows.IPPROTO_UDP)
	must(t, windows.Bind(b.handle, &windows.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	if _, err := p.AdoptConn(bareConn{bareSocket: b}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("datagrams as a stream: %v", err)
	}
	bound, err := windows.Getsockname(b.handle)
	must(t, err)
	to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(bound.(*windows.SockaddrInet4).Port))
	other, err := p.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	send := &ops.WriteTo{To: other, Buf: completion.Own([]byte("hello")), Addr: to}
	must(t, p.Await(context.Background(), send))
	s, err := p.AdoptPacketConn(barePackets{bareSocket: b})
	must(t, err)
	if b.handle != windows.InvalidHandle {
		t.Error("the original is open")
	}
	from := addrPort(other)
	pool := p.NewPool(16, 2)
	for _, read := range []*ops.ReadFrom{{Buf: completion.Own(make([]byte, 8))}, {Pool: pool}} {
		read.From = s
		receives(t, p, read, "hello", from)
		read.Release()
		must(t, p.Await(context.Background(), &ops.WriteTo{To: s, Buf: completion.Own([]byte("back")), Addr: from}))
		receives(t, p, &ops.ReadFrom{From: other, Buf: completion.Own(make([]byte, 8))}, "back", to)
		must(t, p.Await(context.Background(), send))
	}
	must(t, p.Close())
}

func addrPort(s *completion.PacketSocket) netip.AddrPort {
	return s.LocalAddr().(*net.UDPAddr).AddrPort()
}

// receives checks that a ReadFrom has this result.
func receives(t *testing.T, p *completion.Port, read *ops.ReadFrom, want string, from netip.AddrPort) {
	t.Helper()
	must(t, p.Await(context.Background(), read))
	if got := string(read.Buf.Bytes()); got != want || read.Addr.String() != from.String() {
		t.Errorf("received %q of %s", got, read.Addr)
	}
}
