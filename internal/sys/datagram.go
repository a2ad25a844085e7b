//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package sys

import (
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/backend"
)

// segmentsPerCall is how many datagrams of one message a call sends one by one.
const segmentsPerCall = 32

// sendSegments sends the datagrams of a message that has several, one by one. The count of the
// message says where the next call goes on, if there was no room for all of them, or if they are
// too many for one call.
func sendSegments(fd int, m *backend.Message) (errno syscall.Errno) {
	c, size := *m.Control, m.Control.SegmentSize
	c.SegmentSize = 0
	one := backend.Message{Addr: m.Addr, Path: m.Path, Control: &c}
	for range segmentsPerCall {
		one.Data = m.Data[m.N:min(m.N+size, len(m.Data))]
		if errno = sendOne(fd, &one); errno != 0 {
			return errno
		}
		if m.N += len(one.Data); m.N == len(m.Data) { // at once, if there are no bytes
			break
		}
	}
	return 0
}

// isSent reports whether all of a message was sent, after a call without an errno.
func isSent(m *backend.Message) bool { return m.N == len(m.Data) }

// received6 returns the address of a sender that the system has reported in the form of
// IPv6.
func received6(addr [16]byte, scope uint32) netip.Addr {
	ip := netip.AddrFrom16(addr)
	if ip.Is4In6() {
		return ip.Unmap()
	}
	if scope != 0 {
		return ip.WithZone(zoneName(scope))
	}
	return ip
}

// loopbackFor is target for a datagram: an unspecified address means this machine.
func loopbackFor(addr netip.Addr) netip.Addr {
	switch {
	case !addr.IsUnspecified():
		return addr
	case addr.Is4():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// zones keeps the names of interfaces: asking the system for one takes several calls and
// allocates, and a server on a link-local address would ask for each datagram.
var zones struct {
	sync.Mutex
	names   map[uint32]string
	numbers map[string]uint32
	until   int64
}

// zonesLast is how long names are kept. Interfaces seldom change.
const zonesLast = int64(time.Minute)

// zoneName returns the name of the interface with this number, the number as text if it has
// none.
func zoneName(number uint32) string {
	zones.Lock()
	defer zones.Unlock()
	freshZones()
	name, ok := zones.names[number]
	if !ok {
		name = strconv.FormatUint(uint64(number), 10)
		if ifi, err := net.InterfaceByIndex(int(number)); err == nil {
			name = ifi.Name
		}
		zones.names[number] = name
	}
	return name
}

// zoneNumber is the function zone with a memory.
func zoneNumber(name string) uint32 {
	if name == "" {
		return 0
	}
	zones.Lock()
	defer zones.Unlock()
	freshZones()
	number, ok := zones.numbers[name]
	if !ok {
		number = zone(name)
		zones.numbers[name] = number
	}
	return number
}

// freshZones forgets what is too old. The lock is held.
func freshZones() {
	if now := Now(); zones.names == nil || now > zones.until {
		zones.names, zones.numbers = make(map[uint32]string), make(map[string]uint32)
		zones.until = now + zonesLast
	}
}
