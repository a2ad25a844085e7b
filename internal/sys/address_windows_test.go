package sys

import (
	"net/netip"
	"testing"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// The address that ConnectEx gets is that of this machine if the one to connect to is
// none in particular, in each of its forms.
func TestConnectAddresses(t *testing.T) {
	for _, c := range []struct {
		domain   int
		to, want string
	}{
		{windows.AF_INET, "0.0.0.0", "127.0.0.1"},
		{windows.AF_INET, "::ffff:0.0.0.0", "127.0.0.1"},
		{windows.AF_INET, "::ffff:192.0.2.1", "192.0.2.1"},
		{windows.AF_INET, "192.0.2.1", "192.0.2.1"},
		{windows.AF_INET6, "0.0.0.0", "::ffff:127.0.0.1"},
		{windows.AF_INET6, "::ffff:0.0.0.0", "::ffff:127.0.0.1"},
		{windows.AF_INET6, "192.0.2.1", "::ffff:192.0.2.1"},
		{windows.AF_INET6, "::", "::1"},
		{windows.AF_INET6, "::%1", "::1"},
		{windows.AF_INET6, "2001:db8::1", "2001:db8::1"},
	} {
		sa, errno := sockaddr(c.domain, target(backend.Address{Inet: netip.AddrPortFrom(netip.MustParseAddr(c.to), 0x1234)}))
		if errno != 0 {
			t.Fatalf("%s: %v", c.to, errno)
		}
		raw, size := rawAddress(sa)
		var got netip.Addr
		var port [2]byte
		if c.domain == windows.AF_INET {
			r := (*windows.RawSockaddrInet4)(raw)
			got, port = netip.AddrFrom4(r.Addr), *(*[2]byte)(unsafe.Pointer(&r.Port))
		} else {
			r := (*windows.RawSockaddrInet6)(raw)
			got, port = netip.AddrFrom16(r.Addr), *(*[2]byte)(unsafe.Pointer(&r.Port))
		}
		family := int(*(*uint16)(raw))
		if got != netip.MustParseAddr(c.want) || port != [2]byte{0x12, 0x34} || family != c.domain || size != int32(map[int]int{windows.AF_INET: 16, windows.AF_INET6: 28}[c.domain]) {
			t.Errorf("family %d to %s: %v of family %d, port %v, %d bytes", c.domain, c.to, got, family, port, size)
		}
	}
}
