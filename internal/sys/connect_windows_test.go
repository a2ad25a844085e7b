package sys

import (
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// watchConnect records the calls of a connect, in order, and the options that
// come with them. refuse makes those fail that are not required.
func watchConnect(t *testing.T, refuse bool) (names *[]string, options *[]int, rto *[]initialRTO) {
	names, options, rto = new([]string), new([]int), new([]initialRTO)
	OnCall = func(name string) syscall.Errno {
		*names = append(*names, name)
		return 0
	}
	t.Cleanup(func() { OnCall = nil })
	replace(t, &setsockopt, func(_ windows.Handle, level, option, value int) error {
		if level != windows.SOL_SOCKET || value != 1 {
			t.Errorf("level %#x, value %d", level, value)
		}
		*options = append(*options, option)
		if refuse {
			return windows.WSAENOPROTOOPT
		}
		return nil
	})
	replace(t, &ioctl, func(_ windows.Handle, code uint32, in *byte, size uint32, _ *byte, _ uint32, _ *uint32, _ *windows.Overlapped, _ uintptr) error {
		if code != 0x98000011 || size != 4 {
			t.Errorf("code %#x, %d bytes", code, size)
		}
		*rto = append(*rto, *(*initialRTO)(unsafe.Pointer(in)))
		if refuse {
			return windows.WSAEOPNOTSUPP
		}
		return nil
	})
	return names, options, rto
}

// A connect asks for a port that can be shared before the bind, and on this
// machine for a quick refusal before ConnectEx. It goes on if both are refused.
func TestConnectOptions(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		fd, err := Kernel{}.Socket(backend.IPv4)
		if err != nil {
			t.Fatal(err)
		}
		defer Close(fd)
		port, err := NewCompletionPort()
		if err != nil {
			t.Fatal(err)
		}
		defer port.Close()
		if _, errno := port.Associate(fd, false); errno != 0 {
			t.Fatal(errno)
		}
		names, options, rto := watchConnect(t, refuse)
		transfer := new(Transfer)
		to := backend.Address{Inet: l.Addr().(*net.TCPAddr).AddrPort()}
		if errno := transfer.Connect(fd, to); errno != 0 && errno != Pending {
			t.Fatal(errno)
		}
		want := []string{"getsockopt", "setsockopt", "bind", "WSAIoctl", "ConnectEx"}
		if !slices.Equal(*names, want) {
			t.Errorf("calls %v, want %v", *names, want)
		}
		if !slices.Equal(*options, []int{0x3007}) {
			t.Errorf("options %#x", *options)
		}
		if want := (initialRTO{0xffff, synRetransmissions()}); !slices.Equal(*rto, []initialRTO{want}) {
			t.Errorf("RTO %+v, want %+v", *rto, want)
		}
		var packets [1]Packet
		for port.Dequeue(packets[:], Infinite) == 0 || !packets[0].IsOf(transfer) {
		}
		_, errno := transfer.Result(fd)
		if errno = transfer.Connected(fd, errno); errno != 0 {
			t.Errorf("refused %v: %v", refuse, errno)
		}
	}
}

// Only connects to this machine are told to give up at once.
func TestIsThisMachine(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1": true, "127.1.2.3": true, "::1": true, "::ffff:127.0.0.1": true,
		"192.0.2.1": false, "2001:db8::1": false, "fe80::1": false, "::ffff:192.0.2.1": false,
	} {
		if got := isThisMachine(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestLeastRetransmissions(t *testing.T) {
	for _, c := range []struct {
		major, build uint32
		want         uint8
	}{{6, 9600, 1}, {10, 14393, 1}, {10, 16298, 1}, {10, 16299, 0xfe}, {10, 26100, 0xfe}, {11, 1, 0xfe}} {
		if got := leastRetransmissions(c.major, c.build); got != c.want {
			t.Errorf("Windows %d build %d: %d, want %d", c.major, c.build, got, c.want)
		}
	}
}

// Without IPv6 a listener for both is one for IPv4: if there are no such sockets,
// and if there is no such address.
func TestDualWithoutIPv6(t *testing.T) {
	for _, c := range []struct {
		call  string
		errno syscall.Errno
	}{{"WSASocket", windows.WSAEAFNOSUPPORT}, {"WSASocket", windows.WSAEPROTONOSUPPORT}, {"bind", windows.WSAEADDRNOTAVAIL}} {
		failed := false
		OnCall = func(name string) syscall.Errno {
			if name == c.call && !failed {
				failed = true
				return c.errno
			}
			return 0
		}
		defer func() { OnCall = nil }()
		any := backend.Address{Inet: netip.AddrPortFrom(netip.IPv6Unspecified(), 0)}
		fd, err := Kernel{}.Listen(backend.Dual, any, backend.ListenOptions{})
		if err != nil {
			t.Errorf("%s says %d: %v", c.call, c.errno, err)
			continue
		}
		addr := Kernel{}.LocalAddr(fd).(*net.TCPAddr)
		if !addr.IP.Equal(net.IPv4zero) || len(addr.IP) != 4 || addr.Port == 0 || !failed {
			t.Errorf("listens on %v", addr)
		}
		Close(fd)
	}
}
