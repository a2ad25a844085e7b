package backend

import "net/netip"

// Message is one datagram that a Receive stores or that a Send sends.
type Message struct {
	// Data is the memory to receive into, or the bytes to send.
	Data []byte
	// Addr is the sender, never in the IPv6 form of an IPv4 address, or the receiver. To
	// send on a connected socket, Addr and Path are zero. The address of a unix socket is
	// Path.
	Addr netip.AddrPort
	Path string
	// N is the number of bytes that were stored or sent.
	N int
	// Truncated reports that the datagram that was received did not fit into Data. The
	// rest of it is lost.
	Truncated bool
}

// PacketOptions are set before a datagram socket is bound.
type PacketOptions struct {
	ReusePort bool
	Broadcast bool
}

// Group is a group of multicast receivers on one interface. Interface 0 lets the system
// choose.
type Group struct {
	Addr      netip.Addr
	Interface int
}
