package sys

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// A group is joined on the interface that is given, also by an address, as on the BSDs. The
// loopback interface is not the one that the system would choose.
func TestGroupByAddress(t *testing.T) {
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(ifi net.Interface) bool { return ifi.Flags&net.FlagLoopback != 0 })
	if i < 0 {
		t.Skip("no loopback interface")
	}
	loopback, k := all[i], &Kernel{}
	fd, err := k.PacketSocket(backend.IPv4, backend.Address{Inet: netip.MustParseAddrPort("127.0.0.1:0")}, backend.PacketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(fd)
	group := netip.MustParseAddr("239.41.173.9")
	has := func() bool {
		addrs, err := loopback.MulticastAddrs()
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(addrs, func(a net.Addr) bool { return a.String() == group.String() })
	}
	for _, step := range []struct {
		option int
		joined bool
	}{{unix.IP_ADD_MEMBERSHIP, true}, {unix.IP_DROP_MEMBERSHIP, false}} {
		if err := groupByAddress(fd, group.As4(), loopback.Index, step.option); err != nil || has() != step.joined {
			t.Errorf("option %d: %v; member: %v, want %v", step.option, err, has(), step.joined)
		}
	}
	if err := groupByAddress(fd, group.As4(), 1<<30, unix.IP_ADD_MEMBERSHIP); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("an interface that does not exist: %v", err)
	}
}
