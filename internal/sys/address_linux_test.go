package sys

import (
	"net"
	"net/netip"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// FuzzAddresses puts addresses into the words of each kind of socket and reads
// them back: an address is refused, or comes back as it was. An IPv4 address
// may come back mapped, and the unspecified one as IPv6's.
func FuzzAddresses(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1}, uint16(80), "", "")
	f.Add([]byte(net.IPv6loopback), uint16(0), "", "")
	f.Add([]byte(net.ParseIP("fe80::1")), uint16(65535), "1", "")
	f.Add([]byte(net.IPv4zero), uint16(7), "", "/tmp/socket")
	f.Add([]byte{}, uint16(0), "lo", "@abstract")
	sockets := make(map[int]int)
	for _, family := range []int{unix.AF_INET, unix.AF_INET6, unix.AF_UNIX} {
		if fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err == nil {
			sockets[family] = fd
			f.Cleanup(func() { unix.Close(fd) })
		}
	}
	f.Fuzz(func(t *testing.T, ip []byte, port uint16, zone, path string) {
		addr, _ := netip.AddrFromSlice(ip)
		if addr.Is6() && !addr.Is4In6() {
			addr = addr.WithZone(zone)
		}
		to := backend.Address{Inet: netip.AddrPortFrom(addr, port), Path: path}
		for family, fd := range sockets {
			sa, errno := sockaddr(fd, to)
			wanted := family == unix.AF_UNIX && path != "" || family == unix.AF_INET && addr.Unmap().Is4() || family == unix.AF_INET6 && addr.IsValid()
			if (errno == 0) != wanted || errno != 0 && errno != unix.EAFNOSUPPORT {
				t.Fatalf("family %d, %+v: errno %d", family, to, errno)
			}
			if errno != 0 {
				continue
			}
			switch back := netAddr(sa).(type) {
			case *net.UnixAddr:
				if back.Name != path {
					t.Errorf("path %q came back as %q", path, back.Name)
				}
			case *net.TCPAddr:
				got, ok := netip.AddrFromSlice(back.IP)
				same := got.Unmap() == addr.WithZone("").Unmap() || got.IsUnspecified() && addr.IsUnspecified()
				if !ok || !same || back.Port != int(port) {
					t.Errorf("family %d: %v came back as %v", family, to.Inet, back)
				}
			default:
				t.Errorf("family %d: %v came back as %T", family, to, back)
			}
		}
	})
}
