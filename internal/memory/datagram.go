package memory

import (
	"net/netip"
	"slices"
	"time"

	"github.com/completionport/completion/internal/backend"
)

// datagrams is what a datagram socket has besides.
type datagrams struct {
	queue     []*datagram // that have arrived, the oldest first
	held      int         // room that they take up
	shares    bool        // its port with other sockets that do so
	broadcast bool        // may send to broadcast addresses
	groups    []netip.Addr
	waiting   []*Socket // unix senders that have found no room
	reports   backend.Reports
}

// datagram is one datagram. Several receivers may have it, so its bytes do not change.
type datagram struct {
	sender   *Socket
	from, to backend.Address
	bytes    []byte
	accompany
}

// largestDatagram is the largest number of bytes that UDP over IPv4 carries.
const largestDatagram = 65535 - 20 - 8

// overhead is the room that a datagram takes up besides its bytes.
const overhead = 64

// OpenDatagrams returns a datagram socket, which has no descriptor yet. The zero Address
// leaves it without an address: UDP gets one when it sends.
func (s *System) OpenDatagrams(family backend.Family, at backend.Address, o backend.PacketOptions) (*Socket, backend.Errno) {
	k := s.Open(family)
	k.phase = ofDatagrams
	k.datagrams = &datagrams{shares: o.ReusePort, broadcast: o.Broadcast}
	if at.Inet.Addr().IsMulticast() { // as package net binds it
		at.Inet = netip.AddrPortFrom(k.anyAddress().Inet.Addr(), at.Inet.Port())
		k.datagrams.shares = true
	}
	if at == (backend.Address{}) {
		return k, 0
	}
	return k, s.book.bindDatagrams(k, at)
}

// ConnectDatagrams sets the peer of a datagram socket.
func (k *Socket) ConnectDatagrams(to backend.Address) backend.Errno {
	b := &k.system.book
	switch {
	case k.phase != ofDatagrams:
		return errInvalid
	case !k.speaks(to):
		return errBadFamily
	case k.family == backend.Unix && b.mailboxes[to.Path] == nil:
		return errNotThere
	case k.family != backend.Unix && !k.local.Inet.IsValid():
		if errno := b.bindDatagrams(k, k.anyAddress()); errno != 0 {
			return errno
		}
	}
	k.remote = canonical(to)
	k.edge(backend.Writable) // a send may wait for the room of an earlier peer
	if k.local.Inet.Addr().IsUnspecified() {
		k.local.Inet = netip.AddrPortFrom(k.remote.Inet.Addr(), k.local.Inet.Port())
	}
	return 0
}

func (k *Socket) anyAddress() backend.Address {
	any := netip.IPv6Unspecified()
	if k.family == backend.IPv4 {
		any = netip.IPv4Unspecified()
	}
	return backend.Address{Inet: netip.AddrPortFrom(any, 0)}
}

// hasDatagram reports whether a Receive finds a datagram or an error.
func (k *Socket) hasDatagram() bool { return len(k.datagrams.queue) > 0 || k.errno != 0 }

// canSend reports whether a Send does not have to wait: it does for the peer of a connected
// unix socket only.
func (k *Socket) canSend() bool {
	peer := k.system.book.mailboxes[k.remote.Path]
	return k.family != backend.Unix || peer == nil || !peer.datagrams.isFull(peer)
}

// isFull reports whether there is no room for one more datagram. There is always room for
// one.
func (d *datagrams) isFull(k *Socket) bool { return len(d.queue) > 0 && d.held >= k.receiveSize }

// Receive takes the oldest datagram that has arrived. What does not fit into Data is lost.
func (k *Socket) Receive(m *backend.Message) backend.Errno {
	switch {
	case k.phase != ofDatagrams:
		return errNotSupported
	case k.errno != 0:
		return k.takeErrno(0)
	case len(k.datagrams.queue) == 0:
		return errAgain
	}
	d := k.datagrams.queue[0]
	k.datagrams.queue = slices.Delete(k.datagrams.queue, 0, 1)
	k.datagrams.held -= overhead + len(d.bytes)
	m.N = copy(m.Data, d.bytes)
	m.Truncated = m.N < len(d.bytes)
	m.Addr, m.Path = d.from.Inet, d.from.Path
	if m.Control != nil {
		k.report(d, m.Control)
	}
	k.letSendersGo()
	return 0
}

// letSendersGo makes an edge for the senders that have found no room.
func (k *Socket) letSendersGo() {
	waiting := k.datagrams.waiting
	k.datagrams.waiting = nil
	for _, sender := range waiting {
		sender.edge(backend.Writable)
	}
}

// Send sends one datagram: to the address of the message, or to the peer.
func (k *Socket) Send(m *backend.Message) backend.Errno {
	if k.phase != ofDatagrams {
		return errNotSupported
	}
	to := k.remote
	if m.Path != "" || m.Addr != (netip.AddrPort{}) {
		to = canonical(backend.Address{Inet: m.Addr, Path: m.Path})
	}
	if errno := k.checkSend(to, len(m.Data)); errno != 0 {
		return errno
	}
	if m.Control != nil {
		if errno := k.checkControl(m.Control); errno != 0 {
			return errno
		}
	}
	if k.family == backend.Unix {
		if errno := k.checkMailbox(to, m.Path == ""); errno != 0 {
			return errno
		}
	} else if !k.local.Inet.IsValid() {
		if errno := k.system.book.bindDatagrams(k, k.anyAddress()); errno != 0 {
			return errno
		}
	}
	m.N = len(m.Data)
	d := &datagram{sender: k, from: k.sourceOf(to), to: to, bytes: slices.Clone(m.Data), accompany: accompany{ttl: defaultTTL}}
	d.accompanied(m.Control)
	k.system.post(d)
	return 0
}

