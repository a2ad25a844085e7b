package memory

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/completionport/completion/internal/backend"
)

// addressBook records which socket has which address. Every IP address is an address of
// this machine.
type addressBook struct {
	listeners map[uint16][]*Socket // by TCP port
	paths     map[string]*Socket
	taken     map[uint16]bool // TCP ports of sockets that connect
	last      uint16          // the TCP port given out last
	turn      int             // selects one of the listeners that share an address
	faults    map[backend.Address]fate
	names     uint32 // the number of abstract names made so far

	udp       map[uint16][]*Socket // datagram sockets by UDP port
	lastUDP   uint16               // the UDP port given out last
	mailboxes map[string]*Socket   // datagram sockets by path
}

// fate is how connects to an address end, whether or not a socket listens there.
type fate uint8

const (
	refuse fate = iota + 1
	ignore
)

// Refuse makes connects to an address fail, until Restore is called.
func (s *System) Refuse(at backend.Address) { s.book.doom(at, refuse) }

// Ignore leaves connects to an address without an answer, until Restore is called. A
// connect that waits for an answer at that time goes on waiting.
func (s *System) Ignore(at backend.Address) { s.book.doom(at, ignore) }

// Restore ends Refuse and Ignore.
func (s *System) Restore(at backend.Address) { delete(s.book.faults, canonical(at)) }

func (b *addressBook) doom(at backend.Address, f fate) {
	if b.faults == nil {
		b.faults = make(map[backend.Address]fate)
	}
	b.faults[canonical(at)] = f
}

// canonical returns the one form of an address that is used as a key. An unspecified host
// becomes the loopback address.
func canonical(a backend.Address) backend.Address {
	if a.Path != "" {
		return backend.Address{Path: a.Path}
	}
	ip := a.Inet.Addr().Unmap().WithZone("")
	switch {
	case !ip.IsUnspecified():
	case ip.Is4():
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	default:
		ip = netip.IPv6Loopback()
	}
	return backend.Address{Inet: netip.AddrPortFrom(ip, a.Inet.Port())}
}

// speaks reports whether a socket can use an address.
func (k *Socket) speaks(a backend.Address) bool {
	ip := a.Inet.Addr().Unmap()
	switch k.family {
	case backend.Unix:
		return a.Path != ""
	case backend.IPv4:
		return ip.Is4()
	case backend.IPv6:
		return ip.Is6()
	}
	return ip.IsValid()
}

// listen gives a listener its address.
func (b *addressBook) listen(k *Socket, at backend.Address) backend.Errno {
	if k.family == backend.Unix && at == (backend.Address{}) {
		at.Path = b.abstractName()
	}
	if !k.speaks(at) {
		return errBadFamily
	}
	if k.family == backend.Unix {
		return b.listenOn(k, at.Path)
	}
	port := at.Inet.Port()
	if port == 0 {
		if port = b.freePort(); port == 0 {
			return errInUse
		}
	}
	k.local.Inet = netip.AddrPortFrom(at.Inet.Addr().Unmap().WithZone(""), port)
	if b.taken[port] {
		return errInUse
	}
	for _, other := range b.listeners[port] {
		if k.collides(other) && !(k.shares && other.shares) {
			return errInUse
		}
	}
	if b.listeners == nil {
		b.listeners = make(map[uint16][]*Socket)
	}
	b.listeners[port] = append(b.listeners[port], k)
	return 0
}

func (b *addressBook) listenOn(k *Socket, path string) backend.Errno {
	if b.hasPath(path) {
		return errInUse
	}
	if b.paths == nil {
		b.paths = make(map[string]*Socket)
	}
	k.local = backend.Address{Path: path}
	b.paths[path] = k
	return 0
}

// abstractName returns a name that no socket has, as Linux does for a bind without a name.
func (b *addressBook) abstractName() string {
	for {
		b.names++
		if name := fmt.Sprintf("@%05x", b.names); !b.hasPath(name) {
			return name
		}
	}
}

// collides reports whether two listeners on one port would get the same connects.
func (k *Socket) collides(other *Socket) bool {
	a, b := k.local.Inet.Addr(), other.local.Inet.Addr()
	switch {
	case a == b:
		return true
	case a.IsUnspecified():
		return k.hears(b)
	case b.IsUnspecified():
		return other.hears(a)
	}
	return false
}

// hears reports whether a listener gets the connects to an IP address.
func (k *Socket) hears(ip netip.Addr) bool {
	at := k.local.Inet.Addr()
	return at == ip || at.IsUnspecified() && (at.Is4() == ip.Is4() || k.family == backend.Dual)
}

