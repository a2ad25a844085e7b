package sys

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// replace gives a variable another value for the time of a test.
func replace[T any](t *testing.T, variable *T, value T) {
	before := *variable
	*variable = value
	t.Cleanup(func() { *variable = before })
}

// imitatedUnix makes sockets of TCP look like unix sockets, which Wine lacks: a
// path stands for a port of this machine, as long as its file is there. Whatever
// Windows would refuse fails the test.
type imitatedUnix struct {
	*testing.T
	unix  map[windows.Handle]bool
	ports map[string]int // by path
	paths map[int]string // by port
}

func imitateUnix(t *testing.T) *imitatedUnix {
	if err := startUp(); err != nil {
		t.Fatal(err)
	}
	m := &imitatedUnix{t, map[windows.Handle]bool{}, map[string]int{}, map[int]string{}}
	replace(t, &wsaSocket, m.socket)
	replace(t, &bind, m.bind)
	replace(t, &connect, m.connect)
	replace(t, &getsockname, m.getsockname)
	replace(t, &getpeername, m.getpeername)
	replace(t, &getsockopt, m.getsockopt)
	replace(t, &setsockopt, m.setsockopt)
	return m
}

func (m *imitatedUnix) socket(domain, kind, protocol int32, info *windows.WSAProtocolInfo, group, flags uint32) (windows.Handle, error) {
	if domain != windows.AF_UNIX || kind != windows.SOCK_STREAM || protocol != 0 {
		m.Errorf("socket %d, %d, %d", domain, kind, protocol)
	}
	s, err := windows.WSASocket(windows.AF_INET, kind, windows.IPPROTO_TCP, info, group, flags)
	m.unix[s] = true
	return s, err
}

// bind takes a name, which ends with a zero byte. One of no bytes has that byte, too.
func (m *imitatedUnix) bind(s windows.Handle, raw unsafe.Pointer, size int32) error {
	r := (*windows.RawSockaddrUnix)(raw)
	if size < 3 || r.Family != windows.AF_UNIX {
		return windows.WSAEFAULT
	}
	name := windows.BytePtrToString((*byte)(unsafe.Pointer(&r.Path)))
	if int(size) != 2+len(name)+1 {
		m.Errorf("bind to %q, %d bytes", name, size)
	}
	if name != "" {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL, 0)
		if err != nil {
			return windows.WSAEADDRINUSE
		}
		f.Close()
	}
	err := windows.Bind(s, &windows.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err == nil && name != "" {
		bound, _ := windows.Getsockname(s)
		port := bound.(*windows.SockaddrInet4).Port
		m.ports[name], m.paths[port] = port, name
	}
	return err
}

func (m *imitatedUnix) connect(fd int, raw unsafe.Pointer, size int32, o *windows.Overlapped) syscall.Errno {
	r := (*windows.RawSockaddrUnix)(raw)
	path := windows.BytePtrToString((*byte)(unsafe.Pointer(&r.Path)))
	if r.Family != windows.AF_UNIX || int(size) != 2+len(path)+1 {
		m.Errorf("ConnectEx to family %d, %q, %d bytes", r.Family, path, size)
	}
	if _, err := os.Lstat(path); err != nil {
		return windows.WSAENETDOWN // what Windows says to that
	}
	to, n := rawAddress(&windows.SockaddrInet4{Port: m.ports[path], Addr: [4]byte{127, 0, 0, 1}})
	return callConnectEx(fd, to, n, o)
}

// named translates what the system calls an address.
func (m *imitatedUnix) named(sa windows.Sockaddr, err error) (windows.Sockaddr, error) {
	if err != nil {
		return nil, err
	}
	var raw windows.RawSockaddrAny
	r := (*windows.RawSockaddrUnix)(unsafe.Pointer(&raw))
	r.Family = windows.AF_UNIX
	name := unsafe.Slice((*byte)(unsafe.Pointer(&r.Path)), len(r.Path))
	path := m.paths[sa.(*windows.SockaddrInet4).Port]
	if copy(name, path); path != "" {
		copy(name[len(path)+1:], "what Windows leaves behind the zero")
	}
	return raw.Sockaddr()
}

func (m *imitatedUnix) getsockname(s windows.Handle) (windows.Sockaddr, error) {
	return m.named(windows.Getsockname(s))
}

func (m *imitatedUnix) getpeername(s windows.Handle) (windows.Sockaddr, error) {
	return m.named(windows.Getpeername(s))
}

func (m *imitatedUnix) getsockopt(s windows.Handle, level, option int32, value *byte, size *int32) error {
	err := windows.Getsockopt(s, level, option, value, size)
	if option == 0x2005 && m.unix[s] { // SO_PROTOCOL_INFOW
		(*windows.WSAProtocolInfo)(unsafe.Pointer(value)).AddressFamily = windows.AF_UNIX
	}
	return err
}

func (m *imitatedUnix) setsockopt(_ windows.Handle, level, option, _ int) error {
	m.Errorf("option %#x of level %#x", option, level)
	return windows.WSAENOPROTOOPT
}

// dequeue waits for so many packets.
func dequeue(port CompletionPort, n int) {
	var packets [4]Packet
	for n > 0 {
		n -= port.Dequeue(packets[:], Infinite)
	}
}

// opened associates a new descriptor with a port, and closes it in the end.
func opened(t *testing.T, port CompletionPort, fd int, err error) int {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(fd) })
	if _, errno := port.Associate(fd, false); errno != 0 {
		t.Fatal(errno)
	}
	return fd
}