// checkSend returns the errno of a datagram of n bytes that does not leave this machine.
func (k *Socket) checkSend(to backend.Address, n int) backend.Errno {
	switch {
	case to == (backend.Address{}) && k.family == backend.Unix:
		return errNotConnected
	case to == (backend.Address{}):
		return errNoReceiver
	case k.family == backend.IPv6 && to.Inet.Addr().Is4():
		return errNoNetwork
	case !k.speaks(to):
		return errBadFamily
	case n > largestDatagram:
		return errTooLarge
	case isBroadcast(to) && !k.datagrams.broadcast:
		return errForbidden
	}
	return 0
}

// checkMailbox returns the errno of a datagram to a path. A connected socket waits for room.
func (k *Socket) checkMailbox(to backend.Address, isPeer bool) backend.Errno {
	receiver := k.system.book.mailboxes[to.Path]
	switch {
	case receiver == nil && isPeer:
		return errRefused
	case receiver == nil:
		return errNotThere
	case receiver.datagrams.isFull(receiver) && isPeer:
		receiver.datagrams.waiting = append(receiver.datagrams.waiting, k)
		return errAgain
	case receiver.datagrams.isFull(receiver):
		return errNoBuffers
	}
	return 0
}

func isBroadcast(a backend.Address) bool {
	return a.Inet.Addr() == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// sourceOf returns the address that the receiver sees. Every address is one of this machine,
// so a socket without a certain one answers from that which it talks to.
func (k *Socket) sourceOf(to backend.Address) backend.Address {
	from, ip := k.local, k.local.Inet.Addr()
	if !ip.IsUnspecified() {
		return from
	}
	switch ip = to.Inet.Addr(); {
	case !ip.IsMulticast() && !isBroadcast(to):
	case ip.Is4():
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	default:
		ip = netip.IPv6Loopback()
	}
	from.Inet = netip.AddrPortFrom(ip, from.Inet.Port())
	return from
}

// Lose makes the next datagrams that are sent to an address disappear. times is their
// number: negative for all from now on, 0 for none any more.
func (s *System) Lose(at backend.Address, times int) {
	if s.losses == nil {
		s.losses = make(map[backend.Address]int)
	}
	s.losses[canonical(at)] = times
}

// post puts a datagram under way. Datagrams of one socket keep their order.
func (s *System) post(d *datagram) {
	if left := s.losses[d.to]; left != 0 {
		s.losses[d.to] = max(left-1, min(left, 0))
		return
	}
	link := s.link.behind(s.links[way{d.from, false}]).behind(s.links[way{d.to, true}])
	line := &d.sender.in // whose other direction a datagram socket does not have
	s.sent++
	p := passage{order: s.sent, to: d.sender, what: parcel, datagram: d}
	line.left = line.left.from(s.now, link.Rate)
	if link.Rate > 0 {
		line.left = line.left.after(len(d.bytes))
	}
	p.when = max(later(line.left.at, link.Delay), line.latest)
	line.latest = p.when
	if p.when <= s.now {
		s.deliver(d)
		return
	}
	s.dispatch(p)
	// Whoever wakes up at the time of the arrival delivers it.
	d.sender.tell()
	for _, k := range s.book.receivers(d) {
		k.tell()
	}
}

// deliver handles the arrival of a datagram. As UDP does, it drops what finds no room.
func (s *System) deliver(d *datagram) {
	switch s.book.faults[d.to] {
	case ignore:
		return
	case refuse:
		d.sender.undelivered(d)
		return
	}
	d.time = time.Now()
	receivers := s.book.receivers(d)
	if len(receivers) == 0 {
		d.sender.undelivered(d)
	}
	for _, k := range receivers {
		if len(k.datagrams.queue) == 0 || k.datagrams.held+overhead+len(d.bytes) <= k.receiveSize || k.family == backend.Unix {
			k.datagrams.queue = append(k.datagrams.queue, d)
			k.datagrams.held += overhead + len(d.bytes)
			k.edge(backend.Readable)
		}
	}
}

// undelivered handles the answer that nobody has the port. Only a connected socket gets it.
func (k *Socket) undelivered(d *datagram) {
	if k.phase == ofDatagrams && k.family != backend.Unix && k.remote == d.to {
		k.errno = errRefused
		k.edge(backend.Readable | backend.Writable)
	}
}

// JoinGroup makes the socket receive what is sent to a multicast group. There is one
// interface.
func (k *Socket) JoinGroup(group netip.Addr) backend.Errno {
	group = group.Unmap().WithZone("")
	switch {
	case !group.IsMulticast() || !k.speaks(backend.Address{Inet: netip.AddrPortFrom(group, 0)}):
		return errInvalid
	case slices.Contains(k.datagrams.groups, group):
		return errInUse
	}
	k.datagrams.groups = append(k.datagrams.groups, group)
	return 0
}

// LeaveGroup ends what JoinGroup began.
func (k *Socket) LeaveGroup(group netip.Addr) backend.Errno {
	at := slices.Index(k.datagrams.groups, group.Unmap().WithZone(""))
	if at < 0 {
		return errNoAddress
	}
	k.datagrams.groups = slices.Delete(k.datagrams.groups, at, at+1)
	return 0
}