// bind sets both addresses of a socket that connects. The socket may have a local one.
func (b *addressBook) bind(k *Socket, to backend.Address) backend.Errno {
	if !k.speaks(to) {
		return errBadFamily
	}
	k.remote = canonical(to)
	if k.family == backend.Unix {
		return 0
	}
	local := k.local.Inet
	if !k.ownsPort {
		if errno := b.take(k, 0); errno != 0 {
			return errno
		}
	}
	if !local.IsValid() || local.Addr().IsUnspecified() {
		k.local.Inet = netip.AddrPortFrom(k.remote.Inet.Addr(), k.local.Inet.Port())
	}
	return 0
}

// bindLocal gives a socket that is to connect its local address.
func (b *addressBook) bindLocal(k *Socket, local backend.Address) backend.Errno {
	switch {
	case k.phase != fresh || k.local != (backend.Address{}):
		return errInvalid
	case !k.speaks(local):
		return errBadFamily
	case k.family == backend.Unix && b.hasPath(local.Path):
		return errInUse
	case k.family == backend.Unix:
		k.local.Path = local.Path
		return 0
	}
	if errno := b.take(k, local.Inet.Port()); errno != 0 {
		return errno
	}
	k.local.Inet = netip.AddrPortFrom(local.Inet.Addr().Unmap().WithZone(""), k.local.Inet.Port())
	return 0
}

// take makes a TCP port one of a socket that connects. 0 means one that is free.
func (b *addressBook) take(k *Socket, port uint16) backend.Errno {
	switch {
	case port != 0 && (b.taken[port] || len(b.listeners[port]) > 0):
		return errInUse
	case port == 0:
		if port = b.freePort(); port == 0 {
			return errNoAddress
		}
	}
	if b.taken == nil {
		b.taken = make(map[uint16]bool)
	}
	b.taken[port] = true
	k.ownsPort = true
	k.local.Inet = netip.AddrPortFrom(netip.IPv6Unspecified(), port)
	return 0
}

// freePort returns a TCP port that no socket has, 0 if there is none. A port is used again
// as late as possible, so that a connect to a stale address fails.
func (b *addressBook) freePort() uint16 {
	const first = 16384
	for range 65536 - first {
		if b.last++; b.last < first {
			b.last = first
		}
		if !b.taken[b.last] && len(b.listeners[b.last]) == 0 {
			return b.last
		}
	}
	return 0
}

// lookup returns the listener that gets a connect to an address, nil for none. silent
// reports whether there is no answer at all.
func (b *addressBook) lookup(at backend.Address) (l *Socket, silent bool) {
	switch b.faults[at] {
	case refuse:
		return nil, false
	case ignore:
		return nil, true
	}
	if at.Path != "" {
		return b.paths[at.Path], false
	}
	var exact, any []*Socket
	for _, k := range b.listeners[at.Inet.Port()] {
		switch {
		case k.local.Inet == at.Inet:
			exact = append(exact, k)
		case k.hears(at.Inet.Addr()):
			any = append(any, k)
		}
	}
	if exact == nil {
		exact = any
	}
	if exact == nil {
		return nil, false
	}
	b.turn++
	return exact[b.turn%len(exact)], false
}

// tell wakes the owners of listeners that a connect to this address may be for.
func (b *addressBook) tell(at backend.Address) {
	if l := b.paths[at.Path]; l != nil {
		l.tell()
	}
	for _, l := range b.listeners[at.Inet.Port()] {
		l.tell()
	}
}

// remove frees the addresses of a socket that is closed.
func (b *addressBook) remove(k *Socket) {
	port := k.local.Inet.Port()
	switch {
	case k.datagrams != nil:
		b.removeDatagrams(k)
	case k.ownsPort:
		delete(b.taken, port)
	case k.family == backend.Unix:
		if b.paths[k.local.Path] == k {
			delete(b.paths, k.local.Path)
		}
	default: // a listener, or not in the book at all
		for i, other := range b.listeners[port] {
			if other == k {
				b.listeners[port] = slices.Delete(b.listeners[port], i, i+1)
				return
			}
		}
	}
}

// LocalAddr returns this end's address, nil if it has none.
func (k *Socket) LocalAddr() net.Addr { return k.netAddr(k.local, true) }

// RemoteAddr returns the other end's address, also after a reset has ended the
// connection, and nil if there is no connection.
func (k *Socket) RemoteAddr() net.Addr {
	return k.netAddr(k.remote, k.phase == connected || k.phase == ofDatagrams && k.remote != (backend.Address{}))
}

func (k *Socket) netAddr(a backend.Address, there bool) net.Addr {
	switch {
	case !there || k.phase == closed:
		return nil
	case k.family == backend.Unix:
		return &net.UnixAddr{Net: "unix", Name: a.Path}
	case a.Inet.IsValid():
		return net.TCPAddrFromAddrPort(a.Inet)
	case k.family == backend.IPv4: // not bound
		return &net.TCPAddr{IP: net.IPv4zero.To4()}
	}
	return &net.TCPAddr{IP: net.IPv6unspecified}
}
