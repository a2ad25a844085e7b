package memory

import (
	"net/netip"
	"slices"

	"github.com/completionport/completion/internal/backend"
)

// hasPath reports whether a socket of any kind has a path.
func (b *addressBook) hasPath(path string) bool {
	return b.paths[path] != nil || b.mailboxes[path] != nil
}

// bindDatagrams gives a datagram socket its local address. UDP port 0 selects a free port.
func (b *addressBook) bindDatagrams(k *Socket, at backend.Address) backend.Errno {
	switch {
	case !k.speaks(at):
		return errBadFamily
	case k.family == backend.Unix:
		return b.bindMailbox(k, at.Path)
	}
	port := at.Inet.Port()
	if port == 0 {
		if port = b.freeUDP(); port == 0 {
			return errInUse
		}
	}
	k.local.Inet = netip.AddrPortFrom(at.Inet.Addr().Unmap().WithZone(""), port)
	for _, other := range b.udp[port] {
		if k.collides(other) && !(k.datagrams.shares && other.datagrams.shares) {
			k.local = backend.Address{}
			return errInUse
		}
	}
	if b.udp == nil {
		b.udp = make(map[uint16][]*Socket)
	}
	b.udp[port] = append(b.udp[port], k)
	return 0
}

func (b *addressBook) bindMailbox(k *Socket, path string) backend.Errno {
	if b.hasPath(path) {
		return errInUse
	}
	if b.mailboxes == nil {
		b.mailboxes = make(map[string]*Socket)
	}
	k.local = backend.Address{Path: path}
	b.mailboxes[path] = k
	return 0
}

// freeUDP is freePort for UDP.
func (b *addressBook) freeUDP() uint16 {
	const first = 16384
	for range 65536 - first {
		if b.lastUDP++; b.lastUDP < first {
			b.lastUDP = first
		}
		if len(b.udp[b.lastUDP]) == 0 {
			return b.lastUDP
		}
	}
	return 0
}

// removeDatagrams frees the address of a datagram socket that is closed.
func (b *addressBook) removeDatagrams(k *Socket) {
	if k.family == backend.Unix {
		if b.mailboxes[k.local.Path] == k {
			delete(b.mailboxes, k.local.Path)
		}
		return
	}
	port := k.local.Inet.Port()
	if left := slices.DeleteFunc(b.udp[port], func(other *Socket) bool { return other == k }); len(left) > 0 {
		b.udp[port] = left
	} else {
		delete(b.udp, port)
	}
}

// receivers returns the sockets that get a datagram: all of a group or a broadcast, or else
// one.
func (b *addressBook) receivers(d *datagram) []*Socket {
	if d.to.Path != "" {
		if k := b.mailboxes[d.to.Path]; k != nil {
			return []*Socket{k}
		}
		return nil
	}
	ip := d.to.Inet.Addr()
	var all, best []*Socket
	for _, k := range b.udp[d.to.Inet.Port()] {
		switch {
		case k.remote != (backend.Address{}) && k.remote != d.from: // connected to another
		case ip.IsMulticast() && slices.Contains(k.datagrams.groups, ip),
			isBroadcast(d.to) && k.family != backend.IPv6:
			all = append(all, k)
		case ip.IsMulticast() || isBroadcast(d.to):
		case k.hears(ip):
			best = better(best, k)
		}
	}
	if len(best) > 1 { // that share the port: one sender always has the same receiver
		turn := int(d.from.Inet.Port()) % len(best)
		best = best[turn : turn+1]
	}
	return append(all, best...)
}

// better adds a socket to those that a datagram may be for, unless they fit better, and
// drops them if it does: one that is connected fits best, and one that is bound to any
// address worst.
func better(best []*Socket, k *Socket) []*Socket {
	switch {
	case len(best) == 0 || best[0].fit() < k.fit():
		return []*Socket{k}
	case best[0].fit() == k.fit():
		return append(best, k)
	}
	return best
}

func (k *Socket) fit() int {
	switch {
	case k.remote != (backend.Address{}):
		return 2
	case !k.local.Inet.Addr().IsUnspecified():
		return 1
	}
	return 0
}