// A unix socket listens, is connected and accepted, moves bytes, has the addresses
// that package net would show, and its file goes.
func TestImitatedUnixSockets(t *testing.T) {
	imitateUnix(t)
	k := Kernel{}
	port, err := NewCompletionPort()
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	path := filepath.Join(os.TempDir(), "completion.unix.test")
	os.Remove(path)
	fd, err := k.Listen(backend.Unix, backend.Address{Path: path}, backend.ListenOptions{})
	listener := opened(t, port, fd, err)
	remove := k.FileRemover(path)

	accept := new(Acceptance)
	if errno := accept.Prepare(listener); errno != 0 {
		t.Fatal(errno)
	}
	if errno := accept.Accept(listener); errno != 0 && errno != Pending {
		t.Fatal(errno)
	}
	fd, err = k.Socket(backend.Unix)
	client := opened(t, port, fd, err)
	transfer := new(Transfer)
	if errno := transfer.Connect(client, backend.Address{Path: path}); errno != 0 && errno != Pending {
		t.Fatal(errno)
	}
	dequeue(port, 2)
	_, errno := transfer.Result(client)
	if errno = transfer.Connected(client, errno); errno != 0 {
		t.Fatal(errno)
	}
	server, errno := accept.Result(listener)
	if errno != 0 {
		t.Fatal(errno)
	}
	server = opened(t, port, server, nil)

	named, nameless := &net.UnixAddr{Net: "unix", Name: path}, &net.UnixAddr{Net: "unix", Name: "@"}
	for _, c := range []struct {
		what      string
		got, want net.Addr
	}{
		{"listener", k.LocalAddr(listener), named},
		{"client", k.LocalAddr(client), nameless}, {"its peer", k.RemoteAddr(client), named},
		{"server", k.LocalAddr(server), named}, {"its peer", k.RemoteAddr(server), nameless},
	} {
		if c.got == nil || *c.got.(*net.UnixAddr) != *c.want.(*net.UnixAddr) {
			t.Errorf("%s has the address %v, want %v", c.what, c.got, c.want)
		}
	}
	if errno := transfer.Send(client, []byte("hello")); errno != 0 && errno != Pending {
		t.Fatal(errno)
	}
	received, data := new(Transfer), make([]byte, 5)
	if errno := received.Receive(server, data); errno != 0 && errno != Pending {
		t.Fatal(errno)
	}
	dequeue(port, 2)
	if n, errno := received.Result(server); errno != 0 || string(data[:n]) != "hello" {
		t.Errorf("received %q, %v", data[:n], errno)
	}
	remove()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file: %v", err)
	}
	fd, err = k.Socket(backend.Unix)
	if errno := new(Transfer).Connect(opened(t, port, fd, err), backend.Address{Path: path}); errno != windows.WSAENETDOWN {
		t.Errorf("connect to a file that is gone: %v", errno)
	}
}

// What is no address of a unix socket is an error that says so.
func TestImitatedUnixAddresses(t *testing.T) {
	imitateUnix(t)
	k := Kernel{}
	fd, err := k.Socket(backend.Unix)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd)
	long := backend.Address{Path: strings.Repeat("x", 108)}
	for _, c := range []struct {
		to   backend.Address
		want syscall.Errno
	}{{long, windows.WSAEINVAL}, {backend.Address{}, windows.WSAEAFNOSUPPORT}} {
		if errno := new(Transfer).Connect(fd, c.to); errno != c.want {
			t.Errorf("connect to %q: %v, want %v", c.to.Path, errno, c.want)
		}
	}
	if _, err := k.Listen(backend.Unix, long, backend.ListenOptions{}); !errors.Is(err, windows.WSAEINVAL) {
		t.Errorf("listen on a long path: %v", err)
	}
}

// The raw form is that of package syscall.
func TestRawUnix(t *testing.T) {
	for _, path := range []string{"a", `C:\a\b`, "@abstract", "@", strings.Repeat("x", 107), "@" + strings.Repeat("x", 106)} {
		raw, size := rawUnix(path)
		r := (*windows.RawSockaddrUnix)(raw)
		if r.Family != windows.AF_UNIX {
			t.Errorf("%q: family %d", path, r.Family)
		}
		want := path + "\x00"
		if path[0] == '@' {
			want = "\x00" + path[1:]
		}
		got := string(unsafe.Slice((*byte)(unsafe.Pointer(&r.Path)), size-2))
		if got != want {
			t.Errorf("%q is %q, want %q", path, got, want)
		}
	}
	if raw, _ := rawUnix(strings.Repeat("x", 108)); raw != nil {
		t.Error("a path of 108 bytes")
	}
}

// A system without unix sockets is not asked for its name.
func TestNoUnixSockets(t *testing.T) {
	replace(t, &wsaSocket, func(int32, int32, int32, *windows.WSAProtocolInfo, uint32, uint32) (windows.Handle, error) {
		return windows.InvalidHandle, windows.WSAEAFNOSUPPORT
	})
	for _, open := range []func() (int, error){
		func() (int, error) { return Kernel{}.Socket(backend.Unix) },
		func() (int, error) {
			return Kernel{}.Listen(backend.Unix, backend.Address{Path: "x"}, backend.ListenOptions{})
		},
	} {
		if _, err := open(); !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, windows.WSAEAFNOSUPPORT) {
			t.Errorf("error %v", err)
		}
	}
	if _, err := (Kernel{}).Socket(backend.IPv4); errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, windows.WSAEAFNOSUPPORT) {
		t.Errorf("TCP: %v", err)
	}
}
